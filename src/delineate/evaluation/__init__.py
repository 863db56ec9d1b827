"""Scores of groups and persons, intervals, the table of cases, and pictures of results."""

from delineate.evaluation.cases import read_cases_csv, write_cases_csv
from delineate.evaluation.choices import Choice, Choices
from delineate.evaluation.examples import Picture, PictureIndex, choose_examples, picture_name
from delineate.evaluation.pictures import busiest_plane, case_picture, montage, volume_gif
from delineate.evaluation.scores import ClassScore, GroupScore, score_group
from delineate.evaluation.summary import HEADLINES, MEASURES, person_values, summarise

__all__ = [
    "HEADLINES",
    "MEASURES",
    "Choice",
    "Choices",
    "ClassScore",
    "GroupScore",
    "Picture",
    "PictureIndex",
    "busiest_plane",
    "case_picture",
    "choose_examples",
    "montage",
    "person_values",
    "picture_name",
    "read_cases_csv",
    "score_group",
    "summarise",
    "volume_gif",
    "write_cases_csv",
]
