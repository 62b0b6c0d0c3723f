"""The pages of the admin. Importing this package registers them with the site."""

from . import analysis, catalog, evaluations, review, shadow, trainings, versions

__all__ = ["analysis", "catalog", "evaluations", "review", "shadow", "trainings", "versions"]
