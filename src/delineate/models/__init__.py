"""Networks: (B, C, H, W) images of any size → (B, out, H, W) logits.

A network is found by name in :data:`networks`. ``unet`` and its presets are ours; another package adds one without a
change here, by an entry point in the group ``delineate.networks``::

    # pyproject.toml of the other package
    [project.entry-points."delineate.networks"]
    my_net = "my_package.net:build_my_net"

    # my_package/net.py
    def build_my_net(in_channels: int, out_channels: int, options: Mapping[str, Any]) -> torch.nn.Module: ...

What such a network must keep (``tests/models/test_contract.py`` holds ours to it):

- ``forward`` takes (B, C, H, W) with any B, H, W ≥ 1 and gives (B, out, H, W) *logits*: no sigmoid, no softmax, and the same
  shape in training and evaluation mode;
- ``options`` come from ``recipe.json``: unknown ones are a :class:`~delineate.errors.RecipeError`
  (``delineate.recipe.parse`` with a ``StrictModel`` of yours does that);
- weights are initialised in the constructor, every trainable parameter gets a gradient;
- no Python branch on H or W in evaluation mode, so that one ONNX graph serves every size.

A new *part* (an encoder, a skip) is a composition instead: see :class:`UNet`, and the modules ``attention``, ``resnet`` and
``unetplusplus`` for parts that are.

Two things a network may offer: ``encoder``, a module whose learning rate and weight decay can be set apart and into which
:func:`load_pretrained` puts weights; and ``supervised`` with ``each_head(images)`` → a list of logits, the loss of which is then
taken on each (deep supervision).
"""

from __future__ import annotations

from delineate.errors import MissingExtra

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError:
    raise MissingExtra("missing-extra", extra="train") from None

from delineate.models.catalogue import NetworkFactory, build, describe, networks
from delineate.models.encoder import ConvEncoder, Encoder
from delineate.models.pretrained import load_pretrained
from delineate.models.unet import UNet, build_unet
from delineate.models.unetplusplus import UNetPlusPlus

__all__ = [
    "ConvEncoder",
    "Encoder",
    "NetworkFactory",
    "UNet",
    "UNetPlusPlus",
    "build",
    "build_unet",
    "describe",
    "load_pretrained",
    "networks",
]
