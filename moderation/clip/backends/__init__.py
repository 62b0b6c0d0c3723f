"""Who runs a tower, one file a backend: `named(name)` gives its class.

To add a backend, put a file with a subclass of `Backend` here; nothing else lists it.
"""

from __future__ import annotations

from moderation.clip.backends.backend import BACKENDS, Backend
from moderation.clip.errors import ModelError
from moderation.clip.plugins import import_all

__all__ = ["Backend", "named"]


def named(name: str) -> type[Backend]:
    """The backend of this name. Raises `ModelError`."""
    import_all(__name__)
    if name not in BACKENDS:
        raise ModelError(f"There is no backend {name!r}; use one of {', '.join(sorted(BACKENDS))}.")
    return BACKENDS[name]
