"""Sources are added, changed and removed."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import transaction

from moderation import acts
from moderation.models import CatalogueSource, SourceListing

from . import due

# What decides how a file is read and what follows from it: after a change it is read again.
_READ_AGAIN = {"address", "profile", "columns", "missing"}


def save(source: CatalogueSource, *, changed: Collection[str], by: User | None) -> None:
    """Save a source of which these fields are new, and when it runs next."""
    is_new = source.pk is None
    if is_new:
        source.created_by = by
    if not _READ_AGAIN.isdisjoint(changed):
        source.etag = source.last_modified = ""
    with transaction.atomic():
        source.save()
        if is_new or not {"every_hours", "address"}.isdisjoint(changed):
            due.schedule(source)
    acts.note("added a source" if is_new else "changed a source", by=by, source=source.pk)


def remove(source: CatalogueSource, *, by: User | None) -> None:
    """Its listings stay as they are; that it has them, and what its runs did, is forgotten."""
    acts.note("removed a source", by=by, source=source.pk)
    with transaction.atomic():
        # A process at work on one ends its chunk first, and then finds that it has lost the run.
        list(source.runs.select_for_update().values_list("pk"))
        SourceListing.objects.filter(source=source).delete()
        source.runs.all().delete()
        source.delete()
