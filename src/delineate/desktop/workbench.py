"""What the window is working on, and who must hear of it when that changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from delineate.desktop.interaction import Interaction
from delineate.desktop.jobs import Jobs
from delineate.desktop.language import Texts
from delineate.desktop.theme import Theme
from delineate.editing.changes import Change
from delineate.editing.document import Document
from delineate.editing.drawing import Renderer
from delineate.editing.planes import Plane, whole
from delineate.editing.session import Session
from delineate.editing.settings import SettingsFile
from delineate.editing.view import ViewState
from delineate.inference import ModelFile


class Workbench(QObject):
    """The open document with its session and view, the model, and what all parts of the window share.

    ``document_changed``    another document, or none; after a segmentation too: the same image with other classes and labels
    ``view_changed``        :attr:`view` is another value: paint again
    ``labels_changed``      a list of boxes in which the edited labels changed (edits, undo, redo)
    ``model_changed``       another model file, or none
    ``interaction_changed`` the left mouse button does something else
    ``said``                (level, sentence) for the message bar; level ``info``, ``warning`` or ``error``
    ``failed``              the exception behind a sentence of an error
    """

    document_changed = Signal()
    view_changed = Signal()
    labels_changed = Signal(object)
    model_changed = Signal()
    interaction_changed = Signal()
    said = Signal(str, str)
    failed = Signal(object)

    def __init__(
        self, texts: Texts, theme: Theme, settings: SettingsFile, jobs: Jobs | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.texts, self.theme, self.settings = texts, theme, settings
        self.jobs = jobs or Jobs(self)
        self.document: Document | None = None
        self.session: Session | None = None
        self.renderer: Renderer | None = None
        self.view: ViewState | None = None
        self.model: ModelFile | None = None
        #: The plane that keys act on: the canvas that had the focus last.
        self.plane = Plane.AXIAL
        self.interaction: Interaction | None = None
        #: What docks draw on every canvas, whatever the left button does (rulers).
        self.overlays: list[Callable[[Any, Any], None]] = []
        #: Images that were opened together (a folder), in their order; keys go to the next one.
        self.siblings: tuple[Path, ...] = ()
        #: Whether unsaved corrections are kept for the next start when the session ends; see :meth:`show`.
        self.keep_unsaved = False
        #: Saves corrections, asking what is needed; returns whether they were saved. Set by the dock that can.
        self.save_corrections: Callable[[], bool] | None = None
        #: Lists the cases of a folder (a run, data, images, predictions) on the View page. Set by the dock that can.
        self.show_cases: Callable[[Path], None] | None = None
        #: Opens one image among others that the keys go to (image, all of them, DICOM series or ``None``). Set by the window.
        self.open_among: Callable[[Path, Sequence[Path], str | None], None] | None = None

    def show(
        self,
        document: Document | None,
        *,
        renderer: Renderer | None = None,
        view: ViewState | None = None,
        session: Session | None = None,
    ) -> None:
        """Work on ``document`` from now on; what is not given is made. The former session ends (ask before: ``may_leave``)."""
        if self.session is not None and self.session is not session:
            self.session.close(keep=self.keep_unsaved)
        self.keep_unsaved = False
        self.set_interaction(None)
        self.document = document
        self.plane = Plane.AXIAL
        if document is None:
            self.session, self.renderer, self.view = None, None, None
        else:
            self.session = session or Session(document, changed=self.tell_changes)
            self.renderer = renderer or Renderer(document)
            self.view = view or ViewState.of(document)
        self.document_changed.emit()

    @property
    def unsaved(self) -> bool:
        """Whether there are corrections that were not saved."""
        return self.document is not None and self.document.dirty

    def set_view(self, view: ViewState) -> None:
        if view is not self.view:
            self.view = view
            self.view_changed.emit()

    def set_model(self, model: ModelFile | None) -> None:
        self.model = model
        self.model_changed.emit()

    def set_interaction(self, interaction: Interaction | None) -> None:
        """Let the left button do something else; ``None``: looking around."""
        if interaction is self.interaction:
            return
        if self.interaction is not None:
            self.interaction.leave()
        self.interaction = interaction
        self.interaction_changed.emit()

    def tell_changes(self, changes: Sequence[Change]) -> None:
        """For a :class:`Session`'s ``changed``."""
        self.labels_changed.emit([change.box for change in changes])

    def tell_all_labels(self) -> None:
        if self.document is not None:
            self.labels_changed.emit([whole(self.document.grid.shape)])

    # -- words

    def text(self, key: str, /, **values: Any) -> str:
        return self.texts.text(key, **values)

    def say(self, level: str, key: str, /, **values: Any) -> None:
        """A sentence in the message bar of the window."""
        self.said.emit(level, self.text(key, **values))

    def say_error(self, error: BaseException) -> None:
        self.said.emit("error", self.texts.error(error))
        self.failed.emit(error)
