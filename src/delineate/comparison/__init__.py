"""Finished runs scored on the same persons, compared with statistics one can publish."""

from delineate.comparison.candidates import Candidate, group_runs
from delineate.comparison.claim import Claim, claim_sentence, note_sentences
from delineate.comparison.compare import Comparison, compare_candidates
from delineate.comparison.curves import History, write_curves_csv
from delineate.comparison.files import write_comparison_json, write_per_patient_csv, write_table_csv, write_table_tex
from delineate.comparison.runs import FinishedRun, read_finished

__all__ = [
    "Candidate",
    "Claim",
    "Comparison",
    "FinishedRun",
    "History",
    "claim_sentence",
    "compare_candidates",
    "group_runs",
    "note_sentences",
    "read_finished",
    "write_comparison_json",
    "write_curves_csv",
    "write_per_patient_csv",
    "write_table_csv",
    "write_table_tex",
]
