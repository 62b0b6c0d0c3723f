"""What a picture file is, one file a type: `of(head)` says which one it is by its first bytes.

To add a type, put a file with a subclass of `Format` here; nothing else lists it.
"""

from __future__ import annotations

from moderation.clip.pictures.formats.format import FORMATS, Format
from moderation.clip.plugins import import_all

__all__ = ["HEAD", "Format", "of"]

HEAD = 16  # bytes that tell every type


def of(head: bytes) -> Format | None:
    """The type of a file that begins so, or None."""
    import_all(__name__)
    return next((found for found in FORMATS if found.fits(head)), None)
