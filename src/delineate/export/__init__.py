"""A trained network → ``model.onnx``: the network, and all that is needed to use it, in one file."""

from __future__ import annotations

from delineate.errors import MissingExtra

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError:
    raise MissingExtra("missing-extra", extra="train") from None

from delineate.export.ensemble import write_ensemble
from delineate.export.network import export_onnx
from delineate.export.record import network_sha256, stamp_record

__all__ = ["export_onnx", "network_sha256", "stamp_record", "write_ensemble"]
