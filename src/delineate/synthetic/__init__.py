"""The embedded data set: chest-CT-like slices drawn from random numbers. Never real patients, and labelled so everywhere."""

from delineate.synthetic.dataset import make_dataset

__all__ = ["make_dataset"]
