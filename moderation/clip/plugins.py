"""Parts that come one in a file: a file put into the package adds a part."""

import pkgutil
from functools import cache
from importlib import import_module


@cache
def import_all(package: str) -> None:
    """Import the package's files, each of which adds its part to a dictionary.

    This must stay cheap: they import torch and the like inside functions only.
    """
    for module in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
        import_module(module.name)
