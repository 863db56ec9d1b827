"""A folder → Scan: walk, let the layouts propose, take the best, name persons, explain the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from delineate.domain import Case, Finding, Scan, Severity, Source
from delineate.errors import DataError, DelineateError, UsageError
from delineate.events import EventSink, Note, discard
from delineate.formats import find_series
from delineate.formats.series_facts import series_numbers
from delineate.layouts.contents import unusable
from delineate.layouts.grouping import group
from delineate.layouts.leftovers import explain, shorten
from delineate.layouts.metadata import read_classes
from delineate.layouts.patterns import from_patterns
from delineate.layouts.proposal import LAYOUTS, Proposal
from delineate.layouts.segments import with_segments
from delineate.layouts.table import from_table
from delineate.layouts.tree import LOSSY_SUFFIXES, Tree, natural, walk
from delineate.layouts.unexplained import cannot_explain

#: A proposal that explains less of the image-like files than this is no explanation.
MIN_SCORE = 0.4


def scan(
    root: Path | str,
    *,
    layout: str | None = None,
    image_pattern: str | None = None,
    mask_pattern: str | None = None,
    patient_pattern: str | None = None,
    table: Path | str | None = None,
    on_event: EventSink = discard,
) -> Scan:
    """Find the cases of a data set.

    Parameters
    ----------
    root
        The folder. Names decide; file contents are looked at only where names cannot tell.
    layout
        Name of a layout that must be used; default: the one with the best evidence.
    image_pattern, mask_pattern
        Instead of a layout: ``imgs/{case}.tif`` and ``gt/{case}_m.png``, see :mod:`delineate.layouts.patterns`.
    patient_pattern
        ``{patient}_*``: where an image's name says whose it is.
    table
        Instead of a layout: a CSV or TSV with the columns image, mask[, patient, split, volume, position].

    Raises
    ------
    DataError
        ``file-missing``, ``not-a-folder``, ``folder-empty``, ``no-images``, ``no-mask-files``, ``layout-unknown``,
        ``layout-does-not-fit``, ``no-usable-files``, ``table-…``, ``pattern-…``.
    UsageError
        ``unknown-choice`` (layout), ``patterns-both``, ``bad-pattern``, ``patterns-share-nothing``, ``too-many-ways``.
    """
    root = Path(root)
    if not root.exists():
        raise DataError("file-missing", path=root)
    if not root.is_dir():
        raise DataError("not-a-folder", path=root)
    if (image_pattern is None) != (mask_pattern is None):
        raise UsageError("patterns-both")
    if sum(way is not None for way in (layout, image_pattern, table)) > 1:
        raise UsageError("too-many-ways")
    tree = walk(root)
    name, tree, proposal, scores = _propose(tree, layout, image_pattern, mask_pattern, None if table is None else Path(table))
    result = _complete(name, tree, proposal, scores, patient_pattern)
    on_event(Note("layout-found", {"layout": name, "cases": len(result.cases), "left_out": len(result.explained)}))
    return result


def _propose(
    tree: Tree, layout: str | None, image_pattern: str | None, mask_pattern: str | None, table: Path | None
) -> tuple[str, Tree, Proposal, dict[str, float]]:
    if table is not None:
        return "table", tree, from_table(tree, table), {}
    folded = tree.collapsed()
    if image_pattern is not None and mask_pattern is not None:
        try:
            return "patterns", tree, from_patterns(tree, image_pattern, mask_pattern), {}
        except DataError:
            if folded is None:
                raise
        return "patterns", folded, from_patterns(folded, image_pattern, mask_pattern), {}
    entries = list(LAYOUTS) if layout is None else [LAYOUTS.get(layout)]
    candidates: list[tuple[float, int, int, str, Tree, Proposal]] = []
    scores: dict[str, float] = {}
    for view in (tree, folded):
        for entry in entries if view is not None else ():
            assert view is not None
            proposal = entry.propose(view)
            if proposal is None:
                continue
            score = proposal.score(view)
            scores[entry.name] = max(round(score, 3), scores.get(entry.name, 0.0))
            candidates.append((round(score, 2), entry.specificity, -len(candidates), entry.name, view, proposal))
    best = max(candidates, key=lambda c: c[:3], default=None)
    if best is None or (best[0] < MIN_SCORE and layout is None and not best[5].declared):
        raise cannot_explain(tree, layout, scores)
    return best[3], best[4], best[5], scores


def _complete(name: str, tree: Tree, proposal: Proposal, scores: dict[str, float], patient_pattern: str | None) -> Scan:
    findings: list[Finding] = [*tree.findings, *proposal.findings]
    explained = {**tree.explained, **proposal.explained}
    proposal.cases = with_segments(_with_series(proposal.cases, explained, findings), proposal.class_names)
    proposal.cases = _without_unusable(proposal.cases, explained, findings)
    proposal.cases = _one_id_each(proposal.cases)
    if not proposal.cases:
        raise DataError("no-usable-files", path=tree.root, reasons=", ".join(sorted({finding.code for finding in findings})) or "–")
    if len({case.split for case in proposal.cases}) == 1:
        proposal.cases = [replace(case, split=None) for case in proposal.cases]  # one part only is no split
    grouping = group(tree.root, proposal, patient_pattern)
    cases = tuple(sorted(grouping.cases, key=_order))
    findings += grouping.findings
    findings += _lossy_masks(cases)
    classes = read_classes(tree)
    explained.update(dict.fromkeys(classes.files, "metadata"))
    used = {source.path for case in cases for sources in (case.images, case.masks, *case.raters.values()) for source in sources}
    explained = {path: code for path, code in explained.items() if path not in used}
    findings += explain(tree, proposal, used, explained)
    _explain_inside_series(tree, used, explained)
    splits = sorted({case.split for case in cases if case.split})
    evidence = {**proposal.evidence, **grouping.evidence, "scores": scores} | ({"splits": splits} if splits else {})
    return Scan(
        tree.root,
        name,
        cases,
        shorten(findings),
        grouping.unit,
        evidence,
        proposal.class_names or classes.names,
        classes.colours,
        explained,
    )


def _order(case: Case) -> tuple[object, ...]:
    """Natural order of ids; slices of a volume by position."""
    return (natural(case.id.rpartition("/")[0]), case.volume or "", case.position or 0, natural(case.id))


def _with_series(cases: list[Case], explained: dict[Path, str], findings: list[Finding]) -> list[Case]:
    """Give DICOM folders the UID of their series. Of several series the longest is taken, and a finding says so."""
    kept = []
    for case in cases:
        images = []
        for source in case.images:
            if source.item is not None or source.index is not None or not source.path.is_dir():
                images.append(source)
                continue
            try:
                series = sorted(find_series(source.path), key=lambda entry: -len(entry.files))
            except (DelineateError, OSError):
                series = []
            if not series:
                findings.append(Finding("no-dicom-series", "warning", source.path, case.id))
                break
            if len(series) > 1:
                findings.append(
                    Finding("several-series", "warning", source.path, case.id, {"n": len(series), "files": len(series[0].files)})
                )
            for problem in series[0].problems:
                numbers = series_numbers(series[0].facts)
                findings.append(Finding(f"series-{problem}", "warning", source.path, case.id, numbers))
            images.append(Source(source.path, item=series[0].uid))
        else:
            kept.append(replace(case, images=tuple(images)))
            continue
        explained.update({mask.path: "partner-unusable" for mask in case.masks})
    return kept


def _without_unusable(cases: list[Case], explained: dict[Path, str], findings: list[Finding]) -> list[Case]:
    """Leave out cases with a file that is empty or no image; their other files are explained by it."""
    paths = dict.fromkeys(source.path for case in cases for source in (*case.images, *case.masks))
    bad = unusable(paths)
    if not bad:
        return cases
    findings += [Finding(code, "warning", path) for path, code in bad.items()]
    kept = []
    for case in cases:
        sources = [source.path for group in (case.images, case.masks, *case.raters.values()) for source in group]
        if any(path in bad for path in sources):
            explained.update({path: bad.get(path, "partner-unusable") for path in sources})
        else:
            kept.append(case)
    return kept


def _one_id_each(cases: list[Case]) -> list[Case]:
    """Ids that two files would share (``x.png``, ``x.jpg``) get the suffix, which makes them differ."""
    count: dict[str, int] = {}
    for case in cases:
        count[case.id] = count.get(case.id, 0) + 1
    return [case if count[case.id] == 1 else replace(case, id=f"{case.id}{case.path.suffix}") for case in cases]


def _lossy_masks(cases: tuple[Case, ...]) -> list[Finding]:
    """Refused when they are read. A few are left out like other bad files; where they are most, the data cannot be used."""
    paths = [source.path for case in cases for source in case.masks]
    lossy = [path for path in paths if path.suffix.lower() in LOSSY_SUFFIXES]
    severity: Severity = "error" if 2 * len(lossy) > len(paths) else "warning"
    return [Finding("jpeg-mask", severity, lossy[0], params={"n": len(lossy)})] if lossy else []


def _explain_inside_series(tree: Tree, used: set[Path], explained: dict[Path, str]) -> None:
    """Files of a DICOM folder that no case uses get the folder's reason, one by one."""
    for folder in [path for path in explained if path.is_dir()]:
        code = explained.pop(folder)
        for path in folder.iterdir():
            if path.is_file() and path not in used:
                explained.setdefault(path, code)
