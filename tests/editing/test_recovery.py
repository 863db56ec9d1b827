"""After a crash everything is there: which model it was, what it said, with what probabilities, and the reference."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from delineate.domain import Geometry, Image, LabelSet
from delineate.editing import beginning, tools
from delineate.editing.beginning import Beginning
from delineate.editing.changes import Labels
from delineate.editing.document import Document
from delineate.editing.journal import Journal, records, unsaved
from delineate.editing.planes import Plane
from delineate.editing.recovery import restore
from delineate.editing.reviewed import ReviewRecord, save_reviewed
from delineate.editing.session import Session
from delineate.editing.view import ViewState
from delineate.errors import ResourceError, UsageError
from delineate.recipe import ModelRecord, load

SHAPE = (6, 24, 20)
NAMES = LabelSet(kind="regions", names=("liver", "lesion"))
MODEL = ModelRecord(name="two organs", labels=NAMES, thresholds=(0.4, 0.6), clean=({}, {}))


def opened() -> Document:
    affine = np.diag([-2.0, -1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    return Document(Image(np.arange(np.prod(SHAPE), dtype=np.int16).reshape(1, *SHAPE), Geometry(SHAPE, (2, 1, 1), affine)))


def segmented() -> Document:
    document = opened()
    shares = np.random.default_rng(1).random((2, *SHAPE), np.float32)
    labels = NAMES.decide(shares, MODEL.thresholds)
    document.set_prediction(labels, shares, MODEL, {"file": "two.onnx", "sha256": "ab" * 32})
    document.set_truth(1 - labels)
    return document


def edited(session: Session) -> None:
    document = session.document
    session.do("brush", tools.brush(document, Plane.AXIAL, 2, [(5, 5)], 4, 2))
    session.do("brush", tools.brush(document, Plane.CORONAL, 7, [(2, 9)], 3, 1))
    session.undo()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_while_correcting_a_prediction(tmp_path: Path) -> None:
    script = """if True:
        import sys, time
        from pathlib import Path
        from tests.editing.test_recovery import Plane, Session, edited, segmented, tools
        session = Session(segmented(), Path(sys.argv[1]))
        session.prepare()
        edited(session)
        session.settle()
        session.begin("brush")
        while True:  # killed while it paints
            for place in range(20):
                session.add(tools.brush(session.document, Plane.AXIAL, 4, [(place, place)], 2, 2))
                print(place, flush=True)
    """
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    with child:
        assert child.stdout is not None
        while int(child.stdout.readline()) < 15:
            pass
        child.send_signal(signal.SIGKILL)
    (found,) = unsaved(tmp_path)
    assert found.about["model"] == "two organs"
    document, expected = opened(), segmented()
    session = restore(found.path, document, tmp_path)
    edited(Session(expected, tmp_path / "other"))
    for place in range(20):
        change = tools.brush(expected, Plane.AXIAL, 4, [(place, place)], 2, 2)
        if place < 16 and change is not None:
            expected.apply(change)
    assert (document.edited[:, :4] == expected.edited[:, :4]).all()
    assert (document.edited[:, 4] >= expected.edited[:, 4]).all()  # at least what it said it had painted
    assert expected.predicted is not None
    assert np.array_equal(document.predicted, expected.predicted)
    assert np.array_equal(document.truth, expected.truth)
    assert document.model == MODEL
    assert ViewState.of(document).thresholds == MODEL.thresholds
    session.undo()
    session.undo()
    assert np.array_equal(document.edited, document.predicted)
    session.close()


def test_a_restored_document_is_saved_as_what_it_was(tmp_path: Path) -> None:
    session = Session(segmented(), tmp_path)
    session.prepare()
    edited(session)
    _, before = save_reviewed(session.document, tmp_path / "before", "Dr. Li")
    session.close(keep=True)
    (found,) = unsaved(tmp_path)
    document = opened()
    restored = restore(found.path, document, tmp_path)
    _, after = save_reviewed(document, tmp_path / "after", "Dr. Li")
    one, two = load(ReviewRecord, before), load(ReviewRecord, after)
    assert (one.model, one.model_provenance, one.thresholds) == (
        "two organs",
        {"file": "two.onnx", "sha256": "ab" * 32},
        (0.4, 0.6),
    )
    assert one.changed_pixels["lesion"] > 0
    assert one.model_copy(update={"when": two.when}) == two
    kept = session.document.probabilities
    assert kept is not None
    assert document.probabilities is not None
    assert np.abs(document.probabilities - kept).max() <= 0.5 / 255 + 1e-6
    assert document.decided((0.5, 0.5)).shape == document.edited.shape
    restored.saved()
    assert not unsaved(tmp_path)


def test_the_first_edit_after_a_save_begins_a_new_journal(tmp_path: Path) -> None:
    session = Session(segmented(), tmp_path)
    edited(session)
    session.saved()
    assert session.undo()
    session.close(keep=True)
    (found,) = unsaved(tmp_path)
    document = opened()
    restore(found.path, document, tmp_path).close()
    assert np.array_equal(document.edited, session.document.edited)
    assert np.array_equal(document.predicted, session.document.predicted)


def test_a_new_prediction_forgets_the_old_ones_steps(tmp_path: Path) -> None:
    document = segmented()
    session = Session(document, tmp_path)
    edited(session)
    document.set_prediction(np.zeros((2, *SHAPE), np.uint8), None, MODEL)
    assert not session.undo()
    assert not unsaved(tmp_path)
    session.do("brush", tools.brush(document, Plane.AXIAL, 1, [(5, 5)], 4, 1))
    session.close(keep=True)
    (found,) = unsaved(tmp_path)
    again = opened()
    restored = restore(found.path, again, tmp_path)
    assert np.array_equal(again.edited, document.edited)
    assert again.predicted is not None
    assert not again.predicted.any()
    assert restored.stack.done == ("brush",)
    restored.close()


def test_a_class_that_was_added_comes_back(tmp_path: Path) -> None:
    document = opened()
    session = Session(document, tmp_path)
    session.do("brush", tools.brush(document, Plane.AXIAL, 1, [(5, 5)], 4, 1))
    assert document.add_class("rim") == 2
    session.restart()
    (journal,) = (tmp_path / "unsaved").iterdir()
    assert session.journal is not None
    assert session.journal.path == journal
    session.close(keep=True)  # nothing painted since: what was there is kept all the same
    (found,) = unsaved(tmp_path)
    again = opened()
    restored = restore(found.path, again, tmp_path)
    assert again.label_set.names == ("foreground", "rim")
    assert np.array_equal(again.edited, document.edited)
    restored.do("brush", tools.brush(again, Plane.AXIAL, 3, [(9, 9)], 3, 2))
    _, record = save_reviewed(again, tmp_path / "out", "Dr. Li")
    assert load(ReviewRecord, record).pixels["rim"] > 0
    restored.close()
    for name in ("rim", " ", "foreground"):
        with pytest.raises(UsageError):
            again.add_class(name)
    with pytest.raises(UsageError):
        segmented().add_class("new")  # a model said which classes there are


def test_what_was_made_ready_is_not_used_for_other_labels(tmp_path: Path) -> None:
    document = segmented()
    ready = Beginning(document)
    assert ready.is_of(document)
    document.apply(tools.brush(document, Plane.AXIAL, 1, [(5, 5)], 4, 1))  # type: ignore[arg-type]
    assert not ready.is_of(document)


def test_edits_do_not_wait_for_the_beginning_and_are_not_lost_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels packed while they are edited, and written after the edits, still give the state."""
    gate = threading.Event()
    pack_labels = beginning._packed

    def slow(labels: Labels) -> bytes:
        gate.wait(10)
        return pack_labels(labels)

    monkeypatch.setattr(beginning, "_packed", slow)
    session = Session(segmented(), tmp_path)
    session.prepare()
    edited(session)
    session.do("brush", tools.brush(session.document, Plane.AXIAL, 1, [(5, 5)], 4, 1))
    assert session.journal is not None
    kinds = [kind for kind, _, _ in records(session.journal.path)]
    assert "base" not in kinds
    assert kinds.count("step") == 3
    assert not unsaved(tmp_path)
    gate.set()
    session.close(keep=True)
    (found,) = unsaved(tmp_path)
    document = opened()
    restored = restore(found.path, document, tmp_path)
    assert np.array_equal(document.edited, session.document.edited)
    while restored.undo():
        pass
    assert np.array_equal(document.edited, document.predicted)
    restored.close()


def test_probabilities_of_another_image_are_damage(tmp_path: Path) -> None:
    session = Session(segmented(), tmp_path)
    edited(session)
    session.close(keep=True)
    (found,) = unsaved(tmp_path)
    journal = Journal(found.path, keep=found.path.stat().st_size)
    journal.add("probabilities", b"\x01\x00\x00\x00" * 4)
    journal.close(remove=False)
    with pytest.raises(UsageError) as refused:
        restore(found.path, opened(), tmp_path)
    assert refused.value.code == "editing-journal-damaged"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_stops_the_journal_and_not_the_work(tmp_path: Path) -> None:
    document = segmented()
    session = Session(document, tmp_path)
    edited(session)
    session.settle()
    assert session.journal is not None
    kept = session.journal.path
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, session.journal._file)
    os.close(full)
    before = document.edited.copy()
    assert session.do("brush", tools.brush(document, Plane.AXIAL, 1, [(9, 9)], 4, 1))
    assert isinstance(session.unprotected, ResourceError)
    assert session.undo()
    assert np.array_equal(document.edited, before)
    assert kept.exists()
    session.saved()
    assert session.unprotected is None
    assert not kept.exists()
    (tmp_path / "file").write_text("", encoding="utf-8")
    nowhere = Session(segmented(), tmp_path / "file")
    edited(nowhere)
    assert isinstance(nowhere.unprotected, ResourceError)
    nowhere.close()
