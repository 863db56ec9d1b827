"""What is measured on a prediction and its truth: pure functions on boolean arrays, and a registry of them."""

from delineate.metrics.comparison import Comparison, Metric, metrics
from delineate.metrics.overlap import Confusion, confusion, dice, f1, iou, precision, recall, specificity
from delineate.metrics.surface import assd, hd95, nsd, surface_distances

__all__ = [
    "Comparison",
    "Confusion",
    "Metric",
    "assd",
    "confusion",
    "dice",
    "f1",
    "hd95",
    "iou",
    "metrics",
    "nsd",
    "precision",
    "recall",
    "specificity",
    "surface_distances",
]
