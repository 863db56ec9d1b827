"""Who an image is of: from names and folders, where the evidence is good; otherwise nobody is claimed.

Rules, strongest first. The first three hold for a name on its own; the others look at the whole set.

1. ``tcga``, ``bids``, ``brats``, ``study-id``, ``patient-word``: published identifiers
   (``TCGA_CS_4941``, ``sub-01``, ``patient001``, ``CHNCXR_0015``).
2. ``folder``: a folder per patient whose name is an id; a date behind the id is a study of the same patient.
3. ``eyes``: left and right eye of the same number (``Image_01L``, ``Image_01R``).
4. ``shared-id``: an id in front that several files share while a slice, view or date follows (``P001_12``, ``ID_0001_Z_0142``).
5. ``volume``: a 3-D file is a scan of one patient.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from delineate.layouts.tree import words_of

_DATE = re.compile(
    r"(?P<id>.*[^_\-. ])[_\-. ](?:(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:0[1-9]|[12]\d|3[01]))(?:$|(?=[_\-. ]))"
)
_TCGA = re.compile(r"TCGA[-_. ]([A-Z0-9]{2})[-_. ]([A-Z0-9]{4})(?![A-Z0-9])", re.IGNORECASE)
_BIDS = re.compile(r"(?:^|[_/])sub-([A-Za-z0-9]+)")
_BRATS = re.compile(r"BraTS-([A-Za-z]+)-(\d{4,6})-\d{3}(?!\d)", re.IGNORECASE)
_STUDY = re.compile(r"(CHNCXR|MCUCXR)[-_](\d{4})(?!\d)", re.IGNORECASE)
_WORD = re.compile(r"(?:^|[^A-Za-z])(patient|pat|pt|subject|subj|person)(?:[-_ ]?id)?[-_ ]?(\d+)", re.IGNORECASE)
_EYE = re.compile(r"(?P<id>.*?\d+)[ _-]?(?P<side>L|R|left|right|OD|OS)", re.IGNORECASE)
#: Folders with a number that are parts of a data set, not persons.
_NOT_PEOPLE = words_of(
    "fold folds class classes grade part batch set group stage level site center centre hospital scanner split "
    "version year month task phase cluster type category size crop patch patches tile tiles slide slides sample "
    "samples experiment exp run seed round week day resolution dataset data train test val valid validation "
    "training testing img image images photo pic picture scene isic"
)
#: What may stand between an id and the end of the name: views, phases, eyes, times, slices.
_VIEWS = words_of(
    "slice slices frame frames z t s ap pa lat cc mlo l r left right od os ed es 2ch 3ch 4ch pre post axial "
    "coronal sagittal ax cor sag view scan visit session ses tp baseline followup ct mr mri us flair t1 t2 dwi adc "
    "age contrast"
)
#: Prefixes that number pictures or pieces of pictures, which says nothing of persons.
_PICTURES = words_of("img image im images photo pic picture scene tile patch crop slide sample roi region frame slice isic file")
_SLICE_WORDS = frozenset(["slice", "z", "frame", "slc", "sl"])


@dataclass(frozen=True)
class Name:
    """What the rules look at: neutral folders (no role or split words), stem, and whether the file is 3-D."""

    folders: tuple[str, ...]
    stem: str
    volumetric: bool


@dataclass(frozen=True)
class Person:
    """A rule's answer for one case. ``picture`` marks pieces of one picture: to be kept together, but not a patient."""

    key: str
    rule: str
    picture: bool = False


def strong(name: Name) -> Person | None:
    """Published identifiers, deepest part of the path first."""
    for text in (name.stem, *reversed(name.folders)):
        if match := _TCGA.search(text):
            return Person(f"TCGA-{match[1]}-{match[2]}".upper(), "tcga")
        if match := _BIDS.search(text):
            return Person(f"sub-{match[1]}", "bids")
        if match := _BRATS.search(text):
            return Person(f"BraTS-{match[1]}-{match[2]}", "brats")
        if match := _STUDY.search(text):
            return Person(f"{match[1]}_{match[2]}".upper(), "study-id")
        if match := _WORD.search(text):
            return Person(f"{match[1].lower()}{match[2]}", "patient-word")
    return None


@lru_cache(maxsize=1 << 16)
def without_date(text: str) -> str:
    """``HT_7856_19950831`` → ``HT_7856``; unchanged where no date follows an id."""
    match = _DATE.match(text)
    return match["id"] if match else text


@lru_cache(maxsize=1 << 16)
def folder_is_id(name: str) -> bool:
    """Whether a folder's name can be a person's id: it has a number and no word that means a part of a data set."""
    words = [word.rstrip("0123456789").casefold() for word in re.split(r"[_\-. ()]+", name) if word]
    return (
        any(c.isdigit() for c in name)
        and not _NOT_PEOPLE.intersection(words)
        and not re.fullmatch(r"\d+[x×]\d+|(?:19|20)\d\d", name)
    )


def find_people(names: Sequence[Name]) -> list[Person | None]:
    """One answer per name. Set-wise rules see only the names that stronger rules left open."""
    people: list[Person | None] = [strong(name) for name in names]
    for rule in (_by_folder, _by_eye, _by_shared_id, _by_volume):
        waiting = [i for i, person in enumerate(people) if person is None]
        if not waiting:
            break
        for i, person in zip(waiting, rule([names[i] for i in waiting]), strict=True):
            people[i] = person
    return people


Rule = Callable[[Sequence[Name]], "list[Person | None]"]


def _by_folder(names: Sequence[Name]) -> list[Person | None]:
    """The deepest folder level at which nearly every folder's name is an id. A folder with a single 2-D picture is a
    picture's folder (2018 Data Science Bowl), not a person's; bare numbers need at least five folders: 1, 2, 3 may be classes."""
    nothing: list[Person | None] = [None] * len(names)
    depth = min((len(name.folders) for name in names), default=0)
    for level in reversed(range(depth)):
        chosen = [name.folders[level] for name in names]
        counts = Counter(chosen)
        ids = [folder for folder in counts if folder_is_id(folder)]
        several = sum(counts.values()) >= 2 * len(counts) or all(name.volumetric for name in names)
        bare = all(folder.isdecimal() for folder in ids)
        if len(counts) >= (5 if bare else 2) and len(ids) >= 0.9 * len(counts) and several:
            return [Person(without_date(folder), "folder") if folder_is_id(folder) else None for folder in chosen]
    return nothing


def _by_eye(names: Sequence[Name]) -> list[Person | None]:
    found = [_EYE.fullmatch(name.stem) for name in names]
    sides: dict[str, set[str]] = defaultdict(set)
    for match in found:
        if match:
            sides[match["id"].casefold()].add(match["side"][-1 if len(match["side"]) == 2 else 0].casefold())
    both = sum(len(side) > 1 for side in sides.values())
    if both < 2 or both < 0.5 * len(sides) or sum(match is not None for match in found) < 0.6 * len(names):
        return [None] * len(names)
    return [Person(match["id"], "eyes") if match else None for match in found]


def _by_shared_id(names: Sequence[Name]) -> list[Person | None]:
    """An id with a number in it, shared by most files, followed by numbers and words that name slices or views."""
    nothing: list[Person | None] = [None] * len(names)
    split = [[word for word in re.split(r"[_\-. ()]+", name.stem) if word] for name in names]
    frequent = Counter(word.casefold() for words in split for word in set(words))
    usual = {word for word, count in frequent.items() if count > 0.5 * len(names)} | _VIEWS
    keys: list[str] = []
    for words in split:
        length = next((i for i, word in enumerate(words, start=1) if any(c.isdigit() for c in word)), 0)
        after = words[length:]
        fits = (
            bool(length and after)
            and all(_is_place(word, usual) for word in after)
            and not re.fullmatch(r"(?:19|20)\d\d", words[length - 1])
        )
        keys.append("_".join(words[:length]) if fits else "")
    counts = Counter(key for key in keys if key)
    shared = sum(count for count in counts.values() if count > 1)
    if len(counts) < 2 or shared < 0.8 * len(names):
        return nothing
    answers = nothing
    for i, key in enumerate(keys):
        if key:
            parts = {word.rstrip("0123456789").casefold() for word in key.split("_")}
            answers[i] = Person(key, "shared-id", picture=bool(parts & _PICTURES))
    return answers


def _is_place(word: str, usual: frozenset[str] | set[str]) -> bool:
    return word.isdecimal() or word.casefold() in usual or word.rstrip("0123456789").casefold() in _VIEWS


def _by_volume(names: Sequence[Name]) -> list[Person | None]:
    return [Person("/".join((*name.folders, name.stem)), "volume") if name.volumetric else None for name in names]


def slice_number(stem: str) -> tuple[str, int] | None:
    """``TCGA_CS_4941_19960909_12`` → (``TCGA_CS_4941_19960909``, 12): the number at the end, and what stands before it."""
    match = re.fullmatch(r"(.*?)[ _\-(]*(\d{1,9})\)?", stem)
    return (match[1], int(match[2])) if match else None


def is_slice_word(prefix: str) -> bool:
    """Whether a name's text before its number says nothing but slice (or nothing at all)."""
    return all(
        word.casefold() in _SLICE_WORDS | {"volume", "stack", "layer", "section"} for word in re.split(r"[_\-. ]+", prefix) if word
    )
