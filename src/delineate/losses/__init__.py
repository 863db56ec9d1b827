"""Losses on logits. A loss is a weighted sum of terms such as ``"1.0*dice + 0.8*bce"``, found by name in :data:`losses`.

Another package adds a term by an entry point in the group ``delineate.losses`` that names a :data:`TermFactory`; it gets
:class:`Batch`, with the sigmoid or softmax already where it belongs, and cannot apply it twice.
"""

from __future__ import annotations

from delineate.errors import MissingExtra

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError:
    raise MissingExtra("missing-extra", extra="train") from None

from delineate.losses.batch import Batch
from delineate.losses.shape import cldice
from delineate.losses.sorting import lovasz, lovasz_hinge
from delineate.losses.terms import Options, Term, TermFactory, losses
from delineate.losses.weighted import DeepSupervision, Loss, make_loss, parse_expression

__all__ = [
    "Batch",
    "DeepSupervision",
    "Loss",
    "Options",
    "Term",
    "TermFactory",
    "cldice",
    "losses",
    "lovasz",
    "lovasz_hinge",
    "make_loss",
    "parse_expression",
]
