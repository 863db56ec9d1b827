"""The answers as OpenAPI describes them. The code that makes them is elsewhere; a test holds both together."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class Label(BaseModel):
    """A class and its value in masks."""

    value: int
    name: str


class ModelInput(BaseModel):
    """What the model takes. ``size`` (rows, columns) where it works at one size, ``pixel_mm`` where at one resolution."""

    channels: int
    colour: str
    fit: str
    size: tuple[int, int] | None
    pixel_mm: float | None
    slices_form_volumes: bool


class Model(BaseModel):
    """A served model. ``stale``: the file changed since it was opened, the one opened is served until SIGHUP. ``browser``: it can
    run in the client's own browser (``/v1/models/ID/browser/``)."""

    id: str
    name: str
    sha256: str
    default: bool
    stale: bool
    labels: list[Label]
    overlapping: bool
    input: ModelInput
    scores: dict[str, Any] = Field(description="summary.json of the run: test, validation; with n and intervals")
    intended_use: str
    limits: list[str]
    engine: str
    browser: bool
    knows_doubt: bool
    formats: list[str]
    notes: list[str]


class Models(BaseModel):
    """All served models."""

    models: list[Model]


class UsedModel(BaseModel):
    id: str
    name: str
    sha256: str


class Given(BaseModel):
    sha256: str
    format: str
    shape: list[int] = Field(description="(rows, columns) or (slices, rows, columns)")
    channels: int
    spacing_mm: list[float] | None


class FoundClass(BaseModel):
    value: int
    name: str
    voxels: int


class MaskShape(BaseModel):
    """``rle``: run lengths in C order, background first. ``polygons``: rings of [column, row] corners, per slice in volumes."""

    encoding: Literal["rle", "polygons"]
    order: Literal["C"]
    shape: list[int]
    classes: dict[str, list[Any]]


class Sentence(BaseModel):
    code: str
    params: dict[str, Any]
    text: str


class MeasureTable(BaseModel):
    """As measures.json (docs/measures.md)."""

    facts: dict[str, Any]
    rows: list[dict[str, Any]]
    notes: list[Sentence]


class Quality(BaseModel):
    """Whether a person should look. ``known`` is false for model files that know nothing of their doubt."""

    known: bool
    needs_review: bool | None
    predicted_dice: float | None
    predicted_dice_low: float | None
    predicted_dice_high: float | None
    reasons: list[Sentence]


class Segmentation(BaseModel):
    """The answer of ``/v1/segment`` and of a job's result as JSON."""

    model: UsedModel
    input: Given
    classes: list[FoundClass]
    mask: MaskShape | None
    measures: MeasureTable | None
    quality: Quality
    warnings: list[Sentence]
    engine: str
    seconds: float
    output_sha256: str | None = None


class Progress(BaseModel):
    done: int
    total: int


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    params: dict[str, Any]
    instance: str


class JobState(BaseModel):
    """A job. Times are ISO 8601 in UTC."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    model: str
    created: str
    started: str | None
    finished: str | None
    progress: Progress
    problem: Problem | None


class Health(BaseModel):
    status: Literal["ok"]


class Ready(BaseModel):
    ready: bool
    models: int
    reason: str | None = None
