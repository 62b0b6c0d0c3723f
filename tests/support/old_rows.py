"""Rows that have been there for long."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F, Model

from moderation.models import Analysis

YEAR = timedelta(days=365)


def age(model: type[Model], *fields: str, by: timedelta = YEAR, **which: object) -> None:
    """Move these moments of all rows, or of `which`, into the past."""
    rows = model._default_manager.filter(**which)
    rows.update(**{name: F(name) - by for name in fields})


def age_analyses(**which: object) -> None:
    """All analyses, or `which`, were made and finished a year ago."""
    age(Analysis, "created_at", "finished_at", **which)
