"""Class areas and the mask of one picture. Needs: pip install numpy pillow onnxruntime

python example.py picture.png mask.png
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from clean_up import clean
from PIL import Image, ImageOps

here = Path(__file__).parent
card = json.loads((here / "card.json").read_text(encoding="utf-8"))
picture = ImageOps.exif_transpose(Image.open(sys.argv[1]))
if picture.mode in ("P", "PA", "CMYK", "YCbCr"):
    picture = picture.convert("RGB")
elif picture.mode in ("1", "LA"):
    picture = picture.convert("L")
values = np.atleast_3d(np.asarray(picture))  # (rows, columns, channels), as they stand in the file
if values.shape[2] not in card["input"]["channels"] or max(values.shape[:2]) > (card["input"]["largest_side"] or 1e9):
    sys.exit(f"The model does not take {values.shape} pixels: {card['input']}")
noise_floor = card["input"]["noise_floor"].get(str(values.dtype), 1 if values.dtype.kind in "iu" else 0)

network = onnxruntime.InferenceSession(here / card["model"]["file"], providers=["CPUExecutionProvider"])
mask = network.run(["mask"], {"pixels": values.astype(np.float32), "noise_floor": np.array([noise_floor], np.float32)})[0]
mask = clean(mask, card)

for label in card["labels"]:
    inside = mask[label["value"] - 1] > 0 if card["overlapping"] else mask == label["value"]
    print(f"{label['name']}: {inside.sum()} pixels, {100 * inside.mean():.2f} %")
out = Path(sys.argv[2] if len(sys.argv) > 2 else "mask.png")
for number, layer in enumerate(mask if card["overlapping"] else [mask], start=1):
    path = out.with_stem(f"{out.stem}.{number}") if card["overlapping"] else out
    Image.fromarray(layer).save(path)
    print(f"Written: {path}")
