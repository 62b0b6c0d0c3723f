"""Signs that nobody sees, shown as what they are.

A seller can write a text that a browser shows in another order than it is read (“Trojan Source”,
CVE-2021-42574), or hide words behind control characters. In the place of each such sign its code is
shown, which does nothing.
"""

from __future__ import annotations

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from moderation.models.hidden_signs import HIDDEN, code_of, name_of


def shown(text: object) -> SafeString:
    """The text for a page: escaped, with a mark in the place of each sign that hides."""
    said, end = str(text), 0
    parts: list[str] = []
    for found in HIDDEN.finditer(said):
        parts += [escape(said[end : found.start()]), _mark(found[0])]
        end = found.end()
    return mark_safe("".join([*parts, escape(said[end:])]))  # each part is escaped


def _mark(sign: str) -> SafeString:
    code, name = code_of(sign), name_of(sign)
    return format_html('<span class="hidden-sign" title="{}">{}</span>', name, code)
