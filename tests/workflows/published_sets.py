"""Small made-up versions of published data sets of pictures, in the layout and file kinds of the originals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from tests.workflows.made_up import BY_BLOCK, BY_IMAGE, colour, published, save, scene, several, text


@published(
    layout="paired-folders", cases=10, persons=10, unit="image", rule="threshold", warnings=("split-by-image", "patient-unknown")
)
def isic2018(root: Path) -> Path:
    """Dermoscopy: JPEGs of widely different sizes, masks as PNG in a folder of another name, a published validation part."""
    sizes = [(60, 80), (90, 120), (135, 181), (48, 64), (256, 340), (77, 103), (101, 101), (64, 96), (150, 200), (54, 72)]
    for number, size in enumerate(sizes):
        part = "Training" if number < 7 else "Validation"
        image, labels = scene(number, size)
        name = f"ISIC_{number * 13:07d}"
        save(root / f"ISIC2018_Task1-2_{part}_Input" / f"{name}.jpg", colour(255 - image), quality=90)
        save(root / f"ISIC2018_Task1_{part}_GroundTruth" / f"{name}_segmentation.png", labels * 255)
    for part in ("Training", "Validation"):
        for folder in (f"ISIC2018_Task1-2_{part}_Input", f"ISIC2018_Task1_{part}_GroundTruth"):
            text(root / folder / "ATTRIBUTION.txt")
            text(root / folder / "LICENSE.txt")
    save(root / "ISIC2018_Task1-2_Test_Input" / "ISIC_0099999.jpg", colour(scene(99, (70, 90))[0]))
    return root


@published(
    layout="paired-folders", cases=7, persons=7, unit="image", rule="threshold", warnings=("split-by-image", "patient-unknown")
)
def ph2(root: Path) -> Path:
    """A folder per picture, BMP; the lesion in one bit, regions of colour in files of their own."""
    home = root / "PH2Dataset" / "PH2 Dataset images"
    for number in (2, 3, 4, 6, 8, 9, 10):
        name = f"IMD{number:03d}"
        image, labels = scene(number, (57 + number % 3, 76))
        save(home / name / f"{name}_Dermoscopic_Image" / f"{name}.bmp", colour(255 - image))
        save(home / name / f"{name}_lesion" / f"{name}_lesion.bmp", labels > 0)
        save(home / name / f"{name}_roi" / f"{name}_R1_Label3.bmp", labels > 0)
    text(root / "PH2Dataset" / "PH2_dataset.txt")
    (root / "PH2Dataset" / "PH2_dataset.xlsx").write_bytes(b"PK\3\4")
    return root


@published(
    layout="side-by-side",
    cases=12,
    persons=12,
    unit="image",
    rule="threshold",
    warnings=(*BY_IMAGE, "mask-empty", "channels-mixed", "duplicate-exact-across"),
)
def busi(root: Path) -> Path:
    """Breast ultrasound: grey, RGB and RGBA, sizes differ, masks of one bit in one or two files or empty, a picture twice."""
    home = root / "Dataset_BUSI_with_GT"
    kinds = {"benign": 5, "malignant": 4, "normal": 3}
    for place, (kind, count) in enumerate(kinds.items()):
        for number in range(1, count + 1):
            # "benign (5)" is "benign (2)" again, as the published set has some pictures twice
            seed = 100 * place + (2 if (kind, number) == ("benign", 5) else number)
            image, labels = scene(seed, (60 + seed % 7, 70 + seed % 11), 2)
            pixels = [colour(image, (1, 1, 1)), image, np.dstack([colour(image, (1, 1, 1)), np.full_like(image, 255)])][seed % 3]
            save(home / kind / f"{kind} ({number}).png", pixels)
            if kind == "normal":
                save(home / kind / f"{kind} ({number})_mask.png", np.zeros(labels.shape, bool))
            elif number == 4:
                save(home / kind / f"{kind} ({number})_mask.png", labels == 2)
                save(home / kind / f"{kind} ({number})_mask_1.png", labels == 1)
            else:
                save(home / kind / f"{kind} ({number})_mask.png", labels > 0)
    return root


@published(
    layout="paired-folders", cases=8, persons=8, unit="image", rule="threshold", warnings=("split-by-image", "patient-unknown")
)
def drive(root: Path) -> Path:
    """Fundus: TIFF pictures, GIF vessels of two observers, GIF fields of view."""
    for part, numbers in (("training", range(21, 27)), ("test", range(1, 3))):
        for number in numbers:
            image, labels = scene(number, (73, 71))
            home = root / "DRIVE" / part
            save(home / "images" / f"{number:02d}_{part}.tif", colour(image))
            save(home / "1st_manual" / f"{number:02d}_manual1.gif", labels * 255)
            save(home / "mask" / f"{number:02d}_{part}_mask.gif", np.full_like(labels, 255))
            if part == "test":
                save(home / "2nd_manual" / f"{number:02d}_manual2.gif", labels * 255)
    return root


@published(layout="side-by-side", cases=12, persons=6, unit="patient", rule="threshold")
def chase_db1(root: Path) -> Path:
    """Fundus of children, both eyes, two observers, one bit masks."""
    for number in range(1, 7):
        for side in "LR":
            image, labels = scene(2 * number + (side == "L"), (64, 66))
            name = f"Image_{number:02d}{side}"
            save(root / f"{name}.jpg", colour(image), quality=95)
            save(root / f"{name}_1stHO.png", labels > 0)
            save(root / f"{name}_2ndHO.png", np.roll(labels, 1, axis=0) > 0)
    return root


@published(
    layout="paired-folders", cases=7, persons=7, unit="image", rule="threshold", warnings=("split-by-image", "patient-unknown")
)
def polyps_png(root: Path) -> Path:
    """Endoscopy as re-published in PNG: equal names, masks in RGB."""
    for number in range(7):
        image, labels = scene(number, (55 + number, 70 - number))
        name = f"cju0qkwl{number}5qen0993ky{number}"
        save(root / "Kvasir-SEG" / "images" / f"{name}.png", colour(image))
        save(root / "Kvasir-SEG" / "masks" / f"{name}.png", colour(labels * 255, (1, 1, 1)))
    text(root / "Kvasir-SEG" / "kavsir_bboxes.json", "{}")
    return root


@published(
    layout="paired-folders",
    cases=8,
    persons=8,
    unit="image",
    rule="files",
    classes=("heart", "left_lung", "right_lung"),
    warnings=BY_IMAGE,
)
def jsrt(root: Path) -> Path:
    """Chest films, 12 bits in 16, an organ per folder."""
    for number in range(1, 9):
        image, labels = scene(number, (64, 64), 3)
        save(root / "images" / f"JPCLN{number:03d}.png", image.astype(np.uint16) * 16)
        for label, organ in enumerate(("left lung", "right lung", "heart"), 1):
            save(root / "masks" / organ / f"JPCLN{number:03d}.gif", (labels == label).astype(np.uint8) * 255)
    return root


@published(layout="paired-folders", cases=7, persons=7, unit="patient", rule="threshold")
def montgomery(root: Path) -> Path:
    """Chest films of two sizes, the lungs in a one bit file each, readings as text."""
    home = root / "MontgomerySet"
    for number in range(1, 8):
        image, labels = scene(number, (80, 98) if number % 2 else (98, 80))
        name = f"MCUCXR_{number:04d}_{number % 2}"
        middle = labels.shape[1] // 2
        save(home / "CXR_png" / f"{name}.png", 255 - image)
        for side, window in (("left", np.s_[:, middle:]), ("right", np.s_[:, :middle])):
            half = np.zeros(labels.shape, bool)
            half[window] = labels[window] > 0
            save(home / "ManualMask" / f"{side}Mask" / f"{name}.png", half)
        text(home / "ClinicalReadings" / f"{name}.txt", "Patient's Sex: F\nPatient's Age: 027Y\nnormal\n")
    text(home / "NLM-MontgomeryCXRSet-ReadMe.pdf")
    return root


@published(
    layout="pannuke",
    cases=9,
    persons=9,
    unit="image",
    rule="files",
    classes=("Neoplastic", "Inflammatory", "Connective", "Dead", "Epithelial"),
    warnings=BY_IMAGE,
)
def pannuke(root: Path) -> Path:
    """Histology: three folds of arrays, float64, objects numbered in six channels."""
    for fold in (1, 2, 3):
        images, masks = np.zeros((3, 64, 64, 3)), np.zeros((3, 64, 64, 6))
        for number in range(3):
            image, objects = several(10 * fold + number, (64, 64), 5)
            images[number] = colour(image)
            for label in range(5):
                masks[number, ..., label] = np.where(objects == label + 1, label + 1, 0)
            masks[number, ..., 5] = objects == 0
        home = root / f"Fold {fold}"
        for kind, array in (("images", images), ("masks", masks)):
            (home / kind / f"fold{fold}").mkdir(parents=True)
            np.save(home / kind / f"fold{fold}" / f"{kind}.npy", array)
        np.save(home / "images" / f"fold{fold}" / "types.npy", np.array(["Breast", "Colon", "Breast"]))
        text(home / "README.md")
    return root


@published(
    layout="instance-masks", cases=8, persons=8, unit="image", rule="threshold", warnings=("split-by-image", "patient-unknown")
)
def dsb2018(root: Path) -> Path:
    """Nuclei: a folder per picture (RGBA, sizes differ), one file per nucleus."""
    for number in range(8):
        name = f"{number:02d}a7d30b252359a10fd298b638b90cb9ada3acced4e0c0e5a3692013f432ee4e"
        image, objects = several(number, (64, 64) if number % 3 else (52, 70), 3)
        save(
            root / "stage1_train" / name / "images" / f"{name}.png", np.dstack([colour(image, (1, 1, 1)), np.full_like(image, 255)])
        )
        for one in (1, 2, 3):
            path = root / "stage1_train" / name / "masks" / f"{one}{name[::-1]}.png"
            save(path, (objects == one).astype(np.uint8) * 255)
    return root


@published(
    layout="stacks",
    cases=12,
    persons=1,
    unit="block",
    rule="threshold",
    warnings=BY_BLOCK,
)
def isbi_stacks(root: Path) -> Path:
    """Electron microscopy: pages of a TIFF, and pages of another one as masks."""
    image, labels = scene(1, (64, 64))
    rolled = np.stack([np.roll(image, number, axis=1) for number in range(12)])
    moved = np.stack([np.roll(labels, number, axis=1) for number in range(12)])
    tifffile.imwrite(root / "train-volume.tif", rolled, photometric="minisblack")
    tifffile.imwrite(root / "train-labels.tif", moved * 255, photometric="minisblack")
    tifffile.imwrite(root / "test-volume.tif", rolled, photometric="minisblack")
    return root


@published(layout="patient-folders", cases=30, persons=5, unit="patient", rule="threshold")
def lgg(root: Path) -> Path:
    """Brain MR slices as RGB TIFFs in a folder per patient, a third of them with a tumour."""
    home = root / "kaggle_3m"
    for number in range(5):
        name = f"TCGA_CS_{4941 + number}_19960909"
        for z in range(1, 7):
            image, labels = scene(10 * number + z, (48, 48))
            (home / name).mkdir(parents=True, exist_ok=True)
            mask = labels * 255 if z in (3, 4) else labels * 0
            tifffile.imwrite(home / name / f"{name}_{z}.tif", colour(image), photometric="rgb")
            tifffile.imwrite(home / name / f"{name}_{z}_mask.tif", mask, photometric="minisblack")
    text(home / "data.csv", "Patient,RNASeqCluster\nTCGA_CS_4941,2\n")
    text(home / "README.md")
    return root


@published(layout="table", cases=12, persons=6, unit="patient", rule="threshold")
def csv_table(root: Path) -> Path:
    """Hashed names that say nothing; a table says all."""
    rows = ["image,mask,patient,split"]
    for number in range(12):
        image, labels = scene(number, (48, 56))
        save(root / "data" / f"a{number * 7919 % 104729:x}.png", image)
        save(root / "data" / f"b{number * 6007 % 104729:x}.png", labels * 255)
        part = ("train", "train", "train", "train", "val", "test")[number // 2]
        rows.append(f"data/a{number * 7919 % 104729:x}.png,data/b{number * 6007 % 104729:x}.png,P{number // 2},{part}")
    text(root / "index.csv", "\n".join(rows) + "\n")
    return root


@published(
    layout="paired-folders", cases=6, persons=6, unit="image", rule="threshold", warnings=("split-by-image", "patient-unknown")
)
def cells_16_bit(root: Path) -> Path:
    """Microscopy: 16-bit TIFF with LZW and a predictor, an odd size, objects numbered in the mask."""
    for number in range(6):
        image, objects = several(number, (389, 517), 14 + number)
        for pixels, folder in ((image.astype(np.uint16) * 40, "images"), (objects.astype(np.uint16), "labels")):
            (root / folder).mkdir(exist_ok=True)
            tifffile.imwrite(root / folder / f"field_{number:03d}.tif", pixels, compression="lzw", predictor=folder == "images")
    return root


@published(
    layout="paired-folders",
    cases=7,
    persons=7,
    unit="image",
    rule="values",
    classes=("class 1", "class 2"),
    warnings=BY_IMAGE,
)
def voc_palette(root: Path) -> Path:
    """JPEGImages and SegmentationClass: palette PNGs, a white outline that counts for nothing."""
    for number in range(7):
        image, labels = scene(number, (60, 64), 2)
        labels[(labels > 0) & (np.roll(labels, 1, axis=1) == 0)] = 255
        mask = Image.fromarray(labels).convert("L")
        mask.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] + [0, 0, 0] * 252 + [224, 224, 192])
        save(root / "VOC2012" / "JPEGImages" / f"2007_{number:06d}.jpg", colour(image))
        save(root / "VOC2012" / "SegmentationClass" / f"2007_{number:06d}.png", mask)
    return root


@published(layout="paired-folders", cases=8, persons=1, unit="block", rule="colours", classes=("Tissue", "Tool"), warnings=BY_BLOCK)
def colour_codes(root: Path) -> Path:
    """Frames of a video; a colour per class, listed in class_dict.csv. "Void" is all there is beside the classes."""
    codes = np.array([(0, 0, 0), (255, 0, 55), (70, 130, 180)], np.uint8)
    for number in range(8):
        image, labels = scene(number, (48, 60), 2)
        save(root / "images" / f"frame{number:03d}.png", colour(image))
        save(root / "labels" / f"frame{number:03d}_L.png", codes[labels])
    text(root / "class_dict.csv", "name,r,g,b\nVoid,0,0,0\nTool,255,0,55\nTissue,70,130,180\n")
    return root


@published(
    layout="paired-folders", cases=8, persons=8, unit="image", rule="threshold", warnings=("split-by-image", "patient-unknown")
)
def lung_2d(root: Path) -> Path:
    """Single CT slices in Hounsfield units as 32-bit TIFF, masks of the same name."""
    for number in range(8):
        image, labels = scene(number, (64, 64))
        name = f"ID_{number:04d}_Z_0{142 - number}.tif"
        for folder in ("2d_images", "2d_masks"):
            (root / folder).mkdir(exist_ok=True)
        tifffile.imwrite(root / "2d_images" / name, image.astype(np.int32) * 5 - 1000)
        tifffile.imwrite(root / "2d_masks" / name, labels * 255)
    return root
