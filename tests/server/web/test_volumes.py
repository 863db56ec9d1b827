"""Volumes in the viewer: the right side on the left, corrections in the right voxels, whatever the file's order of axes."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from tests.server.conftest import lungs
from tests.server.test_segment import SECRETS, archive, ct
from tests.server.web.conftest import OPEN, Open, save, upload

pytestmark = pytest.mark.slow  # WebGL without a graphics card
SHAPE = (32, 40, 12)


def body() -> np.ndarray[Any, Any]:
    """A chest of (right to left, back to front, feet to head) voxels, not alike from any two sides."""
    slices = [lungs(40, seed=z)[:, 4:36].T[:, ::-1] for z in range(SHAPE[2])]
    return np.stack(slices, axis=-1).astype(np.int16)


def write(path: Path, axes: str) -> Path:
    """The same chest in an order of axes: LAS (x to the left, …), PIR …; 3 × 2 × 4 mm."""
    image = nibabel.Nifti1Image(body(), np.diag([-3.0, 2, 4, 1]))
    image.header["descrip"] = b"Zebulon Quill"
    turned = image.as_reoriented(
        nibabel.orientations.ornt_transform(
            nibabel.orientations.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(tuple(axes))
        )
    )
    nibabel.save(turned, path)
    return path


def loaded(content: bytes) -> Any:
    return nibabel.Nifti1Image.from_bytes(gzip.decompress(content))


def changed(before: bytes, after: bytes) -> np.ndarray[Any, Any]:
    """World coordinates (RAS, mm) of the voxels that differ, sorted."""
    one, other = loaded(before), loaded(after)
    places = np.argwhere(np.asarray(one.dataobj) != np.asarray(other.dataobj))
    world = nibabel.affines.apply_affine(one.affine, places)
    return world[np.lexsort(world.T)].round(3)


def test_corrections_lie_where_they_were_drawn_in_every_order_of_axes(visit: Open, tmp_path: Path, site: str) -> None:
    page = visit(viewport={"width": 700, "height": 560})
    found = []
    for axes in ("LAS", "RAS", "PIR"):
        job = upload(page, write(tmp_path / f"{axes}.nii.gz", axes))
        assert page.locator("#planes").is_visible()
        before = save(page, "nifti")
        assert before == page.request.get(f"{site}v1/jobs/{job}/result", headers={"accept": "application/x-nifti"}).body()
        page.keyboard.press("Shift+Digit2")
        assert page.locator("[data-plane=axial]").get_attribute("aria-pressed") == "true"
        page.locator("#slice").evaluate("e => { e.value = 4; e.dispatchEvent(new Event('input')); }")
        assert page.locator("#slice-text").text_content() == "Slice 4 / 12"
        page.keyboard.press("b")
        box = page.locator("#view canvas").bounding_box()
        x, y = box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5
        page.mouse.move(x - 20, y - 60)  # towards the patient's right and front
        page.mouse.down()
        page.mouse.move(x - 10, y - 60, steps=3)
        page.mouse.up()
        page.wait_for_selector("[data-save=corrected-nifti]")
        after = save(page, "corrected-nifti")
        places = changed(before, after)
        assert len(places) > 3
        found.append(places)
        raw_before, raw_after = gzip.decompress(before), gzip.decompress(after)
        assert raw_before[:352] == raw_after[:352], "the header is the server's"
        assert b"Zebulon" not in raw_after
        page.keyboard.press("Control+z")
        page.wait_for_selector("[data-save=corrected-nifti]", state="detached")
        page.keyboard.press("Control+y")
        page.wait_for_selector("[data-save=corrected-nifti]")
        assert save(page, "corrected-nifti") == after
        page.click("#new")
        page.wait_for_selector("main[data-state=empty]")
    for places in found:
        np.testing.assert_allclose(places, found[0])
    centre = nibabel.affines.apply_affine(np.diag([-3.0, 2, 4, 1]), (np.array(SHAPE) - 1) / 2)
    assert (found[0][:, 0] > centre[0]).all(), "drawn on the left of the screen: the patient's right"
    assert (found[0][:, 1] > centre[1]).all(), "drawn above: the patient's front"
    assert set(found[0][:, 2]) == {12.0}, "in the fourth slice and in no other"


def test_a_dicom_folder_gives_a_segmentation_for_the_archive(visit: Open, tmp_path: Path, site: str) -> None:
    pytest.importorskip("highdicom")
    files = ct(tmp_path / "study", slices=10)
    (tmp_path / "study" / "DICOMDIR").write_bytes(b"junk")
    page = visit(viewport={"width": 700, "height": 560})
    with page.expect_response(lambda answer: answer.url.endswith("/v1/jobs") and answer.request.method == "POST") as began:
        page.set_input_files("#folder", str(tmp_path / "study"))
    job = began.value.json()["id"]
    page.wait_for_selector(OPEN)
    assert "study" in page.locator("#caption").text_content()
    assert "64 × 64 × 10 · CT" in page.locator("#caption").text_content()
    page.select_option("#preset", "lung")
    assert (page.locator("#level-out").text_content(), page.locator("#width-out").text_content()) == ("-600", "1,500")
    segmentation = save(page, "dicom-seg")
    assert segmentation == page.request.get(f"{site}v1/jobs/{job}/result", headers={"accept": "application/dicom"}).body()
    assert segmentation[128:132] == b"DICM"
    corrected_before = save(page, "nifti")
    page.keyboard.press("b")
    page.keyboard.press("Space")
    page.keyboard.press("e")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    page.wait_for_selector("[data-save=corrected-nifti]")
    corrected = save(page, "corrected-nifti")
    places = changed(corrected_before, corrected)
    assert len(places), "the crosshair starts in the mask: the eraser takes some of it away"
    archived = pydicom.dcmread(io.BytesIO(save(page, "corrected-seg")))
    assert archived.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert archived.pixel_array.sum() == np.asarray(loaded(corrected).dataobj).sum()
    size = page.locator("#classes .value").text_content()
    assert size.endswith("mL")
    (tmp_path / "study.zip").write_bytes(archive(files))
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#new")
    upload(page, tmp_path / "study.zip")
    assert save(page, "nifti") == corrected_before, "a zip of the folder is the same study"
    for secret in SECRETS.values():
        assert secret not in page.content()


def test_the_3_d_view_and_opacity_draw(visit: Open, tmp_path: Path) -> None:
    page = visit(viewport={"width": 700, "height": 560})
    upload(page, write(tmp_path / "a.nii.gz", "LAS"))
    page.click("[data-plane=render]")
    assert page.locator("#slice-row").is_hidden()
    page.wait_for_timeout(500)
    with_mask = teal(page)
    page.keyboard.press("h")
    page.wait_for_timeout(500)
    assert teal(page) < with_mask / 4 + 20
    assert with_mask > 200


def teal(page: Any) -> int:
    """Pixels of the view in the mask's colour."""
    import io

    from PIL import Image

    box = page.locator("#view canvas").bounding_box()
    shot = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB"), dtype=int)
    return int(((shot[..., 1] > shot[..., 0] + 25) & (shot[..., 2] > shot[..., 0] + 15)).sum())
