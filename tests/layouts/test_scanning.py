"""What people really have: junk, broken files, links, strange names, tables, patterns; and the property that nothing is lost."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.layouts.trees import all_accounted, by_name, codes, content, make, pairs

from delineate.errors import DataError, UsageError
from delineate.events import Event
from delineate.layouts import LAYOUTS, scan


def four(root: Path) -> Path:
    return make(root, *[f"{k}/x{n}.png" for k in ("images", "masks") for n in range(4)])


def test_junk_is_explained(tmp_path: Path) -> None:
    four(tmp_path)
    make(tmp_path, ".DS_Store", "images/.DS_Store", "images/Thumbs.db", "__MACOSX/images/._x1.png", "masks/x1.png~", ".git/config")
    make(tmp_path, "README", "LICENSE", "a.csv", "train.py", "old.zip", "net.pth", "a.avi", "b.h5", "noext", "images/notes.weird")
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == 4
    by = {path.name: code for path, code in found.explained.items()}
    assert by["Thumbs.db"] == by["x1.png~"] == by["config"] == by["._x1.png"] == "hidden-or-system-file"
    assert (
        by["README"] == "documentation"
        and by["train.py"] == "code"
        and by["old.zip"] == "archive"
        and by["b.h5"] == "unsupported-format"
    )
    assert codes(found) >= {"unsupported-format", "patient-unknown"}


def test_unpaired_files_are_findings_with_their_path(tmp_path: Path) -> None:
    four(tmp_path)
    make(tmp_path, "images/alone.png", "masks/orphan.png")
    found = scan(tmp_path)
    all_accounted(found)
    said = {finding.code: finding.path for finding in found.findings}
    assert said["image-without-mask"] == tmp_path / "images/alone.png"
    assert said["mask-without-image"] == tmp_path / "masks/orphan.png"


def test_broken_files_leave_the_rest(tmp_path: Path) -> None:
    four(tmp_path)
    (tmp_path / "images/x0.png").write_bytes(b"")
    (tmp_path / "masks/x1.png").write_text("<html>404 not found</html>" * 20)
    (tmp_path / "images/x2.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 5\n")
    found = scan(tmp_path)
    all_accounted(found)
    assert list(pairs(found)) == ["images/x3.png"]
    assert codes(found) >= {"empty-file", "not-an-image", "git-lfs-pointer"}
    assert found.explained[tmp_path / "masks/x0.png"] == "partner-unusable"


def test_all_broken_is_an_error(tmp_path: Path) -> None:
    four(tmp_path)
    for path in tmp_path.glob("images/*"):
        path.write_bytes(b"")
    with pytest.raises(DataError) as error:
        scan(tmp_path)
    assert error.value.code == "no-usable-files" and "empty-file" in str(error.value)


def test_links(tmp_path: Path) -> None:
    four(tmp_path)
    (tmp_path / "images/loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "images/self").symlink_to(tmp_path / "images/self")
    (tmp_path / "masks/gone.png").symlink_to(tmp_path / "nowhere.png")
    found = scan(tmp_path)
    assert len(found.cases) == 4 and codes(found) >= {"symlink-loop", "broken-link"}
    assert found.explained[tmp_path / "masks/gone.png"] == found.explained[tmp_path / "images/self"] == "broken-link"


def test_linked_images_are_used(tmp_path: Path) -> None:
    four(tmp_path / "store")
    (tmp_path / "data").mkdir()
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind).symlink_to(tmp_path / "store" / kind, target_is_directory=True)
    assert len(scan(tmp_path / "data").cases) == 4


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder(tmp_path: Path) -> None:
    four(tmp_path)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    try:
        assert "unreadable-folder" in codes(scan(tmp_path))
    finally:
        closed.chmod(0o700)


def test_unreadable_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where tests run as root: the system refuses one folder."""
    four(tmp_path)
    (tmp_path / "closed").mkdir()
    real = os.scandir

    def refuse(path: str | os.PathLike[str]) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = scan(tmp_path)
    assert [finding.path for finding in found.findings if finding.code == "unreadable-folder"] == [tmp_path / "closed"]


def test_unicode_and_spaces(tmp_path: Path) -> None:
    names = ["患者 一", "Müller ä", "x y (z) [1]", "ß'\"&%$", "cafe\u0301"]
    make(
        tmp_path,
        *[f"my images/{name}.png" for name in names],
        *[f"my masks/{name}_mask.png" for name in names[:-1]],
        "my masks/caf\u00e9_mask.png",
    )
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == len(names)
    assert by_name(found)["患者 一.png"].masks[0].path.name == "患者 一_mask.png"


def test_two_images_for_one_mask(tmp_path: Path) -> None:
    four(tmp_path)
    make(tmp_path, "images/x1.jpg")
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == 3 and "ambiguous-mask" in codes(found)


def test_two_masks_for_one_image(tmp_path: Path) -> None:
    make(tmp_path, *[f"x{n}{m}.png" for n in range(4) for m in ("", "_mask")], "x2_mask_old.png")
    found = scan(tmp_path)
    all_accounted(found)
    assert all(len(case.masks) == 1 for case in found.cases) and "ambiguous-pair" in codes(found)
    assert by_name(found)["x2.png"].masks[0].path.name == "x2_mask.png"


def test_classes_by_ending(tmp_path: Path) -> None:
    make(tmp_path, *[f"P{n:02d}{m}.nii.gz" for n in range(1, 5) for m in ("", "_seg_liver", "_seg_tumour")])
    found = scan(tmp_path)
    assert found.class_names == {1: "liver", 2: "tumour"}
    assert all([source.label for source in case.masks] == [1, 2] for case in found.cases)


def test_unknown_ending_is_said(tmp_path: Path) -> None:
    make(tmp_path, *[f"P{n:02d}{m}.png" for n in range(1, 7) for m in ("", "-lungs")])
    found = scan(tmp_path)
    all_accounted(found)
    assert len(found.cases) == 6 and "assumed-mask-rule" in codes(found)


def test_jpg_and_png_of_one_name(tmp_path: Path) -> None:
    make(tmp_path, *[f"{n}.{s}" for n in range(5) for s in ("jpg", "png")])
    found = scan(tmp_path)
    assert all(case.path.suffix == ".jpg" and case.masks[0].path.suffix == ".png" for case in found.cases)
    assert len(found.cases) == 5 and "assumed-mask-rule" in codes(found)


def test_names_that_differ_in_case_only(tmp_path: Path) -> None:
    make(tmp_path, "images/A.png", "images/a.PNG", "masks/A.png", "masks/a.PNG", "images/B.png", "masks/b.png")
    found = scan(tmp_path)
    assert pairs(found) == {"images/A.png": ["masks/A.png"], "images/a.PNG": ["masks/a.PNG"], "images/B.png": ["masks/b.png"]}
    assert len({case.id for case in found.cases}) == 3


def test_a_few_jpeg_masks_leave_the_rest(tmp_path: Path) -> None:
    make(tmp_path, *(f"{folder}/{n}.png" for folder in ("images", "masks") for n in range(3)), "images/x.png", "masks/x.jpg")
    assert [(finding.severity, finding.params["n"]) for finding in scan(tmp_path).findings if finding.code == "jpeg-mask"] == [
        ("warning", 1)
    ]


def test_slices_of_shared_ids(tmp_path: Path) -> None:
    names = [f"P{p:03d}_slice_{n}" for p in (1, 2, 3) for n in range(1, 12)]
    make(tmp_path, *[f"images/{name}.png" for name in names], *[f"masks/{name}.png" for name in names])
    found = scan(tmp_path)
    assert found.unit == "patient" and {case.patient for case in found.cases} == {"P001", "P002", "P003"}
    assert len({case.volume for case in found.cases}) == 3 and found.cases[1].position == 2


def test_tiles_stay_together_without_claiming_a_patient(tmp_path: Path) -> None:
    names = [f"img{p}_{r}_{c}" for p in (1, 2, 3) for r in (0, 1) for c in (0, 1)]
    make(tmp_path, *[f"{k}/{name}.png" for k in ("images", "masks") for name in names])
    found = scan(tmp_path)
    assert found.unit == "image" and all(case.patient is None for case in found.cases)
    assert {case.person for case in found.cases} == {"img1", "img2", "img3"}


def test_metadata_of_classes(tmp_path: Path) -> None:
    four(tmp_path)
    (tmp_path / "label_class_dict.csv").write_text("name,r,g,b\nbackground,0,0,0\nlungs,255,255,255\n")
    (tmp_path / "classes.txt").write_text("background\nlung\nheart\n")
    found = scan(tmp_path)
    assert found.class_colours == {"#000000": "background", "#ffffff": "lungs"}
    assert found.class_names == {1: "lung", 2: "heart"}
    assert set(found.explained.values()) == {"metadata"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_table(tmp_path: Path, delimiter: str, coding: str) -> None:
    make(tmp_path, "a/患者一.png", "b/m1.png", "b/m2.png", "a/two.png", "b/m3.png", "c/extra.png")
    semicolon = "b/m1.png;b/m2.png" if delimiter != ";" else '"b/m1.png;b/m2.png"'
    rows = [
        ["Image", "mask", "patient", "split", "volume", "position"],
        ["a/患者一.png", semicolon, "p1", "training", "v", "3"],
        ["a\\two.png", "b/m3.png", "p2", "val", "", ""],
    ]
    rows += [["a/gone.png", "b/m3.png", "p3", "", "", ""], ["a/two.png", "b/m3.png", "p2", "", "", ""]]
    (tmp_path / "list.csv").write_text("\n".join(delimiter.join(row) for row in rows), encoding=coding)
    for found in (scan(tmp_path), scan(tmp_path, table=tmp_path / "list.csv")):
        all_accounted(found)
        assert found.layout == "table" and found.unit == "patient"
        first = by_name(found)["患者一.png"]
        assert (first.patient, first.volume, first.position, first.split, len(first.masks)) == ("p1", "v", 3, "train", 2)
        assert by_name(found)["two.png"].split == "validation"
        assert codes(found) >= {"listed-file-missing", "duplicate-case-id"}


def test_table_of_classes(tmp_path: Path) -> None:
    make(tmp_path, "i1.png", "l1.png", "h1.png")
    (tmp_path / "t.tsv").write_text("image\tmask_lung\tmask_heart\ni1.png\tl1.png\th1.png\n")
    found = scan(tmp_path)
    assert found.class_names == {1: "lung", 2: "heart"} and [s.label for s in found.cases[0].masks] == [1, 2]


def test_table_of_channels_and_of_parts_of_files(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "a2.png", "b.png", "m.png")
    text = "image,mask,patient,image_page,image_item\na.png;a2.png,m.png,1,,\nb.png,m.png,2,3,x\nb.png;gone.png,m.png,3,,\n"
    (tmp_path / "list.csv").write_text(text)
    found = scan(tmp_path, table=tmp_path / "list.csv")
    channels, part = found.cases
    assert [source.path.name for source in channels.images] == ["a.png", "a2.png"] and channels.id == "a"
    assert (part.images[0].index, part.images[0].item) == (3, "x")
    assert [finding.code for finding in found.findings if finding.code == "listed-file-missing"] == ["listed-file-missing"]


def test_table_errors(tmp_path: Path) -> None:
    four(tmp_path)
    (tmp_path / "a.csv").write_text("picture,outline\n1,2\n")
    (tmp_path / "b.csv").write_text("image,mask\nnone.png,none.png\n")
    for table, code in (("a.csv", "table-columns"), ("b.csv", "table-empty"), ("c.csv", "table-unreadable")):
        with pytest.raises(DataError) as error:
            scan(tmp_path, table=tmp_path / table)
        assert error.value.code == code and table in str(error.value)


def test_patterns(tmp_path: Path) -> None:
    make(
        tmp_path,
        *[f"raw/{p}/s{n}.tif" for p in ("A", "B") for n in (1, 2, 3, 10)],
        *[f"drawn/{p}-{n}-m{k}.png" for p in ("A", "B") for n in (1, 2, 3, 10) for k in (1, 2)],
    )
    found = scan(tmp_path, image_pattern="raw/{patient}/s{n}.tif", mask_pattern="drawn/{patient}-{n}-*.png")
    all_accounted(found)
    assert found.unit == "patient" and len(found.cases) == 8 and all(len(case.masks) == 2 for case in found.cases)
    assert pairs(found)["raw/A/s10.tif"] == ["drawn/A-10-m1.png", "drawn/A-10-m2.png"]
    assert {case.volume for case in found.cases} == {"A", "B"}


def test_pattern_of_masks_that_are_named_like_images(tmp_path: Path) -> None:
    make(tmp_path, *[f"x{n}{m}.png" for n in range(3) for m in ("", "_zz")])
    assert len(scan(tmp_path, image_pattern="{case}.png", mask_pattern="{case}_zz.png").cases) == 3


def test_patient_pattern(tmp_path: Path) -> None:
    make(tmp_path, *[f"{k}/{p}.{v}.png" for k in ("images", "masks") for p in ("anna", "bert") for v in ("a", "b")])
    found = scan(tmp_path, patient_pattern="{patient}.*")
    assert found.unit == "patient" and {case.patient for case in found.cases} == {"anna", "bert"}


@pytest.mark.parametrize(
    ("given", "error", "code"),
    [
        ({"layout": "nonsense"}, UsageError, "unknown-choice"),
        ({"layout": "msd"}, DataError, "layout-does-not-fit"),
        ({"image_pattern": "{case}.png"}, UsageError, "patterns-both"),
        ({"image_pattern": "{x}.png", "mask_pattern": "{x}.png"}, UsageError, "bad-pattern"),
        ({"image_pattern": "{case}.png", "mask_pattern": "{n}.png"}, UsageError, "patterns-share-nothing"),
        ({"image_pattern": "z/{case}.png", "mask_pattern": "masks/{case}.png"}, DataError, "pattern-fits-nothing"),
        ({"image_pattern": "images/{case}.png", "mask_pattern": "masks/x{case}.png"}, DataError, "patterns-do-not-meet"),
        ({"layout": "msd", "table": "x.csv"}, UsageError, "too-many-ways"),
    ],
)
def test_errors_say_what_is_wrong(tmp_path: Path, given: dict[str, str], error: type[Exception], code: str) -> None:
    four(tmp_path)
    with pytest.raises(error) as caught:
        scan(tmp_path, **given)  # type: ignore[arg-type]
    assert caught.value.code == code  # type: ignore[attr-defined]
    assert "error." not in str(caught.value) and "{" not in str(caught.value).replace("{case}", "").replace("{n}", "").replace(
        "{x}", ""
    ).replace("{patient}", "").replace("{split}", "").replace("{class}", "")


@pytest.mark.parametrize(("names", "code"), [((), "folder-empty"), (("a.txt",), "no-images"), (("a.zip", "b.h5"), "no-images")])
def test_folders_without_images(tmp_path: Path, names: tuple[str, ...], code: str) -> None:
    make(tmp_path, *names)
    with pytest.raises(DataError) as error:
        scan(tmp_path)
    assert error.value.code == code


def test_root_must_be_a_folder(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "no", "file-missing"), (make(tmp_path, "a.png") / "a.png", "not-a-folder")):
        with pytest.raises(DataError) as error:
            scan(path)
        assert error.value.code == code


def test_layout_can_be_forced_and_event_is_sent(tmp_path: Path) -> None:
    events: list[Event] = []
    assert scan(four(tmp_path), layout="paired-folders", on_event=events.append).layout == "paired-folders"
    assert [event.code for event in events] == ["layout-found"]  # type: ignore[attr-defined]
    assert {"msd", "nnunet", "stacks", "pannuke", "table"} <= set(LAYOUTS.names())


def test_ids_are_stable_and_do_not_depend_on_order_of_creation(tmp_path: Path) -> None:
    names = [f"{k}/P{p}_{n}.png" for k in ("images", "masks") for p in (1, 2) for n in range(1, 12)]
    make(tmp_path / "a", *names)
    random.Random(1).shuffle(names)
    make(tmp_path / "b", *names)
    first, second = scan(tmp_path / "a"), scan(tmp_path / "b")
    assert [case.id for case in first.cases] == [case.id for case in second.cases]
    assert [case.position for case in first.cases] == [*range(1, 12), *range(1, 12)]


def test_many_files_are_quick(tmp_path: Path) -> None:
    """10,000 files well within a tenth of what 100,000 may take; nothing may grow with the square of their number."""
    data = content(".png")
    for p in range(100):
        folder = tmp_path / f"P{p:03d}"
        folder.mkdir()
        for n in range(50):
            (folder / f"s{n}.png").write_bytes(data)
            (folder / f"s{n}_mask.png").write_bytes(data)
    start = time.process_time()
    found = scan(tmp_path)
    assert len(found.cases) == 5000
    assert time.process_time() - start < 10


WORDS = st.sampled_from(
    ["images", "masks", "a", "train", "test", "P01", "P02", "seg", "x", "label", "roi", "ct", "T1", "fold1", "left", "1", "02"]
)
NAMES = st.builds("_".join, st.lists(WORDS, min_size=1, max_size=3))
FILES = st.builds(
    lambda folders, name, suffix: "/".join((*folders, name + suffix)),
    st.lists(NAMES, max_size=3),
    NAMES,
    st.sampled_from([".png", ".png", ".png", ".jpg", ".tif", ".nii.gz", ".csv", ".txt", ".json", ".npy", "", ".h5"]),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(FILES, min_size=1, max_size=25, unique=True))
def test_any_tree_is_accounted_for_or_explained(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    """Whatever lies there: a scan in which every file has its place, or an error that a person can read."""
    root = tmp_path_factory.mktemp("tree")
    for name in names:
        try:
            make(root, name)
        except OSError:
            continue  # a file where another name needs a folder
    try:
        found = scan(root)
    except DataError as error:
        assert str(error) and not str(error).startswith("error.")
    else:
        all_accounted(found)
        masks = [source.path for case in found.cases for source in case.masks]
        images = {case.path for case in found.cases}
        assert len(masks) == len(set(masks)) and not images & set(masks)
        assert all(case.masks for case in found.cases)
