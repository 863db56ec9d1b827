"""Images that are not held: the same mask as in memory, no seams, bounded memory, levels that suit the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from delineate.domain import LabelSet
from delineate.errors import DataError, UsageError
from delineate.events import Event, Note, Progress
from delineate.formats import read_image, read_labels
from delineate.formats.tiff_bands import tiff_bands
from delineate.inference import ModelFile, Predictor, large
from delineate.inference.large import LargeImage, as_large, predict_large, suitable_level, tile_side
from delineate.inference.memory import LEAST, parse_memory, usual_memory
from delineate.recipe import Clean, Normalisation, Preprocessing

from .conftest import MakeModel

GB = 1 << 30


def smooth(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray[Any, Any]:
    """A picture with structure larger than a pixel."""
    import cv2

    rng = np.random.default_rng(seed)
    coarse = rng.random((height // 16 + 2, width // 16 + 2, channels)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1) * 255, np.uint8).reshape(
        height, width, channels
    )


def save(path: Path, pixels: np.ndarray[Any, Any], **more: Any) -> Path:
    tifffile.imwrite(path, pixels, tile=(64, 64), photometric="rgb", compression="deflate", metadata=None, **more)
    return path


def network(channels: int = 3, out: int = 1) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(2)
    return [rng.normal(size=(8, channels, 3, 3)) / 3, rng.normal(size=(out, 8, 3, 3)) / 3]


def record(**more: Any) -> dict[str, Any]:
    values = {
        "channels": 3,
        "colour": "rgb",
        "fit": "scale",
        "tile": 64,
        "multiple": 8,
        "normalisation": Normalisation(scheme="image"),
    }
    return {"preprocessing": Preprocessing(**{**values, **more})}


FITS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "one tile": {"tile": 512},
    "shrunk": {"scale": 0.6},
    "grown": {"scale": 1.3},
    "letterbox": {"fit": "letterbox", "size": (96, 96)},
    "stretch in one piece": {"fit": "stretch", "size": (48, 64)},
    "content": {"crop": "content", "crop_above": 60.0},
    "neighbours": {"neighbours": 1},
    "fixed": {"normalisation": Normalisation(scheme="none", high=(255.0,))},
}


@pytest.mark.parametrize("blend", ["linear", "gaussian"])
@pytest.mark.parametrize("fit", FITS)
def test_by_bands_is_as_in_memory(fit: str, blend: Any, make_model: MakeModel, tmp_path: Path) -> None:
    path = save(tmp_path / "x.tif", smooth(333, 210))
    inputs = 3 * (1 + 2 * FITS[fit].get("neighbours", 0))
    model = ModelFile.open(make_model(network(inputs), bias=0.0, **record(**FITS[fit])))
    predictor = Predictor(model, engine="onnxruntime", blend=blend)
    whole = predictor.predict(read_image(path)).mask.labels
    row = predict_large(predictor, LargeImage(path, None, 2 * GB), [tmp_path / "m.tif"], clean=True, on_event=lambda event: None)
    found = read_labels(tmp_path / "m.tif").values
    assert found is not None
    assert set(np.unique(found)) == {0, 255}
    assert 0.02 < whole.mean() < 0.98  # there is something to find, and to miss
    assert np.mean((found > 0) != whole) < 1e-3
    assert (row.status, row.width, row.height) == ("done", 210, 333)
    assert row.areas == {"foreground": int((found > 0).sum())}


def test_constant_in_constant_out(make_model: MakeModel, tmp_path: Path) -> None:
    """Tile borders would show as other values; all logits must be those of one pixel."""
    path = save(tmp_path / "x.tif", np.full((300, 290, 3), 100, np.uint8))
    weights = [np.array([0.3, 0.2, 0.1]).reshape(1, 3, 1, 1)]
    recipe = record(normalisation=Normalisation(scheme="none", high=(255.0,)))
    for blend in ("linear", "gaussian"):
        predictor = Predictor(make_model(weights, bias=-0.1, **recipe), engine="onnxruntime", blend=blend)  # type: ignore[arg-type]
        with tiff_bands(path) as bands:
            blocks = list(large._logits(predictor, *_prepared(predictor, bands), predictor.record.preprocessing, 2 * GB))
        logits = np.concatenate(blocks, axis=1)
        assert logits.shape == (1, 300, 290)
        assert np.ptp(logits) < 1e-5
        assert logits.mean() == pytest.approx(0.6 * 100 / 255 - 0.1, abs=1e-5)


def _prepared(predictor: Predictor, bands: Any) -> Any:
    from delineate.preprocessing import plan_trail
    from delineate.preprocessing.bands import measure_rows, prepared_rows

    recipe = predictor.record.preprocessing
    statistics = measure_rows(bands, recipe)
    trail = plan_trail(bands.geometry, recipe)
    return prepared_rows(bands, recipe, trail, statistics), trail


@pytest.mark.parametrize(
    "labels", [LabelSet(kind="exclusive", names=("a", "b")), LabelSet(kind="regions", names=("a", "b")), LabelSet(names=("a",))]
)
def test_kinds_of_labels_and_clean_up(labels: LabelSet, make_model: MakeModel, tmp_path: Path) -> None:
    path = save(tmp_path / "x.tif", smooth(200, 150))
    clean = (Clean(min_pixels=60, fill_holes=True),) * labels.classes
    thresholds = (0.5,) * labels.classes
    model = make_model(network(out=labels.channels), bias=0.0, labels=labels, clean=clean, thresholds=thresholds, **record())
    predictor = Predictor(model, engine="onnxruntime")
    whole = predictor.predict(read_image(path)).mask.labels
    raw = predictor.predict(read_image(path), clean=False).mask.labels
    assert (whole != raw).any()  # the clean-up does something
    targets = [tmp_path / f"{name}.tif" for name in (labels.names if labels.kind == "regions" else ("m",))]
    row = predict_large(predictor, LargeImage(path, None, 2 * GB), targets, clean=True, on_event=lambda event: None)
    found = [read_labels(target).values for target in targets]
    wanted = list(whole) if labels.kind == "regions" else [whole]
    for one, mask in zip(found, wanted, strict=True):
        assert one is not None
        shown = mask * 255 if labels.kind != "exclusive" else mask
        assert np.mean(one != shown) < 1e-3
    for number, name in enumerate(labels.names, start=1):
        assert row.areas[name] == pytest.approx(labels.one_class(whole, number).sum(), rel=0.01)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["model.onnx", "x.tif", *(t.name for t in targets)])


def test_clean_up_that_does_not_fit_is_said(make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "x.tif", smooth(100, 90))
    predictor = Predictor(make_model(network(), bias=0.0, clean=(Clean(largest=True),), **record()), engine="onnxruntime")
    heard: list[Event] = []
    predict_large(predictor, LargeImage(path, None, 1000), [tmp_path / "m.tif"], clean=True, on_event=heard.append)
    assert [event.code for event in heard if isinstance(event, Note) and event.level == "warning"] == ["large-not-cleaned"]
    done = [event for event in heard if isinstance(event, Progress)]
    assert done[-1].done == done[-1].total == 100


def pyramid(path: Path, spacing_um: float | None) -> Path:
    size = {} if spacing_um is None else {"PhysicalSizeX": spacing_um, "PhysicalSizeY": spacing_um}
    more: dict[str, Any] = {"tile": (64, 64), "photometric": "rgb", "compression": "deflate"}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(smooth(512, 384), subifds=2, metadata={"axes": "YXS", **size}, **more)
        file.write(smooth(256, 192), subfiletype=1, **more)
        file.write(smooth(128, 96), subfiletype=1, **more)
    return path


@pytest.mark.parametrize(
    ("spacing", "recipe", "expected"),
    [
        (0.5, {"fit": "spacing", "pixel_mm": 0.001}, (1, "spacing")),  # 1 µm wanted, level 1 has it
        (0.5, {"fit": "spacing", "pixel_mm": 0.0019}, (1, "spacing")),  # level 2 has 2 µm: coarser than trained on
        (0.5, {"fit": "spacing", "pixel_mm": 0.0002}, (0, "finest")),
        (None, {"fit": "spacing", "pixel_mm": 0.001, "scale": 0.25}, (2, "scale")),
        (None, {"fit": "scale", "scale": 0.5}, (1, "scale")),
        (None, {"fit": "scale", "scale": 1.0}, (0, "finest")),
        (None, {"fit": "letterbox", "size": (100, 90)}, (2, "size")),
        (None, {"fit": "letterbox", "size": (130, 90)}, (1, "size")),
    ],
)
def test_the_level_suits_the_model(
    spacing: float | None, recipe: dict[str, Any], expected: tuple[int, str], tmp_path: Path
) -> None:
    with tiff_bands(pyramid(tmp_path / "x.ome.tif", spacing)) as bands:
        assert suitable_level(bands, Preprocessing(channels=3, **recipe)) == expected


def test_a_level_is_said_and_its_scale_follows(make_model: MakeModel, tmp_path: Path) -> None:
    path = pyramid(tmp_path / "x.ome.tif", None)
    predictor = Predictor(make_model(network(), bias=0.0, **record(scale=0.5)), engine="onnxruntime")
    heard: list[Event] = []
    row = predict_large(predictor, LargeImage(path, None, 2 * GB), [tmp_path / "m.tif"], clean=True, on_event=heard.append)
    note = next(event for event in heard if isinstance(event, Note))
    assert (note.code, note.params["level"], note.params["shape"]) == ("large-level-scale", 1, "256×192")
    assert (row.width, row.height) == (192, 256)
    row = predict_large(predictor, LargeImage(path, 2, 2 * GB), [tmp_path / "m.tif"], clean=True, on_event=heard.append)
    assert (row.width, row.height) == (96, 128)


def test_what_counts_as_large(make_model: MakeModel, tmp_path: Path) -> None:
    model = ModelFile.open(make_model(network(), bias=0.0, **record()))
    path = save(tmp_path / "x.tif", np.random.default_rng(0).integers(0, 255, (700, 700, 3), dtype=np.uint8))
    assert as_large(path, model.record, 2 * GB, None) is None
    assert as_large(path, model.record, 10 << 20, None) == LargeImage(path, None, 10 << 20)
    assert as_large(path, model.record, 2 * GB, 0) == LargeImage(path, 0, 2 * GB)
    (tmp_path / "x.png").write_bytes(b"\x89PNG")
    assert as_large(tmp_path / "x.png", model.record, 1, 0) is None
    grey = tmp_path / "grey.tif"
    tifffile.imwrite(grey, np.zeros((9, 9, 2), np.uint8), photometric="minisblack", planarconfig="contig", metadata=None)
    with pytest.raises(DataError) as caught:
        predict_large(Predictor(model), LargeImage(grey, None, GB), [tmp_path / "m.tif"], clean=True, on_event=lambda event: None)
    assert caught.value.code == "channels-mismatch"


def test_tiles_shrink_with_the_memory() -> None:
    recipe = Preprocessing(channels=3, tile=1024)
    assert tile_side(recipe, 20_000, 1, 32 * GB) == 1024
    assert tile_side(recipe, 20_000, 1, 2 * GB) == 512  # a wide network's activations at 1024² would take all of it
    assert tile_side(recipe, 100_000, 1, GB) == 256
    assert tile_side(recipe, 10**6, 1, 1) == 256


def test_memory_in_words() -> None:
    assert parse_memory("2GB") == parse_memory("2 gib") == parse_memory("2048M") == 2 * GB
    assert parse_memory("1.5g") == 3 * GB // 2
    for wrong in ("", "much", "-2GB", "100MB", "2XB"):
        with pytest.raises(UsageError) as caught:
            parse_memory(wrong)
        assert caught.value.code == "bad-memory"
    assert usual_memory() >= LEAST


def test_memory_does_not_grow_with_the_height(make_model: MakeModel, tmp_path: Path) -> None:
    """Python's own allocations: NumPy reports its arrays to tracemalloc."""
    import tracemalloc

    peaks = []
    fixed = record(
        normalisation=Normalisation(scheme="none", high=(255.0,))
    )  # a sample for statistics is bounded, but grows at first
    predictor = Predictor(make_model(network(), bias=0.0, **fixed), engine="onnxruntime")
    for number, height in enumerate((2400, 2400, 9600)):  # the first loads libraries
        path = save(tmp_path / f"{number}.tif", smooth(height, 256))
        tracemalloc.start()
        predict_large(predictor, LargeImage(path, None, 2 * GB), [tmp_path / "m.tif"], clean=True, on_event=lambda event: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.5 * peaks[1]
    assert peaks[2] < 9600 * 256 * 3 * 4  # less than one copy of the plane as the network would see it
