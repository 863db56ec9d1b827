"""What the View page can do by menu, toolbar and keys: zoom, slices, planes, windows, overlay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QSize
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolBar, QWidget

from delineate.desktop.actions import make_action, make_menu
from delineate.desktop.planes_grid import PlanesGrid
from delineate.desktop.workbench import Workbench
from delineate.editing.planes import Plane
from delineate.editing.view import PRESETS, ViewState, auto_window

_LOOK, _SLICES, _WINDOW, _OVERLAY = "desktop.menu.view", "desktop.menu.slices", "desktop.menu.window", "desktop.menu.overlay"
_PAN = 60  # device pixels a key press


class ViewActions:
    """``menu`` for the menu bar, ``toolbar`` for the page."""

    def __init__(self, page: QWidget, workbench: Workbench, grid: PlanesGrid) -> None:
        self._page, self._workbench, self._grid = page, workbench, grid
        self._needing: list[QAction] = []
        self._of_volumes: list[QAction] = []
        texts = workbench.texts
        self.menu = make_menu(page, texts, _LOOK)
        self.toolbar = QToolBar(page)
        self.toolbar.setObjectName("toolbar-view")
        self.toolbar.setMovable(False)
        self.toolbar.setIconSize(QSize(20, 20))
        self._zooming()
        self._planes()
        self._slices(self._submenu(_SLICES))
        self._windows(self._submenu(_WINDOW))
        self._overlay(self._submenu(_OVERLAY))
        self.menu.addSeparator()
        self.menu_docks = self._submenu("desktop.menu.docks")
        workbench.document_changed.connect(self._refresh)
        workbench.view_changed.connect(self._refresh_checks)
        grid.arranged.connect(self._refresh_checks)
        self._refresh()

    # -- what there is

    def _zooming(self) -> None:
        fit = self._add("fit", self._grid.fit, icon="fit", keys=("F", "Ctrl+0"))
        actual = self._add("actual", lambda: self._zoom_to(1.0), icon="actual", keys="Ctrl+1")
        larger = self._add("zoom-in", lambda: self._zoom(1.25), icon="zoom-in", keys=("+", "=", "Ctrl++"))
        smaller = self._add("zoom-out", lambda: self._zoom(0.8), icon="zoom-out", keys=("-", "Ctrl+-"))
        self.menu.addActions([fit, actual, larger, smaller])
        self.toolbar.addActions([fit, actual, larger, smaller])
        #: Where others put theirs before.
        self.first = fit
        pan = self._submenu("desktop.menu.pan")
        for name, key, right, down in (
            ("left", "Shift+Left", 1, 0),
            ("right", "Shift+Right", -1, 0),
            ("up", "Shift+Up", 0, 1),
            ("down", "Shift+Down", 0, -1),
        ):
            pan.addAction(self._add(f"pan-{name}", partial(self._pan, right * _PAN, down * _PAN), keys=key))

    def _planes(self) -> None:
        self.menu.addSeparator()
        self.toolbar.addSeparator()
        self._layouts: dict[Plane | None, QAction] = {}
        for name, plane, key in (
            ("axial", Plane.AXIAL, "F2"),
            ("coronal", Plane.CORONAL, "F3"),
            ("sagittal", Plane.SAGITTAL, "F4"),
            ("three", None, "F5"),
        ):
            made = self._add(f"show-{name}", partial(self._grid.show_alone, plane), icon=f"plane-{name}", keys=key, volume=True)
            made.setCheckable(True)
            self._layouts[plane] = made
            self.menu.addAction(made)
            self.toolbar.addAction(made)
        self._cross = self._add("crosshair", self._toggle_crosshair, icon="crosshair", keys="X", volume=True)
        self._cross.setCheckable(True)
        self.menu.addAction(self._cross)
        self.toolbar.addAction(self._cross)

    def _slices(self, menu: QMenu) -> None:
        far = 1 << 20
        for name, steps, keys in (
            ("next", 1, ("PgUp", "W")),
            ("previous", -1, ("PgDown", "S")),
            ("ten-up", 10, ("Ctrl+PgUp",)),
            ("ten-down", -10, ("Ctrl+PgDown",)),
            ("first", -far, ("Home",)),
            ("last", far, ("End",)),
        ):
            menu.addAction(self._add(f"slice-{name}", partial(self._scroll, steps), keys=keys, volume=True))
        menu.addSeparator()
        for name, v, u in (("up", -1, 0), ("down", 1, 0), ("left", 0, -1), ("right", 0, 1)):
            menu.addAction(self._add(f"cross-{name}", partial(self._step, v, u), keys=name.capitalize(), volume=True))
        menu.addAction(self._add("next-plane", self._next_plane, keys="Tab", volume=True))

    def _windows(self, menu: QMenu) -> None:
        menu.addAction(self._add("window-auto", self._auto, icon="contrast", keys="Alt+0"))
        self.toolbar.addSeparator()
        self.toolbar.addAction(menu.actions()[0])
        for number, name in enumerate(PRESETS, start=1):
            menu.addAction(self._add(f"window-{name}", partial(self._preset, name), keys=f"Alt+{number}"))
        menu.addSeparator()
        for name, right, down, key in (
            ("wider", 1, 0, "Alt+Right"),
            ("narrower", -1, 0, "Alt+Left"),
            ("brighter", 0, -1, "Alt+Up"),
            ("darker", 0, 1, "Alt+Down"),
        ):
            menu.addAction(self._add(f"window-{name}", partial(self._drag_window, right, down), keys=key))

    def _overlay(self, menu: QMenu) -> None:
        self.toolbar.addSeparator()
        self._hide = self._add("overlay-hide", self._toggle_overlay, icon="before-after", keys="B")
        self._outline = self._add("overlay-outline", self._toggle_outline, icon="outline", keys="O")
        for made in (self._hide, self._outline):
            made.setCheckable(True)
            menu.addAction(made)
            self.toolbar.addAction(made)
        menu.addAction(self._add("overlay-stronger", lambda: self._opacity(0.1), keys="."))
        menu.addAction(self._add("overlay-fainter", lambda: self._opacity(-0.1), keys=","))

    # -- what it does

    def _change(self, view: ViewState) -> None:
        self._workbench.set_view(view)

    def _view(self) -> ViewState:
        assert self._workbench.view is not None
        return self._workbench.view

    def _zoom(self, factor: float) -> None:
        canvas = self._grid.current
        height, width = canvas.pixels
        self._change(self._view().zoomed(canvas.frame, factor, width / 2, height / 2, canvas.pixels))

    def _zoom_to(self, zoom: float) -> None:
        self._zoom(zoom / self._view().zoom)

    def _pan(self, right: int, down: int) -> None:
        self._change(self._view().panned(self._grid.current.frame, right, down))

    def _scroll(self, steps: int) -> None:
        self._change(self._view().scrolled(self._grid.current.frame, steps))

    def _step(self, v: int, u: int) -> None:
        """The crosshair by one pixel on the plane that has the focus."""
        frame, view = self._grid.current.frame, self._view()
        at = frame.point(view.crosshair)
        self._change(view.crossed(frame, at[0] + v, at[1] + u))

    def _next_plane(self) -> None:
        shown = [canvas for canvas in self._grid.canvases if not canvas.isHidden()]
        current = self._grid.current
        shown[(shown.index(current) + 1) % len(shown)].setFocus()

    def _auto(self) -> None:
        if self._workbench.document is not None:
            self._change(replace(self._view(), window=auto_window(self._workbench.document)))

    def _preset(self, name: str) -> None:
        self._change(replace(self._view(), window=PRESETS[name]))

    def _drag_window(self, right: int, down: int) -> None:
        view = self._view()
        self._change(replace(view, window=view.window.dragged(right, down, (20, 10))))

    def _toggle_crosshair(self) -> None:
        view = self._view()
        self._change(replace(view, show_crosshair=not view.show_crosshair))

    def _toggle_outline(self) -> None:
        view = self._view()
        self._change(replace(view, outline=not view.outline))

    def _toggle_overlay(self) -> None:
        """Before and after: the picture without its mask, and back to what was shown."""
        view = self._view()
        if view.layer == "none":
            kept = view.extra.get("layer", "edited")
            layer = kept if kept in ("edited", "predicted", "truth", "threshold") else "edited"
            self._change(replace(view, layer=layer))  # type: ignore[arg-type]  # one of the literals
        else:
            self._change(replace(view, layer="none", extra={**view.extra, "layer": view.layer}))

    def _opacity(self, by: float) -> None:
        view = self._view()
        self._change(replace(view, opacity=min(max(round(view.opacity + by, 2), 0.0), 1.0)))

    # -- how it is made

    def _submenu(self, key: str) -> QMenu:
        made = make_menu(self._page, self._workbench.texts, key)
        self.menu.addMenu(made)
        return made

    def _add(
        self,
        name: str,
        call: Callable[[], None],
        *,
        icon: str | None = None,
        keys: str | tuple[str, ...] = (),
        volume: bool = False,
    ) -> QAction:
        group = {"slice": _SLICES, "cross": _SLICES, "next": _SLICES, "window": _WINDOW, "overlay": _OVERLAY}
        made = make_action(
            self._page,
            self._workbench.texts,
            f"desktop.act.{name}",
            call,
            icon=icon,
            keys=keys,
            group=group.get(name.split("-")[0], _LOOK) if name != "crosshair" else _LOOK,
        )
        (self._of_volumes if volume else self._needing).append(made)
        return made

    def _refresh(self) -> None:
        document = self._workbench.document
        for made in self._needing:
            made.setEnabled(document is not None)
        for made in self._of_volumes:
            made.setEnabled(document is not None and not document.grid.flat)
        self._refresh_checks()

    def _refresh_checks(self) -> None:
        view = self._workbench.view
        for plane, made in self._layouts.items():
            made.setChecked(view is not None and plane is self._grid.alone)
        self._cross.setChecked(view is not None and view.show_crosshair)
        self._outline.setChecked(view is not None and view.outline)
        self._hide.setChecked(view is not None and view.layer == "none")
