"""Parts that come one in a file: whoever puts a file into the package has added a part."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Generic, TypeVar

Part = TypeVar("Part")


class Plugins(Generic[Part]):
    """The parts of one package by name. Its files add theirs when they are imported.

    They are imported at the first question, so they must be cheap to import: torch and the like
    inside functions only. Code elsewhere, such as a test, may add a part too.
    """

    def __init__(self, package: str) -> None:
        self._parts: dict[str, Part] = {}
        self._import: Callable[[], None] = cache(lambda: _import_all(package))

    def add(self, name: str, part: Part) -> None:
        self._parts[name] = part

    def all(self) -> dict[str, Part]:
        """Each part by its name."""
        self._import()
        return self._parts


def _import_all(package: str) -> None:
    for module in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
        import_module(module.name)
