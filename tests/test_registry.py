"""Registries refuse duplicates and list the choices."""

from __future__ import annotations

import pytest

from delineate.errors import UsageError
from delineate.registry import Registry


def test_choices_are_listed() -> None:
    things: Registry[int] = Registry("thing")
    things.add("one", 1)
    things.register("two")(2)
    assert things.names() == ["one", "two"]
    with pytest.raises(UsageError, match="one, two"):
        things.get("three")


def test_duplicates_are_refused() -> None:
    things: Registry[int] = Registry("thing")
    things.add("one", 1)
    with pytest.raises(ValueError, match="twice"):
        things.add("one", 2)


def test_families_of_names() -> None:
    things: Registry[int] = Registry("thing")
    things.add("one", 1)
    things.add_family("times", lambda rest: 10 * int(rest))
    assert things.get("times:7") == 70
    assert things.names() == ["one"]
    with pytest.raises(UsageError, match="one, times:…"):
        things.get("other:7")
    with pytest.raises(ValueError, match="twice"):
        things.add_family("times", int)
