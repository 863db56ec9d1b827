"""docs/images/web-*.png: ``python -m tests.server.web.screenshots`` makes them anew, of images that a program drew."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from PIL import Image as Pillow
from tests.server.conftest import png
from tests.server.web.conftest import ARGUMENTS, OPEN, serving

from delineate.synthetic.dataset import draw_volume

IMAGES = Path(__file__).parents[3] / "docs" / "images"
MOST = 200_000


def shoot(page: Any, name: str, folder: Path) -> None:
    """A picture of the page in as many colours as keep it small."""
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(1200)
    picture = Pillow.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = folder / f"web-{name}.png"
    for colours in (256, 128, 64, 48):
        picture.quantize(colours, dither=Pillow.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < MOST:
            return
    raise SystemExit(f"{path} is too large")


def main(folder: Path) -> None:
    from playwright.sync_api import sync_playwright

    work = Path(tempfile.mkdtemp())
    slices = [pixels.astype(np.float32) for pixels, _ in draw_volume(0, 3, 40, 176)]
    air = min(float(pixels.min()) for pixels in slices)
    volume = np.stack(slices[::-1]) - air - 1024
    (work / "chest.png").write_bytes(png(np.clip((volume[22] + 1100) / 1500 * 255, 0, 255).astype(np.uint8)))
    affine = np.diag([-2.0, -2, 6, 1])
    nibabel.save(nibabel.Nifti1Image(volume.transpose(2, 1, 0).astype(np.int16), affine), work / "chest-ct.nii.gz")
    with serving(work / "state") as address, sync_playwright() as player:
        browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)

        def visit(locale: str, light: str, width: int, height: int) -> Any:
            page = browser.new_context(locale=locale, color_scheme=light, viewport={"width": width, "height": height}).new_page()
            page.goto(address)
            page.wait_for_selector("html[data-ready=yes]", state="attached")
            return page

        page = visit("en-US", "light", 1280, 800)
        shoot(page, "empty", folder)
        page.set_input_files("#files", str(work / "chest.png"))
        page.wait_for_selector(OPEN)
        page.keyboard.press("b")
        box = page.locator("#view canvas").bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(middle[0] - 40, middle[1] - 130)
        page.mouse.down()
        page.mouse.move(middle[0] - 20, middle[1] - 60, steps=6)
        page.mouse.up()
        shoot(page, "picture", folder)
        page = visit("zh-CN", "dark", 1280, 800)
        page.set_input_files("#files", str(work / "chest-ct.nii.gz"))
        page.wait_for_selector(OPEN, timeout=120_000)
        shoot(page, "volume", folder)
        page = visit("en-US", "light", 820, 1180)
        page.set_input_files("#files", str(work / "chest-ct.nii.gz"))
        page.wait_for_selector(OPEN, timeout=120_000)
        page.click("[data-plane=axial]")
        shoot(page, "tablet", folder)
        page.click("#open-card")
        shoot(page, "card", folder)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
