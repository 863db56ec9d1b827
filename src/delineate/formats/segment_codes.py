"""What a segment is, in codes: SNOMED CT where the class has a name that is known, else "tissue", said to be generic.

Codes are those of DICOM PS3.16 (categories of CID 7150, types of CID 7151 and its kin, sides of CID 244), so that a viewer can
name, group and colour the segment. A side is a modifier of the type (``Lung`` + ``Left``), as the standard wants it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from delineate.recipe.strict import StrictModel, parse, read_json


class Concept(StrictModel):
    """A coded concept: ``value`` in coding scheme ``scheme`` (SCT: SNOMED CT, DCM, or a private one beginning with 99)."""

    value: str = Field(min_length=1, max_length=16)
    scheme: str = Field(default="SCT", min_length=1, max_length=16)
    meaning: str = Field(min_length=1, max_length=64)


TISSUE = Concept(value="85756007", meaning="Tissue")
ANATOMY = Concept(value="91723000", meaning="Anatomical Structure")
ABNORMAL = Concept(value="49755003", meaning="Morphologically Abnormal Structure")
FLUID = Concept(value="91720002", meaning="Body Substance")
SIDES = {
    "left": Concept(value="7771000", meaning="Left"),
    "right": Concept(value="24028007", meaning="Right"),
    "both": Concept(value="51440002", meaning="Right and left"),
}


class SegmentCode(StrictModel):
    """The codes of one class. ``region`` is where a finding (a tumour) lies. ``generic``: nothing better was known."""

    type: Concept
    category: Concept = ANATOMY
    side: Literal["left", "right", "both"] | None = None
    region: Concept | None = None
    generic: bool = False


class SegmentCodes(StrictModel):
    """A file of codes by class name, for classes the table does not know."""

    classes: dict[str, SegmentCode]


GENERIC = SegmentCode(type=TISSUE, category=TISSUE, generic=True)

#: Words of a class name (lower case, singular) → SNOMED CT code and meaning.
_ANATOMY: dict[str, tuple[str, str]] = {
    "lung": ("39607008", "Lung"),
    "upper lobe": ("45653009", "Upper lobe of lung"),
    "middle lobe": ("72481006", "Middle lobe of right lung"),
    "lower lobe": ("90572001", "Lower lobe of lung"),
    "trachea": ("44567001", "Trachea"),
    "bronchus": ("955009", "Bronchus"),
    "pleura": ("3120008", "Pleura"),
    "heart": ("80891009", "Heart"),
    "left ventricle": ("87878005", "Left ventricle"),
    "right ventricle": ("53085002", "Right ventricle"),
    "left atrium": ("82471001", "Left atrium"),
    "right atrium": ("73829009", "Right atrium"),
    "aorta": ("15825003", "Aorta"),
    "inferior vena cava": ("64131007", "Inferior vena cava"),
    "portal vein": ("32764006", "Portal vein"),
    "vessel": ("59820001", "Blood Vessel"),
    "artery": ("51114001", "Artery"),
    "vein": ("29092000", "Vein"),
    "liver": ("10200004", "Liver"),
    "spleen": ("78961009", "Spleen"),
    "pancreas": ("15776009", "Pancreas"),
    "kidney": ("64033007", "Kidney"),
    "adrenal gland": ("23451007", "Adrenal gland"),
    "stomach": ("69695003", "Stomach"),
    "duodenum": ("38848004", "Duodenum"),
    "colon": ("71854001", "Colon"),
    "esophagus": ("32849002", "Esophagus"),
    "gallbladder": ("28231008", "Gallbladder"),
    "bladder": ("89837001", "Bladder"),
    "prostate": ("41216001", "Prostate"),
    "uterus": ("35039007", "Uterus"),
    "thyroid": ("69748006", "Thyroid"),
    "breast": ("76752008", "Breast"),
    "brain": ("12738006", "Brain"),
    "hippocampus": ("5366008", "Hippocampus"),
    "amygdala": ("4958002", "Amygdala"),
    "thalamus": ("42695009", "Thalamus"),
    "putamen": ("89278009", "Putamen"),
    "cerebellum": ("113305005", "Cerebellum"),
    "brainstem": ("119238007", "Brain Stem"),
    "white matter": ("389080008", "White Matter"),
    "grey matter": ("389081007", "Gray Matter"),
    "lateral ventricle": ("66720007", "Lateral Ventricle"),
    "spinal cord": ("2748008", "Spinal cord"),
    "vertebra": ("51282000", "Vertebra"),
    "rib": ("113197003", "Rib"),
    "clavicle": ("51299004", "Clavicle"),
    "femur": ("71341001", "Femur"),
    "mandible": ("91609006", "Mandible"),
    "skull": ("89546000", "Skull"),
    "sacrum": ("54735007", "Sacrum"),
    "bone": ("272673000", "Bone"),
    "muscle": ("71616004", "Muscle"),
    "fat": ("55603005", "Fat"),
    "cartilage": ("309312004", "Cartilage"),
    "skin": ("39937001", "Skin"),
    "tooth": ("38199008", "Tooth"),
    "eye": ("81745001", "Eye"),
    "retina": ("5665001", "Retina"),
    "lymph node": ("59441001", "Lymph Node"),
    "nucleus": ("84640000", "Nucleus"),
    "cell": ("4421005", "Cell"),
}
_ABNORMAL: dict[str, tuple[str, str]] = {
    "tumor": ("108369006", "Neoplasm"),
    "lesion": ("52988006", "Lesion"),
    "nodule": ("27925004", "Nodule"),
    "mass": ("4147007", "Mass"),
    "cyst": ("367643001", "Cyst"),
    "edema": ("79654002", "Edema"),
    "necrosis": ("6574001", "Necrosis"),
    "hemorrhage": ("50960005", "Hemorrhage"),
}
_FLUID: dict[str, tuple[str, str]] = {"cerebrospinal fluid": ("65216001", "Cerebrospinal Fluid")}

#: Other words for the same thing.
_SAME = {
    "lungs": "lung", "lung field": "lung", "kidneys": "kidney", "hippocampal": "hippocampus", "hippocampi": "hippocampus",
    "tumour": "tumor", "tumors": "tumor", "tumours": "tumor", "neoplasm": "tumor", "glioma": "tumor", "cancer": "tumor",
    "lesions": "lesion", "nodules": "nodule", "cysts": "cyst", "oedema": "edema", "haemorrhage": "hemorrhage",
    "vessels": "vessel", "blood vessel": "vessel", "vasculature": "vessel", "arteries": "artery", "veins": "vein",
    "nuclei": "nucleus", "cell nucleus": "nucleus", "cell nuclei": "nucleus", "cells": "cell",
    "oesophagus": "esophagus", "urinary bladder": "bladder", "gall bladder": "gallbladder", "brain stem": "brainstem",
    "gray matter": "grey matter", "csf": "cerebrospinal fluid", "vertebrae": "vertebra", "ribs": "rib", "bones": "bone",
    "teeth": "tooth", "eyes": "eye", "prostate gland": "prostate", "thyroid gland": "thyroid", "lymph nodes": "lymph node",
    "postcava": "inferior vena cava", "ivc": "inferior vena cava", "cord": "spinal cord", "spinalcord": "spinal cord",
    "lung upper lobe": "upper lobe", "lung lower lobe": "lower lobe", "lung middle lobe": "middle lobe",
    "肺": "lung", "肺部": "lung", "双肺": "lung", "肝": "liver", "肝脏": "liver",
    "脾": "spleen", "脾脏": "spleen", "肾": "kidney",
    "肾脏": "kidney", "胰腺": "pancreas", "心脏": "heart", "主动脉": "aorta", "脑": "brain",
    "海马": "hippocampus", "海马体": "hippocampus",
    "肿瘤": "tumor", "病灶": "lesion", "结节": "nodule", "血管": "vessel", "细胞核": "nucleus",
    "前列腺": "prostate", "气管": "trachea",
}  # fmt: skip
_LEFT, _RIGHT = {"left", "l", "lt", "左", "左侧"}, {"right", "r", "rt", "右", "右侧"}
_BOTH = {"both", "bilateral"}
_PARTS = {"anterior", "posterior", "head", "body", "tail"}  # of a thing whose whole is coded; the label keeps the part's name


def code_of(name: str, given: Mapping[str, SegmentCode] | None = None) -> SegmentCode:
    """Codes of the class ``name``: those given for it, else by the words of the name, else :data:`GENERIC`.

    A name is understood only as a whole: ``liver`` and ``right_kidney`` are, ``liver-like background`` is not.
    """
    for known, code in (given or {}).items():
        if known.strip().casefold() == name.strip().casefold():
            return code
    return _read_name(name) or GENERIC


def _read_name(name: str) -> SegmentCode | None:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    spaced = re.sub(r"^([左右])(?:侧)?(?=.)", r"\1 ", spaced.strip())
    words = [word for word in re.split(r"[^\w]+|_", spaced.casefold()) if word]
    if (whole := _lookup(words)) is not None:  # before sides are taken out: a left ventricle is not a ventricle on the left
        return whole
    side: Literal["left", "right", "both"] | None = None
    for words_of, answer in ((_LEFT, "left"), (_RIGHT, "right"), (_BOTH, "both")):
        if any(word in words_of for word in words):
            side = None if side is not None else answer  # type: ignore[assignment]
            words = [word for word in words if word not in words_of]
    found = _lookup(words)
    if found is None and len(words) > 1 and any(word in _PARTS for word in words):
        found = _lookup([word for word in words if word not in _PARTS])
    return None if found is None else found.model_copy(update={"side": side})


def _lookup(words: Sequence[str]) -> SegmentCode | None:
    phrase = " ".join(words)
    phrase = _SAME.get(phrase, phrase)
    for table, category in ((_ANATOMY, ANATOMY), (_ABNORMAL, ABNORMAL), (_FLUID, FLUID)):
        if phrase in table:
            return SegmentCode(type=_concept(table[phrase]), category=category)
    if len(words) > 1:  # "brain tumor", "skin lesion": a finding and where
        finding, place = _SAME.get(words[-1], words[-1]), " ".join(words[:-1])
        place = _SAME.get(place, place)
        if finding in _ABNORMAL and place in _ANATOMY:
            return SegmentCode(type=_concept(_ABNORMAL[finding]), category=ABNORMAL, region=_concept(_ANATOMY[place]))
        if finding == "vessel" and place in ("retina", "retinal"):
            return SegmentCode(type=_concept(_ANATOMY["vessel"]), region=_concept(_ANATOMY["retina"]))
    return None


def _concept(pair: tuple[str, str]) -> Concept:
    return Concept(value=pair[0], meaning=pair[1])


def load_codes(path: Path) -> dict[str, SegmentCode]:
    """Codes by class name of a JSON file ``{"classes": {"liver": {"type": {"value": "10200004", "meaning": "Liver"}}}}``.

    Raises RecipeError: no such file, not JSON, an unknown key, a value that is none.
    """
    return dict(parse(SegmentCodes, read_json(path), str(path)).classes)
