"""What the page between upload and import shows: how the file is read, and what would become of it.

The dry run reads the whole file and each of its photos; the first listings are looked at alone
where it is not certain yet what the columns mean.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from moderation.models import Product
from moderation.services.catalogue.catalogue_import import import_catalogue
from moderation.services.catalogue.catalogue_photos import PhotoFolder
from moderation.services.catalogue.column_mapping import shown_title
from moderation.services.catalogue.column_questions import Outline, outline
from moderation.services.catalogue.fetching.glance import MOST
from moderation.services.catalogue.import_report import ImportReport
from moderation.services.catalogue.preview import first_listings

from . import import_mapping
from .import_preview import Card, card
from .import_state import Pending
from .person import person

ROWS_SHOWN = 500
_COLUMNS_TOLD = 300
_COLUMNS_NAMED = 20
_CATEGORIES_NAMED = 12
_QUICK_SECONDS = 3.0  # what takes longer is read again by a button, not at each change
_LOOK = "Look whether the listings below are right."


def page(request: HttpRequest, pending: Pending) -> tuple[Pending, dict[str, Any]]:
    """The upload as it is shown, and what its template takes. Raises `CatalogueFileError`."""
    started = time.monotonic()
    found = outline(pending.files.catalogue, pending.choice)
    question = found.question or ("" if pending.is_settled else _LOOK)
    report = None if question else run(request, pending, dry_run=True)
    cards = _cards(found, pending)
    kind = pending.kind
    if found.choice.profile != pending.choice.profile:
        kind = found.choice.profile  # the likeliest of several
    shown = replace(
        pending,
        kind=kind,
        choice=found.choice,
        shown=found.columns,
        addresses=[one.listing.address for one in cards if one.listing.address][:MOST],
        is_settled=not question,
    )
    context = _reading(shown, found) | _outcome(report, strict=pending.strict)
    return shown, context | {
        "question": question,
        "cards": cards,
        "is_quick": time.monotonic() - started < _QUICK_SECONDS,
    }


def run(request: HttpRequest, pending: Pending, *, dry_run: bool) -> ImportReport:
    """Import an upload; no path of it leads out of its ZIP or of `CLIP_IMAGE_ROOT`."""
    return import_catalogue(
        pending.files.catalogue,
        choice=pending.choice,
        image_base_path=pending.files.photos or settings.CLIP_IMAGE_ROOT,
        allow_absolute=False,
        dry_run=dry_run,
        strict=pending.strict,
        source=Product.Source.IMPORT,
        guess_categories=pending.guess_categories,
        by=person(request),
    )


def _cards(found: Outline, pending: Pending) -> list[Card]:
    if found.file is None:
        return []
    base = pending.files.photos or settings.CLIP_IMAGE_ROOT
    return [card(one) for one in first_listings(found.file, PhotoFolder(base, only_inside=True))]


def _reading(shown: Pending, found: Outline) -> dict[str, Any]:
    ignored = found.file.ignored if found.file else ()
    meaning = import_mapping.roles_of(found.columns)
    return {
        "file_name": shown.files.catalogue.name,
        "has_zip": shown.files.photos is not None,
        "token": shown.files.token,
        "guess_categories": shown.guess_categories,
        "kind": shown.kind,
        "kinds": import_mapping.kinds(),
        "saved_as": import_mapping.saved_as(shown.kind),
        "mapping": found.file.mapping if found.file else None,
        "assumed": found.file.assumed if found.file else "",
        "fields": import_mapping.fields(found.columns),
        "options": import_mapping.options(found.file_columns, found.columns),
        "file_columns": [
            (shown_title(column.title), column.samples, meaning.get(column.title, ""))
            for column in found.file_columns[:_COLUMNS_TOLD]
        ],
        "column_count": len(found.file_columns),
        "ignored": [shown_title(title) for title in ignored[:_COLUMNS_NAMED]],
        "ignored_more": max(len(ignored) - _COLUMNS_NAMED, 0),
    }


def _outcome(report: ImportReport | None, *, strict: bool) -> dict[str, Any]:
    return {
        "report": report,
        "told": len(report.rows_to_tell) if report else 0,
        "shown": report.rows_to_tell[:ROWS_SHOWN] if report else [],
        "may_confirm": report is not None and report.created + report.updated > 0,
        "strict": strict,
        "new_categories": sorted(report.new_categories.values()) if report else [],
        "categories_named": _CATEGORIES_NAMED,
    }
