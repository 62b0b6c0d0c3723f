"""The pages of the admin. Importing this package registers them with the site."""

from . import analysis, catalog, review, training

__all__ = ["analysis", "catalog", "review", "training"]
