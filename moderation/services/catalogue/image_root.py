"""Paths that a request may name: only files inside `CLIP_IMAGE_ROOT`."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings

from . import photo_names

# A scheme (http:, file:, data:) or a drive letter.
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]*:")


class ForbiddenPath(Exception):
    """A path that leads, or could lead, out of the image folder; `str()` says what to do."""


def inside(name: str) -> Path:
    """The file of this name in the image folder, with all links followed; it may not exist.

    Accents may be written in either form of Unicode, whichever the file's name has.
    Raises `ForbiddenPath` for absolute paths, URLs, `..` and links that lead out.
    """
    if _SCHEME.match(name):
        raise ForbiddenPath("it is a URL; send the path of a file inside the image folder.")
    if name.startswith(("/", "\\", "~")):
        raise ForbiddenPath("it is an absolute path; send one relative to the image folder.")
    if ".." in re.split(r"[/\\]", name):
        raise ForbiddenPath("it holds “..”; send a path that stays inside the image folder.")
    if "\x00" in name:
        raise ForbiddenPath("it holds a NUL character; send the file's real name.")
    root = Path(settings.CLIP_IMAGE_ROOT).resolve()
    try:
        path = photo_names.in_either_form(root, name).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle
        raise ForbiddenPath("it cannot be followed; send the file's real path.") from error
    if not path.is_relative_to(root):
        raise ForbiddenPath("it leads out of the image folder; send a file inside it.")
    return path
