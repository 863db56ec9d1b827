"""One image in, its mask out: the same bits as on the command line, and a clear word for everything else."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow
from tests.formats.dicom_objects import make_slice
from tests.inference.conftest import MakeModel
from tests.inference.conftest import make_model as make_model
from tests.server.conftest import lungs, png

import delineate as dl
from delineate.server.shapes import from_run_lengths

SECRETS = {"PatientName": "Zebulon^Quill", "PatientID": "MRN-0815-4711"}


def ct(folder: Path, slices: int = 4) -> list[Path]:
    folder.mkdir(parents=True)
    return [
        make_slice(folder / f"{9 - z}.dcm", lungs(64, seed=z).astype(np.int16), (0, 0, 2.0 * z), SliceThickness=2.0, **SECRETS)
        for z in range(slices)
    ]


def archive(paths: list[Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for path in paths:
            made.write(path, f"study/{path.name}")
        made.writestr("__MACOSX/study/._9.dcm", b"junk")
        made.writestr("study/DICOMDIR", b"junk")
    return buffer.getvalue()


def send(client: TestClient, *contents: bytes, name: str = "a.png", accept: str = "application/json", **fields: str) -> Any:
    files = [("file", (f"{number}{name}", content)) for number, content in enumerate(contents)]
    return client.post("/v1/segment", files=files, data=fields, headers={"accept": accept})


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    said: dict[str, Any] = answer.json()
    assert (answer.status_code, said["status"], said["code"]) == (status, status, code), said
    assert said["detail"]
    assert "{" not in said["detail"]
    assert "/tmp" not in answer.text
    assert "uploads" not in answer.text
    return said


def predicted(tmp_path: Path, source: Path, **options: Any) -> list[Path]:
    rows = dl.predict("demo", source, out=tmp_path / "cli", engine="onnxruntime", threads=1, **options).rows
    return [path for row in rows for path in row.outputs]


def test_a_picture_gives_the_same_bytes_as_the_command_line(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(lungs(120)))
    (mask,) = predicted(tmp_path, tmp_path / "a.png")
    answer = send(client, png(lungs(120)), accept="image/png")
    assert answer.content == mask.read_bytes()
    assert answer.headers["content-type"] == "image/png"
    assert Pillow.open(io.BytesIO(answer.content)).getextrema()[1] == 255


def test_json_holds_mask_measures_and_quality(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(lungs(120)))
    (path,) = predicted(tmp_path, tmp_path / "a.png")
    mask = np.asarray(Pillow.open(path)) > 0
    found = send(client, png(lungs(120))).json()
    assert np.array_equal(from_run_lengths(found["mask"]["classes"]["lung"], tuple(found["mask"]["shape"])), mask)
    assert found["classes"] == [{"value": 1, "name": "lung", "voxels": int(mask.sum())}]
    (whole,) = [row for row in found["measures"]["rows"] if row["part"] == "all"]
    assert whole["area_px"] == mask.sum()
    assert found["quality"]["known"] is False
    assert found["model"]["id"] == "demo"
    rings = send(client, png(lungs(120)), mask="polygons").json()["mask"]["classes"]["lung"]
    assert (
        sum(x0 * y1 - x1 * y0 for ring in rings for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True))
        == 2 * mask.sum()
    )
    bare = send(client, png(lungs(120)), mask="none", measures="false").json()
    assert bare["mask"] is None
    assert bare["measures"] is None


def test_a_nifti_volume_keeps_its_place(client: TestClient, tmp_path: Path) -> None:
    volume = np.stack([lungs(64, seed=z) for z in range(5)]).transpose(2, 1, 0)
    affine = np.diag([-2.0, 2, 5, 1])
    source = tmp_path / "v.nii.gz"
    nibabel.save(nibabel.Nifti1Image(volume, affine), source)
    (mask,) = predicted(tmp_path, source)
    answer = send(client, source.read_bytes(), name="v.nii.gz", accept="application/x-nifti")
    (tmp_path / "got.nii.gz").write_bytes(answer.content)
    got = nibabel.load(tmp_path / "got.nii.gz")
    assert np.array_equal(np.asarray(got.dataobj), np.asarray(nibabel.load(mask).dataobj))
    assert np.allclose(got.affine, affine)
    found = send(client, source.read_bytes(), name="v.nii.gz").json()
    assert found["input"]["spacing_mm"] == [5, 2, 2]
    assert any("volume_ml" in row for row in found["measures"]["rows"])
    problem(send(client, source.read_bytes(), name="v.nii.gz", accept="image/png"), 406, "not-acceptable")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_dicom_series_gives_a_segmentation(client: TestClient, tmp_path: Path, zipped: bool) -> None:
    paths = ct(tmp_path / "ct")
    (mask,) = predicted(tmp_path, tmp_path / "ct", format="dicom-seg")
    sent = [archive(paths)] if zipped else [path.read_bytes() for path in paths]
    answer = send(client, *sent, name="x.zip" if zipped else "x.dcm", accept="application/dicom")
    assert answer.status_code == 200, answer.text
    got, wanted = pydicom.dcmread(io.BytesIO(answer.content)), pydicom.dcmread(mask)
    assert got.PixelData == wanted.PixelData
    assert got.PatientID == SECRETS["PatientID"]
    bare = send(client, *sent, name="x.zip" if zipped else "x.dcm", accept="application/dicom", identity="false")
    assert b"MRN-0815" not in bare.content
    found = send(client, *sent, name="x.zip" if zipped else "x.dcm")
    assert found.json()["input"]["shape"] == [4, 64, 64]
    assert "Zebulon" not in found.text
    assert "MRN-0815" not in found.text


def test_an_archive_of_everything(client: TestClient) -> None:
    answer = send(client, png(lungs()), accept="application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as made:
        assert sorted(made.namelist()) == ["image_mask.png", "result.json"]
        assert json.loads(made.read("result.json"))["classes"][0]["voxels"] > 0


def test_overlapping_classes_have_a_file_each(serve: Callable[..., TestClient], make_model: MakeModel) -> None:
    weights = [np.stack([np.ones((1, 1, 1)), -np.ones((1, 1, 1))])]
    labels = {"kind": "regions", "names": ["bright", "dark"]}
    path = make_model(weights, 0.0, labels=labels, thresholds=(0.5, 0.5), clean=({}, {}))
    client = serve(models=(str(path),))
    problem(send(client, png(lungs()), accept="image/png"), 406, "one-file-a-class")
    with zipfile.ZipFile(io.BytesIO(send(client, png(lungs()), accept="application/zip").content)) as made:
        assert sorted(made.namelist()) == ["image_mask_bright.png", "image_mask_dark.png", "result.json"]
    assert set(send(client, png(lungs())).json()["mask"]["classes"]) == {"bright", "dark"}


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb() -> bytes:
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9999))) + chunk(b"IEND", b"")


def nifti_bomb() -> bytes:
    header = bytearray(nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4)).to_bytes())
    header[40:56] = struct.pack("<8h", 3, 2000, 2000, 2000, 1, 1, 1, 1)
    return gzip.compress(bytes(header) + bytes(1 << 20))


def zip_of(*entries: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries:
            made.writestr(name, content)
    return buffer.getvalue()


def encrypted() -> bytes:
    data = bytearray(zip_of(("a.png", png(lungs()))))
    data[6] |= 1
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


BAD: list[tuple[str, Callable[[], bytes], str, int, str]] = [
    ("text", lambda: b"hello, I am no image", "a.png", 415, "not-an-image"),
    ("empty", lambda: b"", "a.png", 422, "empty-file"),
    ("cut", lambda: png(lungs())[:300], "a.png", 422, "truncated"),
    ("png bomb", png_bomb, "a.png", 413, "too-large"),
    ("nifti bomb", nifti_bomb, "a.nii.gz", 413, "too-large"),
    ("zip bomb", lambda: zip_of(("a.png", bytes(80 << 20))), "a.zip", 413, "archive-too-large"),
    ("many files", lambda: zip_of(*((f"{n}.png", b"x") for n in range(40))), "a.zip", 413, "upload-many-files"),
    ("zip of text", lambda: zip_of(("a.txt", b"hello")), "a.zip", 415, "not-an-image"),
    ("zip of nothing", lambda: zip_of(), "a.zip", 422, "archive-damaged"),
    ("zip in a zip", lambda: zip_of(("a.zip", zip_of(("a.png", png(lungs()))))), "a.zip", 415, "not-an-image"),
    ("encrypted", encrypted, "a.zip", 415, "archive-unsupported"),
    ("two images", lambda: zip_of(("a.png", png(lungs())), ("b.png", png(lungs()))), "a.zip", 422, "several-images"),
    (
        "damaged zip",
        lambda: zip_of(("a.png", png(lungs())))[:200] + zip_of(("a.png", png(lungs())))[260:],
        "a.zip",
        422,
        "archive-damaged",
    ),
    ("rgb", lambda: rgb(), "a.png", 422, "channels-mismatch"),
]


def rgb() -> bytes:
    return png(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8))


@pytest.mark.parametrize(("content", "name", "status", "code"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_their_mistakes_are_4xx(
    serve: Callable[..., TestClient], make_model: MakeModel, content: Callable[[], bytes], name: str, status: int, code: str
) -> None:
    models: tuple[str, ...] = ("demo",)
    if code == "channels-mismatch":
        models = (str(make_model([np.ones((1, 2, 1, 1))], preprocessing={"channels": 2, "fit": "scale"})),)
    client = serve(models=models, max_unpacked=64 << 20, max_files=30, max_pixels=1 << 26)
    problem(send(client, content(), name=name), status, code)


def test_names_of_clients_are_no_paths(client: TestClient, tmp_path: Path) -> None:
    for name in ("../../../etc/passwd", "/etc/passwd", "C:\\x\\..\\a.png", "a\x00.png", "x" * 5000, "ａ.png"):
        answer = client.post("/v1/segment", files={"file": (name, png(lungs()))})
        assert answer.status_code in (200, 400), name
    inside = zip_of(("../../../../tmp/escaped.png", png(lungs())))
    assert send(client, inside, name="a.zip").status_code == 200
    left = {path.name for path in (tmp_path / "state").rglob("*") if path.is_file()}
    assert left <= {"audit.jsonl", "jobs.sqlite", "jobs.sqlite-wal", "jobs.sqlite-shm"}
    assert not Path("/tmp/escaped.png").exists()


def test_fields_and_models(serve: Callable[..., TestClient]) -> None:
    client = serve(models=("demo", "other=demo"))
    image = png(lungs())
    assert [one["id"] for one in client.get("/v1/models").json()["models"]] == ["demo", "other"]
    assert client.get("/v1/models/other").json()["default"] is False
    problem(client.get("/v1/models/nobody"), 404, "model-unknown")
    problem(send(client, image), 400, "model-needed")
    problem(send(client, image, model="nobody"), 404, "model-unknown")
    assert send(client, image, model="other").json()["model"]["id"] == "other"
    problem(send(client, image, model="demo", clean="maybe"), 400, "field-value")
    problem(send(client, image, model="demo", colour="red"), 400, "field-unknown")
    problem(send(client, image, accept="text/html"), 406, "not-acceptable")
    problem(send(client, image, accept="application/dicom", model="demo"), 406, "seg-needs-dicom")
    problem(client.post("/v1/segment", data={"model": "demo"}), 415, "not-multipart")
    problem(client.post("/v1/segment", files={"picture": ("a.png", b"x" * 10)}), 400, "no-file")
    problem(client.post("/v1/segment", content=b"x", headers={"content-type": "multipart/form-data"}), 400, "bad-multipart")
    problem(client.put("/v1/segment"), 405, "method-wrong")
    problem(client.get("/nothing"), 404, "path-unknown")


def test_chinese_where_it_is_liked_best(client: TestClient) -> None:
    answer = client.get("/v1/models/x", headers={"accept-language": "fr, zh-CN;q=0.9, en;q=0.5"})
    assert "模型" in answer.json()["detail"]
    assert "There is" in client.get("/v1/models/x", headers={"accept-language": "en;q=0.9, zh;q=0.1, ;;;=q"}).json()["detail"]


def test_too_large_is_said_before_and_while_it_comes(serve: Callable[..., TestClient]) -> None:
    client = serve(max_upload=1 << 20)
    problem(send(client, bytes(3 << 20)), 413, "upload-too-large")

    def drops() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        for _ in range(3 << 4):
            yield bytes(1 << 16)

    answer = client.post("/v1/segment", content=drops(), headers={"content-type": "multipart/form-data; boundary=b"})
    problem(answer, 413, "upload-too-large")


def test_strange_images_are_flagged_or_refused(serve: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch) -> None:
    from delineate.doubt import Verdict
    from delineate.server import work

    verdict = Verdict(None, None, None, True, (("unfamiliar-brightness", {"times": "3.1"}),))
    monkeypatch.setattr(work, "second_look", lambda *_, **__: verdict)
    client = serve()
    found = send(client, png(lungs())).json()["quality"]
    assert found["needs_review"] is True
    assert "3.1" in found["reasons"][0]["text"]
    assert send(client, png(lungs()), accept="image/png").headers["x-delineate-review"] == "true"
    client.__exit__(None, None, None)
    strict = serve(refuse_unfamiliar=True)
    problem(send(strict, png(lungs())), 422, "image-unfamiliar")


def test_a_full_disk_is_507_and_leaves_nothing(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    real = Path.open

    def full(self: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if "uploads" in self.parts and "x" in mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", full)
    problem(send(client, png(lungs())), 507, "cannot-write")
    assert list((tmp_path / "state" / "uploads").iterdir()) == []
    monkeypatch.undo()
    assert send(client, png(lungs())).status_code == 200


def test_a_bug_of_ours_is_a_500_that_says_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    from delineate.server import desk

    name = "".join(["Zeb", "ulon^Quill"])

    def broken(*_: Any, **__: Any) -> None:
        raise KeyError(name)

    monkeypatch.setattr(desk, "segment", broken)
    said = problem(send(client, png(lungs())), 500, "server-bug")
    assert "Zebulon" not in json.dumps(said)
    assert "Zebulon" not in caplog.text
    assert "desk.py" in caplog.text
