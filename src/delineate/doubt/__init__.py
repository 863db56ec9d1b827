"""What a prediction does not know: calibration, expected quality, when a person should look, and images of another kind.

Everything here is NumPy on plain values, fitted on validation persons and recorded in the model file. No torch, no files.
"""

from delineate.doubt.calibration import BINS, TemperatureFit, calibrate, entropy, fit_temperatures, sample_pixels
from delineate.doubt.evidence import Evidence
from delineate.doubt.familiarity import Strangeness, describe_image, fit_familiar, judge, reasons_of, spread_over, unusable
from delineate.doubt.image_facts import ImageFacts
from delineate.doubt.reliability import Reliability, region_of_interest
from delineate.doubt.review import Judged, Verdict, fit_review, persons_needed, review

__all__ = [
    "BINS",
    "Evidence",
    "ImageFacts",
    "Judged",
    "Reliability",
    "Strangeness",
    "TemperatureFit",
    "Verdict",
    "calibrate",
    "describe_image",
    "entropy",
    "fit_familiar",
    "fit_review",
    "fit_temperatures",
    "judge",
    "persons_needed",
    "reasons_of",
    "region_of_interest",
    "review",
    "sample_pixels",
    "spread_over",
    "unusable",
]
