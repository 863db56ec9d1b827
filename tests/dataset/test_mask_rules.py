"""What masks of every common kind are taken for, and that odd ones are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.dataset.dataset_folders import disc, write

from delineate.dataset import describe_rule, infer_mask_rule, load_mask
from delineate.domain import IGNORE, Case, Scan, Source
from delineate.errors import DataError, UnreadableFile, UsageError
from delineate.i18n import has


def codes(evidence: Any) -> list[str]:
    for finding in evidence.findings:
        assert has(f"finding.{finding.code}"), finding.code
        assert has(f"finding.{finding.code}.remedy"), finding.code
    return [finding.code for finding in evidence.findings]


@pytest.mark.parametrize("value", [1, 7, 255])
def test_two_values_become_a_threshold_half_way(make_scan: Any, value: int) -> None:
    scan = make_scan([disc(value=value), disc(radius=5, value=value), disc(radius=0.1, value=0)])
    rule, labels, evidence = infer_mask_rule(scan)
    assert (rule.kind, rule.cutoff, rule.inverted) == ("threshold", value / 2, False)
    assert (labels.kind, labels.names) == ("binary", ("foreground",))
    assert evidence.kind == "binary"
    assert codes(evidence) == []
    assert evidence.values[0].value == "0"
    assert [item.files for item in evidence.values] == [3, 2]
    np.testing.assert_array_equal(load_mask(scan.cases[0], rule, labels).labels, disc())


def test_grey_edges_of_resampling_are_cut_half_way(make_scan: Any) -> None:
    masks = [cv2.resize(disc(64, 20, 255), (100, 100), interpolation=cv2.INTER_LINEAR) for _ in range(3)]
    rule, _, evidence = infer_mask_rule(make_scan(masks))
    assert (rule.kind, rule.cutoff, evidence.kind) == ("threshold", 127.5, "grey-edges")
    assert codes(evidence) == ["masks-grey-edges"]


def test_noise_of_a_compressed_binary_mask_is_cut_half_way(make_scan: Any) -> None:
    lossy = cv2.imdecode(cv2.imencode(".jpg", disc(64, 20, 255), [cv2.IMWRITE_JPEG_QUALITY, 80])[1], cv2.IMREAD_GRAYSCALE)
    rule, _, evidence = infer_mask_rule(make_scan([lossy, lossy]))
    assert (rule.kind, evidence.kind) == ("threshold", "grey-edges")
    assert 110 < rule.cutoff < 140


@pytest.mark.parametrize("values", [(1, 2), (1, 2, 3), (85, 170, 255), (50, 100, 150, 200)])
def test_label_numbers_and_grey_codes_become_classes(make_scan: Any, values: tuple[int, ...]) -> None:
    mask = sum(disc(64, 7, value, row=16 + 32 * (k // 2), column=16 + 32 * (k % 2)) for k, value in enumerate(values))
    scan = make_scan([mask, mask])
    rule, labels, evidence = infer_mask_rule(scan)
    assert rule.values == {0: 0} | {value: k for k, value in enumerate(values, 1)}
    assert (labels.kind, labels.classes, evidence.kind) == ("exclusive", len(values), "labels")
    loaded = load_mask(scan.cases[0], rule, labels).labels
    assert set(np.unique(loaded)) == set(range(len(values) + 1))


def test_names_come_from_metadata_and_from_the_person(make_scan: Any) -> None:
    mask = disc(value=1) + disc(radius=4, value=1)
    scan = make_scan([mask], class_names={0: "background", 1: "liver", 2: "tumour"})
    assert infer_mask_rule(scan)[1].names == ("liver", "tumour")
    assert infer_mask_rule(scan, classes="a, b")[1].names == ("a", "b")
    assert infer_mask_rule(scan, classes="background,a,b")[1].names == ("a", "b")


def test_a_class_of_the_metadata_that_no_mask_shows_stays_a_class(make_scan: Any) -> None:
    scan = make_scan([disc(value=1) + disc(radius=4, value=1)], class_names={1: "a", 2: "b", 3: "c"})
    rule, labels, _ = infer_mask_rule(scan)
    assert labels.names == ("a", "b", "c")
    assert rule.values[3] == 3


def test_assigned_values_choose_and_merge_classes(make_scan: Any) -> None:
    mask = disc(radius=12, value=1) + disc(radius=8, value=1) + disc(radius=4, value=1)
    scan = make_scan([mask])
    rule, labels, evidence = infer_mask_rule(scan, classes="tumour=3,liver=1")
    assert labels.names == ("tumour", "liver")
    assert rule.values == {0: 0, 1: 2, 2: 0, 3: 1}
    assert "masks-values-to-background" in codes(evidence)
    rule, labels, _ = infer_mask_rule(scan, classes="any=1,any=2,any=3")
    assert (labels.kind, labels.names) == ("binary", ("any",))
    assert rule.values == {0: 0, 1: 1, 2: 1, 3: 1}


def test_naming_the_dark_value_inverts(make_scan: Any) -> None:
    scan = make_scan([disc(value=255)])
    rule, labels, _ = infer_mask_rule(scan, classes="membrane=0")
    assert rule.inverted
    assert labels.names == ("membrane",)
    np.testing.assert_array_equal(load_mask(scan.cases[0], rule, labels).labels, 1 - disc())
    assert "membrane" in describe_rule(rule, labels, "en")
    assert "membrane" in describe_rule(rule, labels, "zh")


@pytest.mark.parametrize(
    ("classes", "code"),
    [
        ("a,b", "classes-count"),
        ("a=9", "classes-value-unknown"),
        ("a=", "classes-invalid"),
        ("a=1,b", "classes-mixed"),
        ("a=x", "classes-invalid"),
    ],
)
def test_classes_that_do_not_fit_are_refused_with_what_was_seen(make_scan: Any, classes: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        infer_mask_rule(make_scan([disc(value=255)]), classes=classes)
    assert caught.value.code == code
    assert "{" not in str(caught.value)


COLOURS = {(255, 0, 0): 1, (0, 0, 255): 2}


def coloured(background: tuple[int, int, int] = (0, 0, 0)) -> Any:
    image = np.full((64, 64, 3), background, dtype=np.uint8)
    image[10:30, 10:30] = (255, 0, 0)
    image[40:60, 40:60] = (0, 0, 255)
    return image


@pytest.mark.parametrize("background", [(0, 0, 0), (10, 200, 30)])
def test_colour_codes(make_scan: Any, background: tuple[int, int, int]) -> None:
    """Black, else the commonest colour of the border, is background; files without a class are grey and still fit."""
    empty = np.full((64, 64, 3), background, dtype=np.uint8)
    scan = make_scan([coloured(background), empty], class_colours={})
    rule, labels, evidence = infer_mask_rule(scan)
    assert (rule.kind, evidence.kind, labels.kind) == ("colours", "colours", "exclusive")
    assert labels.names == ("#0000ff", "#ff0000")
    mask = load_mask(scan.cases[0], rule, labels).labels
    assert mask[0, 0] == 0
    assert mask[20, 20] == 2
    assert mask[50, 50] == 1
    assert not load_mask(scan.cases[1], rule, labels).labels.any()


def test_colour_names_come_from_metadata(make_scan: Any) -> None:
    names = {"#000000": "background", "#ff0000": "vessel", "#0000ff": "nerve", "#00ff00": "bone"}
    rule, labels, _ = infer_mask_rule(make_scan([coloured()], class_colours=names))
    assert set(labels.names) == {"vessel", "nerve", "bone"}
    assert labels.names[rule.colours["#ff0000"] - 1] == "vessel"
    assert infer_mask_rule(make_scan([coloured()]), classes="vessel=#ff0000")[1].names == ("vessel",)


def test_grey_codes_are_named_by_their_colours(make_scan: Any) -> None:
    scan = make_scan([disc(value=255)], class_colours={"#000000": "background", "#ffffff": "lung"})
    assert infer_mask_rule(scan)[1].names == ("lung",)


def test_fuzzy_colours_are_refused(make_scan: Any) -> None:
    noise = np.random.default_rng(0).integers(-20, 20, (64, 64, 3))
    fuzzy = np.clip(coloured().astype(int) + noise, 0, 255).astype(np.uint8)
    _, _, evidence = infer_mask_rule(make_scan([fuzzy]))
    assert evidence.kind == "not-labels"
    assert codes(evidence) == ["masks-not-labels"]


@pytest.mark.parametrize("smooth", [False, True])
def test_photographs_taken_for_masks_are_refused(make_scan: Any, smooth: bool) -> None:
    photo = np.random.default_rng(1).integers(20, 220, (96, 96), dtype=np.uint8)
    if smooth:
        photo = cv2.GaussianBlur(photo, (0, 0), 3)
    _, _, evidence = infer_mask_rule(make_scan([photo, photo]))
    assert evidence.kind == "not-labels"
    assert [finding.severity for finding in evidence.findings] == ["error"]


def test_palette_indices(make_scan: Any) -> None:
    palette = [0, 0, 0, 255, 0, 0, 0, 255, 0]
    scan = make_scan([disc(value=1) + disc(radius=4, value=1)], palette=palette, class_colours={"#ff0000": "a", "#00ff00": "b"})
    rule, labels, _ = infer_mask_rule(scan)
    assert rule.values == {0: 0, 1: 1, 2: 2}
    assert labels.names == ("a", "b")


def test_palettes_that_disagree_go_by_colour(tmp_path: Path) -> None:
    mask = disc(value=1)
    cases = []
    for i, palette in enumerate(([0, 0, 0, 255, 0, 0], [255, 0, 0, 0, 0, 0])):
        path = write(tmp_path / f"{i}.png", mask if i == 0 else 1 - mask, palette)
        cases.append(Case(str(i), (Source(path),), (Source(path),)))
    rule, labels, _ = infer_mask_rule(Scan(tmp_path, "x", tuple(cases)))
    assert rule.kind == "colours"
    for case in cases:
        np.testing.assert_array_equal(load_mask(case, rule, labels).labels, mask)


def test_numbered_objects_are_one_class(make_scan: Any) -> None:
    masks = []
    for count in (14, 20, 9):
        mask = np.zeros((64, 64), np.uint8)
        for k in range(count):
            mask[(k // 6) * 10 + 1 : (k // 6) * 10 + 8, (k % 6) * 10 + 1 : (k % 6) * 10 + 8] = k + 1
        masks.append(mask)
    rule, labels, evidence = infer_mask_rule(make_scan(masks))
    assert (rule.kind, rule.cutoff, evidence.kind, labels.classes) == ("threshold", 0.0, "instances", 1)
    assert codes(evidence) == ["masks-instance-ids"]


def test_a_slip_of_the_pen_is_no_class(make_scan: Any) -> None:
    masks = [disc(64, 20, value) for value in (1, 2, 1, 2)]
    masks[0][0, :3] = 9
    scan = make_scan(masks)
    rule, labels, evidence = infer_mask_rule(scan)
    assert labels.classes == 2
    assert rule.values[9] == IGNORE
    assert codes(evidence) == ["label-value-rare"]
    assert evidence.findings[0].path == scan.cases[0].masks[0].path


def test_value_255_beside_label_numbers_is_ignored(make_scan: Any) -> None:
    mask = disc(64, 25, 1) + disc(64, 10, 1)
    mask[:5] = 255
    rule, labels, evidence = infer_mask_rule(make_scan([mask, mask]))
    assert rule.values == {0: 0, 1: 1, 2: 2, 255: IGNORE}
    assert labels.classes == 2
    assert codes(evidence) == ["masks-value-255-ignored"]


def test_mixed_scales(make_scan: Any) -> None:
    rule, _, evidence = infer_mask_rule(make_scan([disc(value=1), disc(value=255)]))
    assert (rule.kind, rule.cutoff) == ("threshold", 0.0)
    assert codes(evidence) == ["masks-mixed-scale"]


def test_all_empty(make_scan: Any) -> None:
    _, _, evidence = infer_mask_rule(make_scan([np.zeros((8, 8), np.uint8)] * 2))
    assert codes(evidence) == ["masks-all-empty"]


def test_no_masks_and_unreadable_masks(make_scan: Any) -> None:
    with pytest.raises(DataError, match="mask"):
        infer_mask_rule(make_scan([None, None]))
    scan = make_scan([disc(), disc()])
    scan.cases[0].masks[0].path.write_bytes(b"")
    _, _, evidence = infer_mask_rule(scan)
    assert (evidence.unreadable, evidence.looked) == (1, 1)
    scan.cases[1].masks[0].path.write_bytes(b"text")
    with pytest.raises(UnreadableFile):
        infer_mask_rule(scan)


def by_files(tmp_path: Path, second: Any) -> Scan:
    image = write(tmp_path / "image.png", disc())
    first = write(tmp_path / "left.png", disc(value=255, column=8, radius=6))
    other = write(tmp_path / "right.png", second)
    case = Case("image.png", (Source(image),), (Source(first, label=1), Source(other, label=2)))
    return Scan(tmp_path, "files", (case,), class_names={1: "left", 2: "right"})


def test_files_stand_for_classes(tmp_path: Path) -> None:
    scan = by_files(tmp_path, disc(value=255, column=24, radius=6))
    rule, labels, evidence = infer_mask_rule(scan)
    assert (rule.kind, rule.cutoff, labels.kind, labels.names, evidence.kind) == (
        "files",
        127.5,
        "exclusive",
        ("left", "right"),
        "files",
    )
    mask = load_mask(scan.cases[0], rule, labels).labels
    assert mask[16, 8] == 1
    assert mask[16, 24] == 2
    rule, labels, _ = infer_mask_rule(scan, classes="lung=1,lung=2")
    assert labels.names == ("lung",)
    assert (load_mask(scan.cases[0], rule, labels).labels > 0).sum() == (mask > 0).sum()


def test_files_that_overlap_are_regions(tmp_path: Path) -> None:
    scan = by_files(tmp_path, disc(value=255, column=12, radius=6))
    rule, labels, evidence = infer_mask_rule(scan)
    assert labels.kind == "regions"
    assert codes(evidence) == ["masks-overlap"]
    mask = load_mask(scan.cases[0], rule, labels).labels
    assert mask.shape == (2, 32, 32)
    assert mask[:, 16, 10].tolist() == [1, 1]


def test_class_channels_of_an_array_file(tmp_path: Path) -> None:
    """PanNuke: (N, r, c, 6), instance numbers per class, the last channel is background."""
    stack = np.zeros((2, 32, 32, 6))
    stack[0, 4:10, 4:10, 0] = 17
    stack[0, 20:26, 4:10, 0] = 300
    stack[0, 20:30, 20:30, 3] = 2
    stack[..., 5] = (stack[..., :5] == 0).all(axis=-1)
    masks = write(tmp_path / "masks.npy", stack)
    images = write(tmp_path / "images.npy", np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3)).astype(np.float64))
    names = dict(enumerate(("a", "b", "c", "d", "e"), 1))
    by_channel = [
        Case(f"c{i}", (Source(images, index=i),), tuple(Source(masks, index=i, item=str(k), label=k + 1) for k in range(5)))
        for i in range(2)
    ]
    whole = [Case(f"w{i}", (Source(images, index=i),), (Source(masks, index=i),)) for i in range(2)]
    for cases, kind in ((by_channel, "files"), (whole, "channels")):
        scan = Scan(tmp_path, "pannuke", tuple(cases), class_names=names, unit="image")
        rule, labels, evidence = infer_mask_rule(scan)
        assert (evidence.kind, labels.names, labels.kind) == (kind, ("a", "b", "c", "d", "e"), "exclusive")
        mask = load_mask(cases[0], rule, labels).labels
        assert mask.shape == (32, 32)
        assert (mask[5, 5], mask[22, 5], mask[25, 25], mask[0, 0]) == (1, 1, 4, 0)
        assert not load_mask(cases[1], rule, labels).labels.any()


def test_evidence_is_saved_without_its_findings(make_scan: Any) -> None:
    _, _, evidence = infer_mask_rule(make_scan([disc(value=1), disc(value=255)]))
    assert "findings" not in evidence.model_dump()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_rule_has_its_sentence(make_scan: Any, tmp_path: Path, language: str) -> None:
    for scan in (make_scan([coloured()]), make_scan([disc(value=1) + disc(radius=4, value=1)]), make_scan([disc(value=255)])):
        rule, labels, _ = infer_mask_rule(scan)
        sentence = describe_rule(rule, labels, language)
        assert "mask." not in sentence
        assert "{" not in sentence


def test_very_many_masks_are_sampled_and_it_is_said(make_scan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import delineate.dataset.mask_survey as mask_survey

    monkeypatch.setattr(mask_survey, "MAX_FILES", 5)
    _, _, evidence = infer_mask_rule(make_scan([disc()] * 20))
    assert (evidence.files, evidence.looked) == (20, 5)
    assert codes(evidence) == ["masks-sampled"]


def test_a_label_called_ignore_is_no_class(make_scan: Any) -> None:
    """nnU-Net: {"background": 0, "liver": 1, "tumour": 2, "ignore": 3}."""
    mask = disc(64, 20) + disc(64, 12) + disc(64, 6)
    scan = make_scan([mask, mask], class_names={0: "background", 1: "liver", 2: "tumour", 3: "ignore"})
    rule, labels, _ = infer_mask_rule(scan)
    assert labels.names == ("liver", "tumour")
    assert rule.values == {0: 0, 1: 1, 2: 2, 3: IGNORE}


def test_void_is_undecided_beside_a_background_and_else_what_is_left_over(make_scan: Any) -> None:
    table = np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255)], np.uint8)
    mask = table[disc(64, 20) + disc(64, 8)]
    colours = {"#000000": "Void", "#ff0000": "organ", "#0000ff": "tool"}
    rule, labels, _ = infer_mask_rule(make_scan([mask, mask], class_colours=colours))
    assert set(labels.names) == {"organ", "tool"} and rule.colours["#000000"] == 0
    rule, labels, _ = infer_mask_rule(make_scan([mask, mask], class_colours={**colours, "#ff0000": "background"}))
    assert labels.names == ("tool",)
    assert rule.colours == {"#000000": IGNORE, "#ff0000": 0, "#0000ff": 1}
