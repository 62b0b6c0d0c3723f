"""Cells that several lists show: pictures, badges and links."""

from __future__ import annotations

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from moderation.models import Analysis


def thumbnail(url: str) -> SafeString:
    """A small picture, loaded when it comes into view; nothing without an address."""
    if not url:
        return SafeString("")
    return format_html(
        '<img class="thumbnail" src="{}" alt="" width="48" height="48" loading="lazy" '
        'decoding="async">',
        url,
    )


def badge(text: str, kind: str = "") -> SafeString:
    """A word on a coloured ground; `kind` is flagged, passed, active or nothing."""
    return format_html('<span class="badge{}">{}</span>', f" is-{kind}" if kind else "", text)


def verdict_badge(analysis: Analysis | None) -> SafeString:
    """What became of an analysis, in one word."""
    if analysis is None:
        return badge("not analysed")
    if analysis.status != Analysis.Status.DONE:
        return badge(analysis.get_status_display().lower())
    if analysis.unreadable:
        return badge("not read")
    return badge("flagged", "flagged") if analysis.is_mismatch else badge("passed", "passed")


def link(to: Model, text: str) -> SafeString:
    """A link to the page of a row in the admin."""
    options = to._meta
    address = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[to.pk])
    return format_html('<a href="{}">{}</a>', address, text)


def list_link(address: str, query: str, text: str) -> SafeString:
    """A link to a list of the admin, filtered."""
    return format_html('<a href="{}?{}">{}</a>', reverse(address), query, text)
