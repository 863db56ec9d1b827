"""What a client sent → one image. Archives are opened with a measure of everything; no name of theirs becomes a path of ours."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from delineate.domain import Case, Image, Source
from delineate.errors import DataError, DelineateError, ResourceError
from delineate.formats import IMAGE_SUFFIXES, Limits, find_series, format_of, read_header, read_image, suffix_of
from delineate.recipe import ModelRecord
from delineate.server.settings import Settings

CHUNK = 1 << 20
_MAX_DIRECTORY = 16 << 20
_END = b"PK\x05\x06"


def safe_suffix(name: str) -> str:
    """The suffix of a client's file name where it is one of ours, else none: all that is kept of the name."""
    suffix = suffix_of(Path(name.replace("\\", "/").rpartition("/")[2]))
    return suffix if suffix in IMAGE_SUFFIXES else ""


def open_image(files: Sequence[Path], folder: Path, record: ModelRecord, settings: Settings) -> Image:
    """The image in ``files`` (one image, an archive of one, the files of a DICOM series, or one file a channel in order).

    Raises
    ------
    DataError
        ``archive-…``, ``several-images``, ``several-series``, and what reading raises.
    """
    limits = Limits(settings.max_pixels, Limits().max_side, settings.max_pixels * 8, settings.max_unpacked)
    if len(files) == 1 and format_of(files[0]) is None and zipfile.is_zipfile(files[0]):
        files = _unzip(files[0], folder / "unpacked", settings)
    if len(files) == 1:
        return read_image(files[0], limits=limits)
    kinds = {path: format_of(path) for path in files}
    images = [path for path in files if kinds[path] is not None]
    if not images:
        return read_image(files[0], limits=limits)  # says what is wrong with it
    if all(kinds[path] == "dicom" for path in images):
        return _series(images, limits)
    if len(images) == 1:
        return read_image(images[0], limits=limits)
    endings = record.provenance.get("channel_endings")
    if isinstance(endings, list) and 1 < len(endings) == len(images):
        from delineate.dataset import load_image

        for path in images:
            read_header(path, limits=limits)
        return load_image(Case("upload", tuple(Source(path) for path in images)))
    raise DataError("several-images", n=len(images))


def _series(images: Sequence[Path], limits: Limits) -> Image:
    found = find_series(images[0].parent)
    if not found:
        return read_image(images[0], limits=limits)
    if len(found) > 1:
        raise DataError("several-series", n=len(found))
    series = found[0]
    if len(series.files) == 1:
        return read_image(series.files[0], limits=limits)
    return read_image(series.folder, item=series.uid, limits=limits)


def _unzip(path: Path, folder: Path, settings: Settings) -> list[Path]:
    """The archive's files under numbers of ours, in the order of their names; counted in files and in bytes as they come out."""
    try:
        _check_directory(path, settings)
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir() and not _ignored(member.filename)]
            if len(members) > settings.max_files:
                raise DataError("upload-many-files", n=len(members), most=settings.max_files)
            if not members:
                raise DataError("archive-damaged", reason="no file inside")
            if any(member.flag_bits & 1 for member in members):
                raise DataError("archive-unsupported", reason="encrypted")
            folder.mkdir()
            left = settings.max_unpacked
            files = []
            for number, member in enumerate(sorted(members, key=lambda one: one.filename)):
                target = folder / f"{number:06d}{safe_suffix(member.filename)}"
                left = _copy(archive, member, target, left, settings)
                files.append(target)
            return files
    except NotImplementedError:
        raise DataError("archive-unsupported", reason="compression") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, ValueError, UnicodeError, RuntimeError, OverflowError) as error:
        raise DataError("archive-damaged", reason=type(error).__name__) from None
    except DelineateError:
        raise
    except OSError as error:
        raise _trouble(error) from None


def _trouble(error: OSError) -> DelineateError:
    """A seek that makes no sense is the archive's fault, a full disk is ours."""
    if error.errno is None or error.errno == 22:
        return DataError("archive-damaged", reason="offsets")
    return ResourceError("cannot-write", path="server", reason=error.strerror or "disk")


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, left: int, settings: Settings) -> int:
    with archive.open(member) as source, target.open("xb") as out:
        while chunk := source.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                raise DataError("archive-too-large", megabytes=settings.max_unpacked >> 20)
            out.write(chunk)
    return left


def _ignored(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return parts[-1].startswith(".") or "__MACOSX" in parts or parts[-1].upper() == "DICOMDIR"


def _check_directory(path: Path, settings: Settings) -> None:
    """The table of contents is read whole by the library: its size is looked at before."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - (1 << 16) - 22))
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise DataError("archive-damaged", reason="no table of contents")
    entries, length = struct.unpack("<HI", tail[at + 10 : at + 16])
    if tail[max(0, at - 20) :].startswith(b"PK\x06\x07"):  # its numbers would replace those checked below
        raise DataError("archive-unsupported", reason="zip64")
    if entries > settings.max_files * 2 or length > _MAX_DIRECTORY:
        raise DataError("upload-many-files", n=entries, most=settings.max_files)
