"""The words data sets use in names, and how a name is taken apart.

Nothing here decides; it only says what a folder or a file name claims to be. The claims are checked by what pairs up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from delineate.layouts.tree import fold, words_of

Role = Literal["image", "mask", "other", ""]

MASK_WORDS = words_of(
    "mask masks msk msks seg segs segm segmentation segmentations segmented gt gts groundtruth groundtruths truth "
    "label labels lbl labelmap labelmaps annotation annotations annot annots anno matte mattes segmap segmaps"
)
#: Words that mean a mask only where nothing in the name says image.
WEAK_MASK_WORDS = frozenset(["manual", "lesion", "target", "targets", "contour", "contours", "output", "binary"])
IMAGE_WORDS = words_of(
    "image images img imgs scan scans photo photos picture pictures original originals orig input inputs imaging "
    "raw volume volumes vol vols cxr xray xrays dermoscopic"
)
#: In a file name these too say "image", where its sister says "mask" (``case_ct`` / ``case_seg``).
STEM_IMAGE_WORDS = IMAGE_WORDS | frozenset(["ct", "cta", "mr", "mri", "us", "pet", "im"])
#: Folders of drawings or regions that are neither the image nor its segmentation.
OTHER_WORDS = words_of(
    "roi rois fov superpixels superpixel overlay overlays preview previews thumbnail thumbnails screenshots visualization"
)
LATERAL = frozenset(["left", "right", "l", "r", "od", "os"])
_SPLITS = {
    **dict.fromkeys(("train", "training", "trainset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "testset"), "test"),
}
_SHORT_SPLITS = {"tr": "train", "va": "validation", "vl": "validation", "ts": "test"}
_NOISE = words_of("set sets data dataset all png jpg jpeg tif tiff bmp gif nii nifti nrrd dicom dcm npy files folder")
_PEOPLE = words_of("ho manual observer obs rater reader annotator expert grader doctor radiologist")
_ORDINALS = {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "first": 1, "second": 2, "third": 3}
_BREAK = re.compile(r"[\s_\-.,()\[\]+]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NUMBERED = re.compile(r"([a-z]+)(\d+)")


@lru_cache(maxsize=1 << 17)
def tokens(text: str) -> tuple[str, ...]:
    """``ManualMask`` → (manual, mask); ``benign (1)_mask_1`` → (benign, 1, mask, 1); ``Ground Truth`` → (groundtruth,)."""
    parts = [fold(piece) for chunk in _BREAK.split(text) if chunk for piece in _CAMEL.split(chunk) if piece]
    joined: list[str] = []
    for part in parts:
        if joined and joined[-1] == "ground" and part in ("truth", "truths"):
            joined[-1] = "groundtruth"
        else:
            joined.append(part)
    return tuple(joined)


@dataclass(frozen=True, slots=True)
class FolderWords:
    """What one folder's name says: its role, what is left of it without role and split words, split and observer."""

    role: Role
    rest: str
    split: str | None = None
    rater: int | None = None
    weak: bool = False


@lru_cache(maxsize=1 << 16)
def folder_words(name: str) -> FolderWords:
    parts = list(tokens(re.sub(r"^\w{1,2}\.\s+", "", name)))  # "1. Original Images", "a. Training Set"
    parts, rater = _take_rater(parts)
    split: str | None = None
    kept: list[str] = []
    roles: set[str] = set()
    both = {"with", "and"} & set(parts)
    short = any(part in MASK_WORDS or part in IMAGE_WORDS for part in parts)
    for i, part in enumerate(parts):
        if part in MASK_WORDS:
            roles.add("mask")
        elif part in IMAGE_WORDS:
            roles.add("image")
        elif part in OTHER_WORDS:
            roles.add("other")
            kept.append(part)
        elif part in _SPLITS:
            split = _SPLITS[part]
        elif short and part in _SHORT_SPLITS:
            split = _SHORT_SPLITS[part]
        elif re.fullmatch(r"folds?\d+", part):
            split = f"fold{int(re.sub('[^0-9]', '', part))}"
        elif part in ("fold", "cv") and i + 1 < len(parts) and parts[i + 1].isdecimal():
            split = f"fold{int(parts[i + 1])}"
        elif part.isdecimal() and i and parts[i - 1] == "fold":
            continue
        elif part not in _NOISE:
            kept.append(part)
    role: Role = "mask" if "mask" in roles or rater else "image" if "image" in roles else "other" if "other" in roles else ""
    weak = False
    if role == "" and any(part in WEAK_MASK_WORDS for part in kept):
        role, weak = "mask", True
        kept = [part for part in kept if part not in WEAK_MASK_WORDS]
    elif role == "mask":
        kept = [part for part in kept if part != "manual"]
    if both and len(roles) > 0:
        role = ""  # "images_and_masks", "Dataset_BUSI_with_GT": the folder that holds both
    rest = "_".join((*([split] if split else []), *kept))
    return FolderWords(role, rest, split, rater, weak)


@dataclass(frozen=True, slots=True)
class StemWords:
    """What a file's name says.

    ``mask_keys`` are the names its image may have, best guess first (empty: it does not claim to be a mask); ``image_key`` is
    the name without an image word; ``rest`` is what follows the mask word (an instance number or a class).
    """

    plain: str
    image_key: str
    mask_keys: tuple[str, ...] = ()
    rest: str = ""
    rater: int | None = None


@lru_cache(maxsize=1 << 17)
def stem_words(stem: str) -> StemWords:
    parts = list(tokens(stem))
    plain = "_".join(parts)
    image_key = (
        "_".join(part for part in parts if part not in STEM_IMAGE_WORDS) if any(p in STEM_IMAGE_WORDS for p in parts) else plain
    )
    without, rater = _take_rater(parts)
    split = [piece for part in without for piece in _apart(part)]
    places = [i for i, part in enumerate(split) if part in MASK_WORDS]
    if not places and not rater:
        return StemWords(plain, image_key)
    if not places:
        return StemWords(plain, image_key, ("_".join(without),), "", rater)
    first = places[0]
    bare = [part for part in split if part not in MASK_WORDS and part != "manual"]
    before, after = (
        "_".join(split[:first]),
        "_".join(part for part in split[first + 1 :] if part not in MASK_WORDS and part != "manual"),
    )
    keys = [before] if first else []
    keys += [key for key in ("_".join(bare), "_".join(p for p in bare if p not in STEM_IMAGE_WORDS)) if key not in keys]
    return StemWords(plain, image_key, tuple(keys), after if first else "", rater)


def _apart(token: str) -> list[str]:
    """``mask2`` → mask, 2 — for mask words only, so that ``patient001`` stays whole."""
    match = _NUMBERED.fullmatch(token)
    return [match[1], match[2]] if match and match[1] in MASK_WORDS else [token]


def _take_rater(parts: list[str]) -> tuple[list[str], int | None]:
    """Remove the words that name an observer (``1stHO``, ``manual2``, ``rater_1``) and give his number."""
    for i, part in enumerate(parts):
        following = parts[i + 1] if i + 1 < len(parts) else ""
        if part in _ORDINALS and following in _PEOPLE:
            return parts[:i] + parts[i + 2 :], _ORDINALS[part]
        if part in _PEOPLE and part != "ho" and re.fullmatch(r"\d|[a-e]", following):
            return parts[:i] + parts[i + 2 :], int(following) if following.isdecimal() else ord(following) - 96
        match = _NUMBERED.fullmatch(part)
        if match and match[1] in _PEOPLE and match[1] != "ho" and len(match[2]) <= 2:
            return parts[:i] + parts[i + 1 :], int(match[2])
    return parts, None
