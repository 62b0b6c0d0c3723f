"""The pages of the admin. Importing this package registers them with the site."""

from . import (
    analysis,
    appeals,
    catalog,
    evaluations,
    photos,
    review,
    shadow,
    sources,
    tokens,
    trainings,
    versions,
    webhooks,
)

__all__ = [
    "analysis",
    "appeals",
    "catalog",
    "evaluations",
    "photos",
    "review",
    "shadow",
    "sources",
    "tokens",
    "trainings",
    "versions",
    "webhooks",
]
