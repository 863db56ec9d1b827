"""Nothing is lost: journals replayed, torn and foreign ones; reviewed masks never overwrite; two masks compared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delineate.domain import Geometry, Image, LabelSet
from delineate.editing import tools
from delineate.editing.difference import BOTH, ONLY_A, ONLY_B, Comparison, compare_documents, map_document
from delineate.editing.document import Document, begun_from, open_document
from delineate.editing.journal import unsaved
from delineate.editing.planes import Plane
from delineate.editing.recovery import restore
from delineate.editing.reviewed import ReviewRecord, save_reviewed
from delineate.editing.session import Session
from delineate.errors import ResourceError, UsageError
from delineate.formats import read_labels, write_labels
from delineate.recipe import load


def fresh(path: Path | None = None) -> Document:
    return Document(Image(np.arange(1024, dtype=np.uint16).reshape(1, 32, 32), Geometry((32, 32)), path, "tiff"))


def dab(document: Document, v: float, u: float, radius: float = 3):  # type: ignore[no-untyped-def]
    return tools.brush(document, Plane.AXIAL, 0, [(v, u)], radius, 1)


ACTIONS = st.lists(st.tuples(st.sampled_from(["do", "stroke", "open", "undo", "redo", "saved"]), st.integers(0, 31)), max_size=14)


@settings(max_examples=40)
@given(ACTIONS)
def test_a_replayed_journal_is_the_state(tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int]]) -> None:
    folder = tmp_path_factory.mktemp("state")
    document = fresh()
    session = Session(document, folder)
    for action, place in actions:
        if action == "do":
            session.do("brush", dab(document, place, place))
        elif action in ("stroke", "open"):
            session.begin("brush")
            for step in range(3):
                session.add(dab(document, place, place + 2 * step))
            if action == "open" and place == actions[-1][1]:
                break
            session.end("brush")
        elif action == "saved":
            session.saved()
        else:
            (session.undo if action == "undo" else session.redo)()
    if session.journal is None:
        assert not unsaved(folder)
        return
    path = session.journal.path
    session.settle()
    assert not unsaved(folder)  # it is open
    os.close(session.journal._file)  # what the system does with a killed process
    again = fresh()
    restored = restore(path, again, folder)
    assert np.array_equal(again.edited, document.edited)
    assert again.dirty
    before = again.edited.copy()
    if restored.undo():
        restored.redo()
        assert np.array_equal(again.edited, before)
    restored.close()
    assert not path.exists()


def test_a_torn_record_ends_the_journal(tmp_path: Path) -> None:
    document = fresh()
    session = Session(document, tmp_path)
    session.do("brush", dab(document, 8, 8))
    session.settle()
    first = document.edited.copy()
    session.do("brush", dab(document, 20, 20))
    session.close(keep=True)
    (found,) = unsaved(tmp_path)
    assert found.steps == 2
    data = found.path.read_bytes()
    for damaged in (data[:-3], data[:-3] + b"abc"):
        found.path.write_bytes(damaged)
        again = fresh()
        restored = restore(found.path, again, tmp_path)
        assert np.array_equal(again.edited, first)
        restored.do("brush", dab(again, 25, 25))
        restored.close(keep=True)
        (found,) = unsaved(tmp_path)
        assert found.steps == 2


def test_a_journal_of_another_image_is_refused(tmp_path: Path) -> None:
    document = fresh()
    session = Session(document, tmp_path)
    session.do("brush", dab(document, 8, 8))
    session.close(keep=True)
    (found,) = unsaved(tmp_path)
    other = fresh()
    other.image.pixels[0, 0, 0] += 1
    with pytest.raises(UsageError) as refused:
        restore(found.path, other, tmp_path)
    assert refused.value.code == "editing-journal-other"
    found.path.write_bytes(b"something else")
    with pytest.raises(UsageError) as refused:
        restore(found.path, fresh(), tmp_path)
    assert refused.value.code == "editing-journal-damaged"
    assert not unsaved(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_within_a_stroke_loses_nothing(tmp_path: Path) -> None:
    script = """if True:
        import sys, time
        from pathlib import Path
        from tests.editing.test_session import Session, dab, fresh
        document = fresh()
        session = Session(document, Path(sys.argv[1]))
        session.do("brush", dab(document, 5, 5))
        session.begin("brush")
        session.add(dab(document, 20, 20))
        session.settle()
        print("ready", flush=True)
        time.sleep(600)
    """
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        assert not unsaved(tmp_path)
        child.send_signal(signal.SIGKILL)
    (found,) = unsaved(tmp_path)
    document, expected = fresh(), fresh()
    for place in (5, 20):
        expected.apply(dab(expected, place, place))
    session = restore(found.path, document, tmp_path)
    assert np.array_equal(document.edited, expected.edited)
    assert session.stack.done == ("brush", "brush")
    session.close()


def test_a_reviewed_mask_is_new_and_says_who(tmp_path: Path) -> None:
    image = tmp_path / "lung.png"
    write_labels(image, np.arange(64, dtype=np.uint8).reshape(8, 8), Geometry((8, 8)))
    mask = write_labels(tmp_path / "lung_mask.png", np.eye(8, dtype=np.uint8), Geometry((8, 8)))
    before = {path: path.read_bytes() for path in (image, mask)}
    document = open_document(image, mask)
    session = Session(document, tmp_path / "state")
    session.do("brush", tools.brush(document, Plane.AXIAL, 0, [(0, 7)], 0.5, 1))
    assert document.dirty
    written, record = save_reviewed(document, tmp_path, "Dr. Li", "left lobe")
    session.saved()
    assert not document.dirty
    assert not unsaved(tmp_path / "state")
    (first,) = written
    assert first.name == "lung.reviewed.png"
    raw = read_labels(first)
    assert raw.values is not None
    assert np.array_equal(raw.values, document.outward())
    found = load(ReviewRecord, record)
    assert (found.reviewer, found.note, found.changed_pixels) == ("Dr. Li", "left lobe", {"foreground": 1})
    assert found.pixels == {"foreground": 9}
    kept = first.read_bytes()
    second, _ = save_reviewed(document, tmp_path, "Dr. Li")
    assert second[0].name == "lung.reviewed-2.png"
    assert first.read_bytes() == kept
    assert {path: path.read_bytes() for path in before} == before
    with pytest.raises(UsageError):
        save_reviewed(document, tmp_path, "  ")
    with pytest.raises(ResourceError):
        save_reviewed(document, image, "Dr. Li")  # a file where the folder should be
    assert json.loads(record.read_text(encoding="utf-8"))["version"] == 1


def test_two_masks_compared() -> None:
    a, b, truth = (np.zeros((1, 1, 4, 4), np.uint8) for _ in range(3))
    a[..., :2, :], b[..., 1:3, :], truth[..., :2, :] = 1, 1, 1
    compared = Comparison(a, b, LabelSet(), truth)
    assert compared.map(1)[0, :, 0].tolist() == [ONLY_A, BOTH, ONLY_B, 0]
    assert compared.between(1) == pytest.approx(0.5)
    assert compared.counts(1) == (4, 4, 4)
    assert compared.against_truth(1) == (pytest.approx(1), pytest.approx(0.5))
    assert Comparison(a * 0, b * 0, LabelSet()).between(1) is None
    with pytest.raises(ValueError, match="shapes"):
        Comparison(a, b[..., :3], LabelSet())


def pair(kind: str, names: tuple[str, ...], *boxes: tuple[int, slice]) -> Document:
    """Labels on rows of an image; ``boxes`` are (class, rows)."""
    document = Document(fresh().image, LabelSet(kind=kind, names=names))  # type: ignore[arg-type]
    for label, rows in boxes:
        layer, value = document.target(label)
        document.edited[layer, 0, rows] = value
    return document


def test_models_with_other_classes_are_compared_by_name() -> None:
    a = pair("exclusive", ("liver", "spleen"), (1, slice(0, 8)), (2, slice(10, 12)))
    b = pair("regions", ("kidney", "liver"), (2, slice(4, 8)), (1, slice(0, 32)))
    a.truth = b.edited[1:]  # liver where b says so
    found = compare_documents(a, b, a)
    assert found.labels.names == ("liver",)
    assert found.between(1) == pytest.approx(2 / 3)
    assert found.against_truth(1) == (pytest.approx(2 / 3), pytest.approx(1))
    mapped = map_document(a, found, 1, ("only A", "only B", "both"))
    assert mapped.edited[0, 0, :, 0].tolist()[:9] == [ONLY_A] * 4 + [BOTH] * 4 + [0]
    assert a.edited[0, 0, 0, 0] == 1
    assert not mapped.dirty
    single = compare_documents(pair("binary", ("x",), (1, slice(0, 2))), pair("exclusive", ("y",), (1, slice(0, 4))))
    assert single.labels.names == ("x / y",)
    assert single.against_truth(1) == (None, None)
    with pytest.raises(UsageError) as refused:
        compare_documents(a, pair("exclusive", ("heart", "aorta")))
    assert refused.value.code == "editing-no-common-class"


def test_a_mask_of_several_labels_to_begin_from(tmp_path: Path) -> None:
    labels = np.zeros((32, 32), np.uint8)
    labels[2:4], labels[8:10] = 1, 3
    path = write_labels(tmp_path / "three.png", labels, Geometry((32, 32)))
    image = fresh()
    begun = begun_from(image, path)
    assert begun.label_set == LabelSet(kind="exclusive", names=("foreground", "label_2", "label_3"))
    assert np.array_equal(begun.outward(), labels)
    assert begun.pixels is image.pixels
    assert not image.edited.any()
    write_labels(tmp_path / "one.png", (labels > 0).astype(np.uint8), Geometry((32, 32)))
    assert begun_from(image, tmp_path / "one.png").label_set == LabelSet()
    write_labels(tmp_path / "small.png", labels[:8], Geometry((8, 32)))
    with pytest.raises(UsageError) as refused:
        begun_from(image, tmp_path / "small.png")
    assert refused.value.code == "editing-mask-shape"
