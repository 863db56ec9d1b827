"""Masks as DICOM Segmentation objects (PS3.3 A.51) that belong to the study of their image, by highdicom.

One segment a class; classes may overlap; planes in which a segment is empty are left out, as the standard's users expect. Each
frame names the source image (or frame) it was drawn on and has its position, so that series with gaps, tilt or slices in any
order lose nothing. Source attributes that are absent but have to be there, empty at least (PS3.3 type 2), are written empty.

**Identity.** An object is filed by its patient and study: with an empty patient an archive would file it nowhere, with another it
would refuse it. So the patient and study modules are copied from the source, as PS3.3 wants of every object of a study; this is
the one kind of file we write that says who a patient is, and only on request. ``identity=False`` empties them (the UIDs stay,
since the reference to the source images is the object's purpose).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from delineate.domain import PALETTE, Image
from delineate.errors import DataError, MissingExtra, UsageError
from delineate.formats.atomic import replacing
from delineate.formats.dicom_file import frames_of, open_dicom, orientation_of, position_of
from delineate.formats.dicom_object import frame_places
from delineate.formats.segment_codes import SIDES, Concept, SegmentCode, code_of
from delineate.formats.trouble import guarded, phrase, quietly
from delineate.version import __version__

#: What a patient or study is told by; required by highdicom to be there, and by the standard to be the study's.
_IDENTIFYING = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
_REQUIRED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_MOST = 64  # characters of a label (VR LO)


@dataclass(frozen=True)
class Author:
    """Who made a segmentation: the model's ``name``, the ``version`` of its weights, and ``parameters`` worth telling.
    ``corrected``: a person changed what it found (SEMIAUTOMATIC)."""

    name: str = "model"
    version: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    corrected: bool = False


def write_segmentation(
    path: Path,
    names: Sequence[str],
    masks: NDArray[Any],
    image: Image,
    *,
    author: Author | None = None,
    codes: Mapping[str, SegmentCode] | None = None,
    identity: bool = True,
) -> Path:
    """Write ``masks`` ((K, *image shape): 0/1, or floats 0…1 for a FRACTIONAL object) as one DICOM SEG and return its path.

    Parameters
    ----------
    names
        Class names, K of them; their codes are looked up (:func:`~delineate.formats.segment_codes.code_of`).
    image
        As read from DICOM: its ``meta["files"]`` are the source images.
    codes
        Codes by class name where the table's are not wanted.

    Raises
    ------
    MissingExtra
        ``missing-extra``: highdicom is not installed.
    DataError
        ``seg-needs-dicom``: the image was not read from DICOM files that are still there; ``seg-source-incomplete``: they lack
        what a reference needs; ``seg-not-possible``: highdicom refuses, with its reason.
    UsageError
        ``would-overwrite-input``. ResourceError ``cannot-write``.
    """
    try:
        import highdicom  # noqa: F401 - asked for here, before anything is read
    except ImportError:
        raise MissingExtra("missing-extra", extra="dicom") from None
    if masks.shape != (len(names), *image.geometry.shape):
        raise ValueError(f"'masks' must be ({len(names)}, *{image.geometry.shape}), got {masks.shape}")
    path = Path(path)
    sources, order = _sources(image)
    if any(path.exists() and path.samefile(file) for file in image.meta["files"]):
        raise UsageError("would-overwrite-input", path=path)
    planes = masks if image.geometry.ndim == 3 else masks[:, None]
    frames = np.empty_like(planes)
    frames[:, list(order)] = planes  # plane i of the image is frame order[i] of its source
    if not identity:
        for dataset in sources:
            for name in _IDENTIFYING:
                setattr(dataset, name, "")
    with quietly():
        try:
            made = _object(sources, np.moveaxis(frames, 0, -1), names, author or Author(), codes, identity)
        except (ValueError, TypeError, AttributeError, KeyError, NotImplementedError) as error:
            raise DataError("seg-not-possible", path=image.path or path, reason=phrase(error)) from error
    with replacing(path, ".dcm") as temporary:
        made.save_as(temporary)
    return path


def _sources(image: Image) -> tuple[list[Any], tuple[int, ...]]:
    """The datasets of the image's files without their pixels, and which frame each plane of the image is."""
    files = tuple(Path(file) for file in image.meta.get("files", ()))
    where = image.path or "image"
    if image.format != "dicom" or not files or not all(file.is_file() for file in files):
        raise DataError("seg-needs-dicom", path=where)
    sources = []
    for file in files:
        with guarded(file):
            dataset = open_dicom(file)
            missing = [name for name in _REQUIRED if not dataset.get(name)]
            if missing:
                raise DataError("seg-source-incomplete", path=file, names=", ".join(missing))
            sources.append(_completed(dataset, image))
    if len(sources) > 1:
        order: tuple[int, ...] = tuple(range(len(sources)))
    else:
        count = frames_of(sources[0])
        places, _ = frame_places(sources[0])
        order = places.order if places is not None else tuple(range(count))
    if len(order) != (image.geometry.shape[0] if image.geometry.ndim == 3 else 1):
        raise DataError("seg-needs-dicom", path=where)  # one frame of many was read by itself
    return sources, order


def _completed(dataset: Any, image: Image) -> Any:
    """With what a reference needs and converters leave out. Text becomes UTF-8: names in any script and ours go together."""
    dataset.decode()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for name in _IDENTIFYING:
        if name not in dataset:
            setattr(dataset, name, "")
    if position_of(dataset) is None or orientation_of(dataset) is None:
        dataset.pop("FrameOfReferenceUID", None)  # of no use without positions, and it would make highdicom ask for them
        return dataset
    if not dataset.get("FrameOfReferenceUID"):
        # Positions without a named frame of reference are common in converted files: those of one study's series belong together.
        dataset.FrameOfReferenceUID = _uid(f"{dataset.StudyInstanceUID} {dataset.SeriesInstanceUID}")
    if "PositionReferenceIndicator" not in dataset:
        dataset.PositionReferenceIndicator = ""
    if frames_of(dataset) == 1 and not dataset.get("SliceThickness"):
        steps = image.geometry.spacing
        if steps is not None and len(steps) == 3:
            dataset.SliceThickness = float(f"{steps[0]:.6g}")
        else:
            raise DataError("seg-source-incomplete", path=image.path or "image", names="SliceThickness")
    return dataset


def _uid(seed: str) -> str:
    """The same UID for the same words (PS3.5 B.2: 2.25 and a 128-bit number)."""
    return f"2.25.{int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16], 'big')}"


def _object(
    sources: list[Any],
    frames: NDArray[Any],
    names: Sequence[str],
    author: Author,
    codes: Mapping[str, SegmentCode] | None,
    identity: bool,
) -> Any:
    import highdicom as hd

    fractional = bool(np.issubdtype(frames.dtype, np.floating))
    algorithm = hd.AlgorithmIdentificationSequence(
        name=_short(author.name) or "model",
        family=hd.sr.CodedConcept("123110", "DCM", "Artificial Intelligence"),
        version=_short(author.version) or __version__,
        source="Delineate",
        parameters={key: str(value) for key, value in author.parameters.items()} or None,
    )
    made = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=frames if fractional else (frames > 0).astype(np.uint8),
        segmentation_type="FRACTIONAL" if fractional else "BINARY",
        segment_descriptions=[
            _segment(number, name, code_of(name, codes), algorithm, author.corrected) for number, name in enumerate(names, start=1)
        ],
        series_instance_uid=hd.UID(),
        series_number=_series_number(sources[0]),
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="Delineate",
        manufacturer_model_name=_short(author.name) or "model",
        software_versions=f"delineate {__version__}",
        device_serial_number=_short(author.version) or "0",
        content_label="SEGMENTATION",
        content_description=_short(", ".join(names)),
        omit_empty_frames=bool(frames.any()),
    )
    if "FrameOfReferenceUID" not in sources[0]:
        made.PatientOrientation = sources[0].get("PatientOrientation", "")  # PS3.3 C.7.6.1: type 2 where there is no position
    made.SeriesDescription = _short(f"Segmentation: {', '.join(names)}")
    if not identity:
        made.PatientIdentityRemoved = "YES"
        made.DeidentificationMethod = "Patient and study attributes emptied; UIDs kept"
    return made


def _segment(number: int, name: str, code: SegmentCode, algorithm: Any, corrected: bool) -> Any:
    import highdicom as hd

    made = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=_short(name) or f"class {number}",
        segmented_property_category=_coded(code.category),
        segmented_property_type=_coded(code.type),
        algorithm_type="SEMIAUTOMATIC" if corrected else "AUTOMATIC",
        algorithm_identification=algorithm,
        tracking_uid=hd.UID(),
        tracking_id=_short(name) or f"class {number}",
        anatomic_regions=[_coded(code.region)] if code.region is not None else None,
        display_color=hd.color.CIELabColor.from_rgb(*_rgb(PALETTE[(number - 1) % len(PALETTE)])),
    )
    if code.side is not None:
        made.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [_coded(SIDES[code.side])]
    if code.generic:
        made.SegmentDescription = "No code is known for this class: its label says what it is."
    return made


def _coded(concept: Concept) -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept(concept.value, concept.scheme, concept.meaning)


def _series_number(source: Any) -> int:
    """Beside the source's, where a list of series shows it."""
    try:
        return (int(source.get("SeriesNumber") or 0) % 10_000) * 1000 + 1
    except (TypeError, ValueError):
        return 1


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _short(text: str) -> str:
    """What fits an LO attribute: no backslash (it separates values), at most 64 characters."""
    clean = "".join(" " if character in "\\^" or ord(character) < 32 else character for character in text).strip()
    return clean if len(clean) <= _MOST else clean[: _MOST - 1] + "…"
