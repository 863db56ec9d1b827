"""Editing one document: tools' changes are applied, can be undone, and survive a crash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from delineate.editing.beginning import Beginning
from delineate.editing.changes import Change, pack
from delineate.editing.document import Document
from delineate.editing.journal import Journal, Kind
from delineate.editing.undo import UndoStack
from delineate.errors import ResourceError

Changed = Callable[[Sequence[Change]], None]


class Session:
    """A document being edited. The journal begins with the first edit, so that looking leaves nothing behind.

    ``changed`` is called with what was applied or reverted (a window redraws those boxes). ``unprotected`` is an error to be shown
    where the disk refuses the journal: editing goes on, and only saving keeps it.
    A new prediction in the document begins anew: steps and journal of the labels it replaced are forgotten.
    """

    def __init__(self, document: Document, folder: Path | None = None, changed: Changed | None = None) -> None:
        self.document = document
        self.stack = UndoStack()
        self.journal: Journal | None = None
        self.unprotected: ResourceError | None = None
        self._folder = folder
        self._changed = changed or (lambda _: None)
        self._edited = document.edited
        self._beginning: Beginning | None = None
        self._stale: list[Path] = []

    def prepare(self) -> None:
        """Begin to make the journal's beginning ready, in a thread: call it when a document is open."""
        self._follow_document()
        if self.journal is None and (self._beginning is None or not self._beginning.is_of(self.document)):
            if self._beginning is not None:
                self._beginning.cancel()
            self._beginning = Beginning(self.document)

    def do(self, name: str, changes: Change | Sequence[Change] | None) -> bool:
        """Apply a tool's changes as one step called ``name``; whether there was anything to do."""
        parts = [] if changes is None else [changes] if isinstance(changes, Change) else list(changes)
        if not parts:
            return False
        self._begun()
        for change in parts:
            self.document.apply(change)
        self._log("step", _named(name, self.stack.push(name, parts)))
        self._changed(parts)
        return True

    def begin(self, name: str) -> None:
        """A stroke begins: its parts become one step."""
        self._follow_document()
        self.stack.begin(name)

    def add(self, change: Change | None) -> None:
        if change is not None:
            self._begun()
            self.document.apply(change)
            self.stack.add(change)
            self._log("part", pack([change]))
            self._changed([change])

    def end(self, name: str) -> bool:
        """The stroke ends; whether it changed anything."""
        blob = self.stack.end(self.document.edited)
        self._log("step", _named(name, blob or pack([])))
        return blob is not None

    def undo(self) -> bool:
        """Take the last step back; whether there was one."""
        self._follow_document()
        if not self.stack.done:
            return False
        self._begun()
        self._again("undo", [Change(c.layer, c.box, c.after, c.before) for c in self.stack.undo()])
        return True

    def redo(self) -> bool:
        """Do the step that was undone last again; whether there was one."""
        self._follow_document()
        if not self.stack.undone:
            return False
        self._begun()
        self._again("redo", self.stack.redo())
        return True

    def saved(self) -> None:
        """The labels are in a file: nothing is unsaved, the steps can still be undone (which begins a new journal)."""
        self.document.mark_saved()
        self._forget_journal()
        self.prepare()

    def close(self, keep: bool = False) -> None:
        """End; ``keep`` leaves unsaved work to be restored later, otherwise it is given up."""
        if keep and self.document.dirty:
            self.settle()
            if self.journal is not None:
                self.journal.close(remove=False)
                self.journal = None
        else:
            self._forget_journal()
        self.stack.close()

    def restart(self) -> None:
        """What the journal began with is other now (a class was added): begin a new one with the labels as they are, and forget the
        old one when all of that is on the disk."""
        old, self.journal = self.journal, None
        if self._beginning is not None:
            self._beginning.cancel()
            self._beginning = None
        if old is None:
            self.prepare()
            return
        self._begun()
        self._log("step", _named("class", pack([])))
        self.settle()
        old.close(remove=self.journal is not None)

    def settle(self) -> None:
        """Wait until everything so far is in the journal, and the journal on the disk: before a planned end, or now and then."""
        if self.journal is not None:
            if self._beginning is not None:
                self._beginning.wait()
                self._heed()
            if self.journal is not None:
                self.journal.sync()

    def take_journal(self, journal: Journal) -> None:
        """Go on in a journal that was just replayed onto the document."""
        self.journal, self._edited = journal, self.document.edited

    def _again(self, kind: Kind, changes: Sequence[Change]) -> None:
        for change in changes:
            self.document.apply(change)
        # with the changes themselves: a journal begun after a save does not hold the steps before it
        self._log(kind, pack(changes))
        self._changed(changes)

    def _begun(self) -> None:
        """Before every edit: there is a journal, or it is known why not."""
        self._follow_document()
        if self.journal is None and self.unprotected is None:
            self.prepare()
            assert self._beginning is not None
            try:
                self.journal = Journal.begin(self._folder)
                self._beginning.write(self.journal)
            except ResourceError as error:
                self._give_up(error)

    def _log(self, kind: Kind, data: bytes) -> None:
        if self.journal is not None:
            try:
                self.journal.add(kind, data)
            except ResourceError as error:
                self._give_up(error)
        self._heed()

    def _heed(self) -> None:
        """What went wrong in the thread is told with the next edit."""
        if self.journal is not None and self._beginning is not None and self._beginning.error is not None:
            self._give_up(self._beginning.error)

    def _give_up(self, error: ResourceError) -> None:
        """What the journal holds stays until the work is saved: an older state is better than none."""
        self.unprotected = error
        if self._beginning is not None:
            self._beginning.cancel()
        if self.journal is not None:
            self._stale.append(self.journal.path)
            self.journal.close(remove=False)
            self.journal = None

    def _forget_journal(self) -> None:
        if self._beginning is not None:
            self._beginning.cancel()
        if self.journal is not None:
            self.journal.close(remove=True)
        for path in self._stale:
            path.unlink(missing_ok=True)
        self.journal, self.unprotected, self._beginning, self._stale = None, None, None, []

    def _follow_document(self) -> None:
        if self.document.edited is not self._edited:
            self._edited = self.document.edited
            self._forget_journal()
            self.stack.close()
            self.stack = UndoStack()


def _named(name: str, blob: bytes) -> bytes:
    head = name.encode()[:255]
    return bytes([len(head)]) + head + blob
