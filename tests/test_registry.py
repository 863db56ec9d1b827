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
