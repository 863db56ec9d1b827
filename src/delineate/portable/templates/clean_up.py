"""The clean-up that training chose (card.json, `clean` of each label), by numpy alone."""

import numpy as np


def components(inside, corners):
    """Number of the connected component of each pixel (0 outside) and pixels per number; neighbours over corners too, or not."""
    width, reach = inside.shape[1] + 2, int(corners)
    ends = np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(ends == 1)  # runs of pixels, row by row
    stops = np.nonzero(ends == -1)[1]
    first = np.searchsorted(rows * width + stops, (rows + 1) * width + starts - reach, side="right")
    last = np.searchsorted(rows * width + starts, (rows + 1) * width + stops + reach, side="left")
    touching = last - first  # runs of the next row
    above = np.repeat(np.arange(len(rows)), touching)
    below = np.arange(touching.sum()) + np.repeat(first - (np.cumsum(touching) - touching), touching)
    number = np.arange(len(rows))
    while True:
        least = number.copy()
        np.minimum.at(least, number[above], number[below])
        np.minimum.at(least, number[below], number[above])
        least = least[least]
        if (least == number).all():
            break
        number = least
    found = np.zeros(inside.shape, dtype=np.int64)
    found[inside] = np.repeat(1 + np.unique(number, return_inverse=True)[1], stops - starts)
    return found, np.bincount(found.ravel())


def clean_class(inside, wanted):
    if wanted["largest"] and inside.any():
        found, sizes = components(inside, corners=True)
        inside = found == 1 + sizes[1:].argmax()
    if wanted["min_pixels"] and inside.any():
        found, sizes = components(inside, corners=True)
        inside = inside & (sizes >= wanted["min_pixels"])[found]
    if wanted["fill_holes"] and inside.any():
        found, sizes = components(~inside, corners=False)
        outside = np.unique(np.concatenate([found[0], found[-1], found[:, 0], found[:, -1]]))
        inside = inside | ~np.isin(found, outside)
    return inside


def clean(mask, card):
    """Each class by its own options; filled holes never overwrite another class."""
    result = mask.copy()
    for label in card["labels"]:
        layer = ... if not card["overlapping"] else label["value"] - 1
        value = 1 if card["overlapping"] else label["value"]
        before = mask[layer] == value
        after = clean_class(before, label["clean"])
        result[layer][before & ~after] = 0
        result[layer][after & (result[layer] == 0)] = value
    return result
