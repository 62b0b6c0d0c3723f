"""Rows that have been there for long."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F, Model

from moderation.models import Analysis

YEAR = timedelta(days=365)


def age(model: type[Model], *fields: str, by: timedelta = YEAR) -> None:
    """Move these moments of all rows into the past."""
    model._default_manager.update(**{name: F(name) - by for name in fields})


def age_analyses() -> None:
    """All analyses were made and finished a year ago."""
    age(Analysis, "created_at", "finished_at")
