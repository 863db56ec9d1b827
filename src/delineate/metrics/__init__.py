"""What is measured on a prediction and its truth: pure functions on boolean arrays, and a registry of them."""

from delineate.metrics.comparison import NSD_TOLERANCE, Comparison, Metric, metrics
from delineate.metrics.lesions import LESION_IOU, Lesions, lesions
from delineate.metrics.overlap import Confusion, confusion, dice, f1, iou, precision, recall, specificity
from delineate.metrics.surface import assd, hd95, nsd, surface_distances
from delineate.metrics.volume import VolumeUnit, pixel_size, relative_volume_difference, volume_difference

__all__ = [
    "LESION_IOU",
    "NSD_TOLERANCE",
    "Comparison",
    "Confusion",
    "Lesions",
    "Metric",
    "VolumeUnit",
    "assd",
    "confusion",
    "dice",
    "f1",
    "hd95",
    "iou",
    "lesions",
    "metrics",
    "nsd",
    "pixel_size",
    "precision",
    "recall",
    "relative_volume_difference",
    "specificity",
    "surface_distances",
    "volume_difference",
]
