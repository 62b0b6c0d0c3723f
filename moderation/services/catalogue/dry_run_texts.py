"""What a dry run tells of the texts, by the model that will be asked."""

from __future__ import annotations

from moderation.clip.errors import ModelError

from ..encoding import text_parts
from ..registry import versions
from ..rules.reading import Unread
from ..rules.texts_read import TextsRead


def read() -> TextsRead:
    """To count the texts of which it reads but a part, and those that are too long for it."""
    try:
        return TextsRead(parts=text_parts.tokens_of(versions.current()).parts)
    except ModelError:
        return TextsRead()


def unread() -> Unread | None:
    """To count the texts that it cannot read; None before the set-up."""
    try:
        return Unread(versions.current())
    except ModelError:
        return None
