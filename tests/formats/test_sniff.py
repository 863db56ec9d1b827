"""Content wins over the name; importing costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from delineate.domain import Geometry
from delineate.errors import UnreadableFile
from delineate.formats import IMAGE_SUFFIXES, format_of, read_image, registry, write_labels
from formats.dicom_objects import make

HEAVY = {"nibabel", "SimpleITK", "pydicom", "tifffile", "cv2", "imagecodecs", "PIL", "scipy", "torch"}


@pytest.mark.parametrize(
    "suffix", [".png", ".tif", ".nii", ".nii.gz", ".nrrd", ".mha", ".npy", ".npz", ".jpg", ".bmp", ".gif", ".dcm"]
)
@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.jpg", "x.nii.gz", "x.dcm", "x.dat", "x"])
def test_content_wins(tmp_path: Path, suffix: str, name: str) -> None:
    plane = np.arange(20, dtype=np.uint8).reshape(4, 5)
    source = tmp_path / f"source{suffix}"
    if suffix in (".jpg", ".bmp", ".gif"):
        Pillow.fromarray(plane).save(source)
    elif suffix == ".dcm":
        make(source, plane)
    else:
        assert write_labels(source, plane, Geometry((4, 5))) == source
    kind = format_of(source)
    assert kind is not None
    assert suffix in registry.get(kind).suffixes
    path = source.rename(tmp_path / name)
    assert format_of(path) == kind
    assert read_image(path).pixels.shape == (1, 4, 5)


@pytest.mark.parametrize(
    "content", [b"II", b"%PDF-1.7", b"\x1f\x8b\x08\0junk", b"PK\x03\x04" + bytes(40), b"NRRD", b"ObjectType = Image\n"]
)
def test_what_is_no_image(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    assert format_of(path) is None
    with pytest.raises(UnreadableFile) as caught:
        read_image(path)
    assert caught.value.code == "not-an-image"


def test_suffixes() -> None:
    assert {".png", ".nii.gz", ".dcm", ".tiff", ".mhd"} <= IMAGE_SUFFIXES
    assert ".gz" not in IMAGE_SUFFIXES


@pytest.mark.parametrize(
    ("action", "allowed"),
    [("pass", set()), ("f.read_image(p)", {"PIL"}), ("f.format_of(p)", set()), ("f.read_header(p)", {"PIL"})],
)
def test_imports_are_late(tmp_path: Path, action: str, allowed: set[str]) -> None:
    Pillow.new("RGB", (5, 4)).save(tmp_path / "a.png")
    code = f"import sys, pathlib\nimport delineate.formats as f\np = pathlib.Path(sys.argv[1])\n{action}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.png"], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == allowed
