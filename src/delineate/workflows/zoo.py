"""``networks``: what networks there are, and what each costs at a size."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from delineate.i18n import has, translate


@dataclass(frozen=True)
class NetworkLine:
    """``flops``: of one forward pass of one image, a multiply-add counts as two. ``about`` and ``origin`` are sentences; empty for
    a network that another package brought."""

    name: str
    parameters: int
    flops: int
    about: str
    origin: str

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def networks(*, size: tuple[int, int] = (256, 256), channels: int = 1, maps: int = 1, language: str = "en") -> list[NetworkLine]:
    """Every network that is found by its name alone, with its usual options, in the order they are registered; then those of
    libraries that are installed.

    ``channels`` and ``maps`` are the image's channels and the output maps. Raises
    :class:`~delineate.errors.MissingExtra` without torch.
    """
    from delineate.models import describe
    from delineate.models import networks as registry
    from delineate.recipe import NetworkRecipe

    lines = []
    for name in (*registry.names(), *registry.members()):
        cost = describe(NetworkRecipe(name=name), channels, maps, size)
        about, origin = (translate(key, language) if has(key) else "" for key in (f"network.{name}", f"network.{name}.origin"))
        lines.append(NetworkLine(name, cost["parameters"], cost["flops"], about, origin))
    return lines
