"""Tools of one click: flood fill, and deleting what is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delineate.desktop.correcting_steps import Steps
from delineate.desktop.interaction import Pointer
from delineate.desktop.tools import Tool, ToolOptions, inside
from delineate.editing import tools

if TYPE_CHECKING:
    from delineate.desktop.canvas import Canvas


class Fill(Tool):
    """Fills around the pixel that is clicked, as far as values are alike."""

    def __init__(self, options: ToolOptions, steps: Steps) -> None:
        super().__init__("fill", options)
        self._steps = steps

    def begin(self, canvas: Canvas, at: Pointer) -> None:
        if inside(canvas, at):
            plane, index, seed = canvas.plane, at.index, at.pixel
            tolerance, label = self.options.tolerance, self.options.label
            height, width = canvas.frame.shape
            self._steps.do(
                self.name, lambda document: tools.fill(document, plane, index, seed, tolerance, label), voxels=height * width
            )


class Component(Tool):
    """Deletes the connected component that is clicked: on the slice, or in the volume."""

    def __init__(self, options: ToolOptions, steps: Steps) -> None:
        super().__init__("component", options)
        self._steps = steps

    def begin(self, canvas: Canvas, at: Pointer) -> None:
        document = canvas.workbench.document
        if document is None or not inside(canvas, at):
            return
        s, r, c = canvas.frame.voxel(at.index, *at.pixel)
        voxel, plane, volume = (int(s), int(r), int(c)), canvas.plane, self.options.volume
        count = document.edited[0].size if volume else canvas.frame.shape[0] * canvas.frame.shape[1]
        self._steps.do(
            self.name,
            lambda document: tools.delete_component(document, voxel, "volume" if volume else "slice", plane),
            voxels=count,
        )
