"""A small typed registry: the one way to extend Delineate (formats, layouts, networks, losses, metrics, post-processing)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from delineate.errors import UsageError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names → things of one kind. Refuses duplicates, lists the choices when a name is unknown, reads entry points.

    A third-party package adds to it with an entry point in the group ``delineate.<kind>``, e.g.
    ``[project.entry-points."delineate.networks"]``. Entry points are read on the first miss, so that a plain
    look-up costs nothing.
    """

    def __init__(self, kind: str, plural: str | None = None) -> None:
        self.kind = kind
        self.plural = plural or kind + "s"
        self._items: dict[str, T] = {}
        self._plugins_read = False
        self._families: dict[str, Callable[[str], T]] = {}
        self._members: dict[str, Callable[[], list[str]]] = {}

    def add_family(self, prefix: str, make: Callable[[str], T], members: Callable[[], list[str]] | None = None) -> None:
        """Names that begin with ``prefix:``: ``make`` gets what stands behind it. ``members`` lists that, where they are few enough
        to be listed and what they need is installed."""
        if prefix in self._families:
            raise ValueError(f"{self.kind} '{prefix}:' is registered twice")
        self._families[prefix] = make
        if members is not None:
            self._members[prefix] = members

    def add(self, name: str, item: T) -> T:
        if name in self._items:
            raise ValueError(f"{self.kind} '{name}' is registered twice")
        self._items[name] = item
        return item

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator form of :meth:`add`."""
        return lambda item: self.add(name, item)

    def get(self, name: str) -> T:
        prefix, colon, rest = name.partition(":")
        if colon and prefix in self._families:
            return self._families[prefix](rest)
        if name not in self._items:
            self._read_plugins()
        try:
            return self._items[name]
        except KeyError:
            choices = sorted(self._items) + [f"{prefix}:…" for prefix in sorted(self._families)]
            raise UsageError("unknown-choice", kind=self.kind, name=name, choices=", ".join(choices)) from None

    def names(self) -> list[str]:
        self._read_plugins()
        return list(self._items)

    def members(self) -> list[str]:
        """Whole names of the families that can be listed."""
        return [f"{prefix}:{name}" for prefix, names in self._members.items() for name in names()]

    def __iter__(self) -> Iterator[T]:
        self._read_plugins()
        return iter(list(self._items.values()))

    def __contains__(self, name: str) -> bool:
        self._read_plugins()
        return name in self._items

    def _read_plugins(self) -> None:
        if self._plugins_read:
            return
        self._plugins_read = True
        for point in entry_points(group=f"delineate.{self.plural}"):
            if point.name not in self._items:
                self.add(point.name, point.load())
