"""Channels put together, mask files merged, sizes never adapted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.dataset.dataset_folders import disc, write

from delineate.dataset import load_image, load_mask, load_rater_masks, load_raw_labels
from delineate.dataset.loading import apply_rule, read_mask
from delineate.dataset.raw_masks import flatten_stack
from delineate.domain import IGNORE, AxisMap, Case, Geometry, LabelSet, Source
from delineate.errors import DataError, UnreadableFile
from delineate.formats import RawLabels
from delineate.recipe import MaskRule

BINARY = LabelSet()
TWO = LabelSet(kind="exclusive", names=("a", "b"))


def test_channels_are_concatenated_in_order(tmp_path: Path) -> None:
    first = write(tmp_path / "a.png", disc(value=3))
    colour = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    second = write(tmp_path / "b.png", colour)
    image = load_image(Case("x", (Source(first), Source(second))))
    assert image.pixels.shape == (4, 32, 32)
    assert image.colour == "channels"
    np.testing.assert_array_equal(image.pixels[0], disc(value=3))
    np.testing.assert_array_equal(image.pixels[3], colour[..., 2])


def test_channels_on_different_grids_are_refused(tmp_path: Path) -> None:
    sources = tuple(Source(write(tmp_path / f"{n}.png", disc(n))) for n in (32, 40))
    with pytest.raises(DataError) as caught:
        load_image(Case("x", sources))
    assert caught.value.code == "channels-differ"
    assert "40×40" in str(caught.value)


def test_a_mask_of_another_size_is_refused_and_says_both_sizes(tmp_path: Path) -> None:
    case = Case("x", (Source(write(tmp_path / "i.png", disc(32))),), (Source(write(tmp_path / "m.png", disc(16))),))
    with pytest.raises(DataError) as caught:
        load_mask(case, MaskRule(), BINARY, image_geometry=load_image(case).geometry)
    assert caught.value.code == "mask-size-differs"
    assert caught.value.params["mask_shape"] == (16, 16)
    assert "16×16" in str(caught.value)
    assert "32×32" in str(caught.value)


def test_mask_takes_the_images_geometry(tmp_path: Path) -> None:
    case = Case("x", (Source(tmp_path / "none.png"),), (Source(write(tmp_path / "m.png", disc(16))),))
    geometry = Geometry((16, 16), (0.5, 0.5))
    assert load_mask(case, MaskRule(), BINARY, image_geometry=geometry).geometry == geometry
    assert load_mask(case, MaskRule(), BINARY).geometry.shape == (16, 16)
    single = Geometry((1, 16, 16))
    assert load_mask(case, MaskRule(), BINARY, image_geometry=single).labels.shape == (1, 16, 16)


def test_unlabelled_and_unreadable(tmp_path: Path) -> None:
    image = Source(write(tmp_path / "i.png", disc()))
    with pytest.raises(DataError) as caught:
        load_mask(Case("x", (image,)), MaskRule(), BINARY)
    assert caught.value.code == "case-unlabelled"
    broken = tmp_path / "m.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UnreadableFile):
        load_mask(Case("x", (image,), (Source(broken),)), MaskRule(), BINARY)


def test_files_of_one_class_are_united(tmp_path: Path) -> None:
    one, two = disc(row=8, value=255), disc(row=24, value=255)
    masks = tuple(Source(write(tmp_path / f"{n}.png", mask)) for n, mask in enumerate((one, two)))
    case = Case("x", (masks[0],), masks, raters={"second": (masks[1],)})
    np.testing.assert_array_equal(load_mask(case, MaskRule(cutoff=127.5), BINARY).labels, (one | two) > 0)
    np.testing.assert_array_equal(load_rater_masks(case, MaskRule(cutoff=127.5), BINARY)["second"].labels, two > 0)
    assert len(load_raw_labels(case)) == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_smaller_class_wins_whatever_the_order(tmp_path: Path, order: tuple[int, int]) -> None:
    organ, tumour = disc(radius=12, value=255), disc(radius=4, value=255)
    files = [Source(write(tmp_path / "o.png", organ), label=1), Source(write(tmp_path / "t.png", tumour), label=2)]
    case = Case("x", (files[0],), tuple(files[i] for i in order))
    labels = load_mask(case, MaskRule(kind="files", cutoff=127), TWO).labels
    assert labels[16, 16] == 2
    assert (labels == 2).sum() == (tumour > 0).sum()
    assert (labels > 0).sum() == (organ > 0).sum()


def test_a_file_without_a_class_is_an_error(tmp_path: Path) -> None:
    source = Source(write(tmp_path / "m.png", disc()))
    with pytest.raises(DataError) as caught:
        load_mask(Case("x", (source,), (source,)), MaskRule(kind="files"), TWO)
    assert caught.value.code == "mask-file-without-class"


@pytest.mark.parametrize(("others", "label"), [("error", IGNORE), ("ignore", IGNORE), ("background", 0)])
def test_values_outside_the_rule_are_counted_and_never_a_class(tmp_path: Path, others: Any, label: int) -> None:
    mask = disc(value=1)
    mask[0, :5] = 9
    source = Source(write(tmp_path / "m.png", mask))
    reading = read_mask(
        (source,), Case("x", (source,), (source,)), MaskRule(kind="values", values={0: 0, 1: 1}, others=others), BINARY
    )
    assert reading.unknown == {"9": 5}
    assert (reading.mask.labels[0, :5] == label).all()
    assert (reading.mask.labels == 1).sum() == disc().sum()


def test_nan_in_a_float_mask_is_noticed() -> None:
    values = np.array([[0.0, 1.0], [np.nan, 0.4]])
    raw = RawLabels(Geometry((2, 2)), Path("m"), values=values)
    labels, outside = apply_rule(raw, MaskRule(cutoff=0.5), BINARY, Source(Path("m")))
    assert labels.tolist() == [[0, 1], [IGNORE, 0]]
    assert outside == {"nan": 1}
    labels, outside = apply_rule(raw, MaskRule(kind="values", values={0: 0, 1: 1}), BINARY, Source(Path("m")))
    assert labels.tolist() == [[0, 1], [IGNORE, IGNORE]]
    assert outside == {"not-whole": 2}


@given(
    arrays(np.int32, (6, 7), elements=st.integers(-5, 100_000)),
    st.dictionaries(st.integers(-5, 100_000), st.integers(0, 9), max_size=6),
)
def test_values_rule_equals_its_definition(values: Any, table: dict[int, int]) -> None:
    raw = RawLabels(Geometry((6, 7)), Path("m"), values=values)
    labels, outside = apply_rule(raw, MaskRule(kind="values", values=table), TWO, Source(Path("m")))
    np.testing.assert_array_equal(labels, [[table.get(int(v), IGNORE) for v in row] for row in values])
    assert sum(outside.values()) == sum(int(v) not in table for v in values.ravel())


def test_stack_without_background_channel_keeps_its_last_class() -> None:
    stack = np.zeros((4, 4, 3))
    stack[0, 0, 0] = stack[1, 1, 2] = 1
    assert flatten_stack(stack)[0, 0] == 1
    assert flatten_stack(stack)[1, 1] == 3
    assert flatten_stack(stack)[3, 3] == 0


@pytest.mark.parametrize(("order", "flips"), [((0, 1, 2), (False, True, True)), ((2, 0, 1), (True, False, False))])
def test_a_mask_stored_another_way_round_is_turned_to_its_image(
    tmp_path: Path, order: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    """Same grid, other order of axes: no value changes, and the finding can say so."""
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    values = np.random.default_rng(0).integers(0, 3, (4, 5, 6)).astype(np.uint8)
    stored = AxisMap(order, flips)
    image = Geometry((4, 5, 6), (3.0, 2.0, 1.0), affine[:, [2, 1, 0, 3]])
    there = stored.apply_geometry(image)
    assert there.affine is not None
    file_affine = there.affine[:, [2, 1, 0, 3]]
    nibabel.save(nibabel.Nifti1Image(stored.apply(values).transpose(2, 1, 0), file_affine), tmp_path / "m.nii.gz")
    case = Case("x", (Source(tmp_path / "x.nii.gz"),), (Source(tmp_path / "m.nii.gz"),))
    reading = read_mask(case.masks, case, MaskRule(kind="values", values={0: 0, 1: 1, 2: 2}), TWO, image)
    np.testing.assert_array_equal(reading.mask.labels, values)
    assert reading.reoriented and reading.geometry.same_grid(image)
