"""What is in the data: loading cases, the mask rule, measured facts, checks and splits."""

from delineate.dataset.channel_files import channel_endings
from delineate.dataset.class_names import parse_classes
from delineate.dataset.facts import WORKING_SIZES, CaseFacts, ObjectFacts
from delineate.dataset.fingerprint import (
    ChannelFingerprint,
    ClassFingerprint,
    Fingerprint,
    Spread,
    fingerprint_of,
    measure_fingerprint,
)
from delineate.dataset.loading import load_image, load_mask, load_rater_masks, load_raw_labels
from delineate.dataset.mask_rules import MaskEvidence, SeenValue, describe_rule, infer_mask_rule
from delineate.dataset.measuring import measure_cases
from delineate.dataset.splits import describe_splits, fold_cases, make_splits, split_key

__all__ = [
    "WORKING_SIZES",
    "CaseFacts",
    "ChannelFingerprint",
    "ClassFingerprint",
    "Fingerprint",
    "MaskEvidence",
    "ObjectFacts",
    "SeenValue",
    "Spread",
    "channel_endings",
    "describe_rule",
    "describe_splits",
    "fingerprint_of",
    "fold_cases",
    "infer_mask_rule",
    "load_image",
    "load_mask",
    "load_rater_masks",
    "load_raw_labels",
    "make_splits",
    "measure_cases",
    "measure_fingerprint",
    "parse_classes",
    "split_key",
]
