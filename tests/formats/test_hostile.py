"""Files that lie, are cut, or are no files: bounded in memory and time, one sentence, no noise."""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
import textwrap
import time
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

import delineate.i18n
from delineate.errors import UnreadableFile
from delineate.formats import CODES, Limits, format_of, read_header, read_image, read_labels
from formats.dicom_objects import make

CALLS = (read_header, read_image, read_labels)


def png_bomb(path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 70000, 70000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")
    )


def png_of_few_bytes(path: Path) -> None:
    png_bomb(path)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 30000, 30000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    path.write_bytes(bytes(data))


def tiff_claiming_2_gb(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), compression="zlib", photometric="minisblack", metadata=None)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tag = tif.pages[0].tags[name]
            data[tag.valueoffset : tag.valueoffset + 4] = struct.pack("<I" if tag.dtype == 4 else "<H", 46000).ljust(4, b"\0")
    path.write_bytes(bytes(data))


def nifti_bomb(path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_shape((1024, 1024, 1000))
    header.set_data_dtype(np.int16)
    header["magic"], header["vox_offset"] = b"n+1", 352
    path.write_bytes(gzip.compress(header.binaryblock + bytes(4) + bytes(1 << 16)))


def nrrd_bomb(path: Path) -> None:
    head = b"NRRD0004\ntype: int16\ndimension: 3\nsizes: 1024 1024 1000\nendian: little\nencoding: gzip\n\n"
    path.write_bytes(head + gzip.compress(bytes(1 << 16)))


def mha_bomb(path: Path) -> None:
    head = "ObjectType = Image\nNDims = 3\nDimSize = 1024 1024 1000\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    path.write_bytes(head.encode() + bytes(999))


def npy_bomb(path: Path) -> None:
    np.save(path, np.zeros((4, 4)))
    path.write_bytes(path.read_bytes().replace(b"(4, 4), }", b"(4000, 40000), }").replace(b"      \n", b"\n", 1))


def zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (60000, 60000)})
        for _ in range(64):
            file.write(bytes(1 << 20))


def dicom_bomb(path: Path) -> None:
    make(path, np.zeros((4, 4), np.uint16), Rows=65535, Columns=65535)


BOMBS: dict[str, Callable[[Path], None]] = {
    "a.png": png_bomb,
    "b.png": png_of_few_bytes,
    "a.tif": tiff_claiming_2_gb,
    "a.nii.gz": nifti_bomb,
    "a.nrrd": nrrd_bomb,
    "a.mha": mha_bomb,
    "a.npy": npy_bomb,
    "a.npz": zip_bomb,
    "a.dcm": dicom_bomb,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_neither_memory_nor_time(tmp_path: Path, name: str) -> None:
    """Judged by the header: under 32 MB of Python's own memory, under two seconds."""
    path = tmp_path / name
    BOMBS[name](path)
    read_nothing(path)  # imports are not what is measured
    tracemalloc.start()
    begin = time.perf_counter()
    try:
        read_nothing(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 32 << 20
    assert time.perf_counter() - begin < 2


def read_nothing(path: Path) -> None:
    for call in (read_image, read_labels):
        with pytest.raises(UnreadableFile) as caught:
            call(path)
        assert caught.value.code in ("too-large", "truncated", "damaged")


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize("name", ["a.nrrd", "a.nii.gz", "b.png", "a.tif"])
def test_bombs_under_a_memory_limit(tmp_path: Path, name: str) -> None:
    """C++ memory does not show in tracemalloc: a process that may have 1.5 GB in all must still answer properly."""
    BOMBS[name](tmp_path / name)
    code = """
        import resource, sys, pathlib
        resource.setrlimit(resource.RLIMIT_AS, (3 << 29, 3 << 29))
        from delineate.errors import UnreadableFile
        from delineate.formats import read_image
        try:
            read_image(pathlib.Path(sys.argv[1]))
        except UnreadableFile as error:
            print(error.code)
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), tmp_path / name], capture_output=True, text=True, env=environment
    )
    assert done.stdout.strip() in ("too-large", "truncated", "damaged")
    assert done.stderr == ""


def test_limits_are_the_callers(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Pillow.new("L", (100, 50)).save(path)
    for limits in (Limits(max_side=99), Limits(max_pixels=4999), Limits(max_bytes=4999), Limits(max_file_bytes=10)):
        for call in CALLS:
            with pytest.raises(UnreadableFile) as caught:
                call(path, limits=limits)
            assert caught.value.code == "too-large"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".npy", ".npz", ".nii", ".nii.gz", ".nrrd", ".mha", ".dcm", ""])
def test_empty_and_text_and_folders(tmp_path: Path, suffix: str) -> None:
    empty, text, folder = (tmp_path / f"{name}{suffix}" for name in ("empty", "text", "folder"))
    empty.touch()
    text.write_text("BM this is only a letter to a friend\n" * 40)
    folder.mkdir()
    for path, code in ((empty, "empty-file"), (text, "not-an-image"), (folder, "not-an-image")):
        assert format_of(path) is None
        for call in CALLS:
            with pytest.raises(UnreadableFile) as caught:
                call(path)
            assert caught.value.code == code == caught.value.params["reason"]
            assert str(path) in str(caught.value)


def test_missing_loops_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    wanted = {"missing.png": "not-found", "loop.png": "not-found", "dangling.png": "not-found", "pipe.png": "not-an-image"}
    wanted["x" * 300 + ".png"] = "not-found"
    for name, code in wanted.items():
        for call in (*CALLS, format_of):
            with pytest.raises(UnreadableFile) as caught:
                call(tmp_path / name)
            assert caught.value.code == code


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the refusal is the system call's."""
    path = tmp_path / "a.png"
    Pillow.new("L", (10, 5)).save(path)
    real = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", refuse)
    for call in (*CALLS, format_of):
        with pytest.raises(UnreadableFile) as caught:
            call(path)
        assert caught.value.code == "no-permission"


def samples(folder: Path) -> list[Path]:
    """A small valid file of every format."""
    from delineate.domain import Geometry
    from delineate.formats import write_labels

    volume, plane = np.arange(60, dtype=np.uint8).reshape(3, 4, 5), np.arange(20, dtype=np.uint8).reshape(4, 5)
    paths = [
        write_labels(folder / f"v{suffix}", volume, Geometry((3, 4, 5))) for suffix in (".nii", ".nii.gz", ".nrrd", ".mha", ".tif")
    ]
    paths += [write_labels(folder / f"p{suffix}", plane, Geometry((4, 5))) for suffix in (".png", ".npy", ".npz", ".tif")]
    for suffix in (".jpg", ".bmp", ".gif"):
        Pillow.fromarray(plane).save(folder / f"p{suffix}")
        paths.append(folder / f"p{suffix}")
    return [*paths, make(folder / "p.dcm", plane)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_gives_an_image_or_one_sentence(tmp_path: Path, data: st.DataObject) -> None:
    """Random bytes overwritten and the end cut off: never another exception, never a warning."""
    valid = tmp_path / "valid"
    if not valid.exists():
        valid.mkdir()
        samples(valid)
    source = data.draw(st.sampled_from(sorted(valid.iterdir())))
    content = bytearray(source.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, min(len(content), 500) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"broken{''.join(source.suffixes)}"
    path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    small = Limits(max_bytes=1 << 24)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for call in CALLS:
            try:
                call(path, limits=small)
            except UnreadableFile as error:
                assert error.code in CODES
                assert error.params["path"] == path
    assert [str(w.message) for w in caught if not issubclass(w.category, ResourceWarning)] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_code_has_a_sentence_with_path_and_remedy(language: str) -> None:
    folder = Path(delineate.i18n.__file__).parent / "catalogue"
    sentences = json.loads((folder / f"error_formats.{language}.json").read_text(encoding="utf-8"))
    for code in CODES:
        sentence = sentences[f"error.{code}"]
        assert "{path}" in sentence
        assert len(sentence.strip("。.").replace("。", ". ").split(". ")) >= 2  # what is wrong, and what to do


def test_noise_of_the_libraries_stays_inside(tmp_path: Path) -> None:
    for path in samples(tmp_path):
        path.write_bytes(path.read_bytes()[:-7])
    code = """
        import pathlib, sys
        from delineate.errors import UnreadableFile
        from delineate.formats import read_image
        for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
            try:
                read_image(path)
            except UnreadableFile:
                pass
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), tmp_path], capture_output=True, text=True)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
