"""What the worker finds before anybody asks: figures of pages that take long at many products."""

from __future__ import annotations

from moderation.clip.errors import ModelError
from moderation.clip.statistics.catalogue_estimate import Figure
from moderation.models import ModelVersion

from ..estimates import figures
from ..queue import draws
from ..registry import versions
from ..release import known_scores, prior
from ..scoring import stale
from . import quality, unread_texts


def prepare_figures() -> None:
    """Refresh what was found some minutes ago; what is found quickly costs no more than that."""
    draws.mark_unmarked()
    figures.prepare_catalogue()
    quality.prepare_quality()
    try:
        version = versions.current()
    except ModelError:
        return  # the pages say so; there are no scores to count
    _adopt_prevalence(version)
    known_scores.prepare_known_scores(version)
    stale.prepare_stale(version)
    unread_texts.prepare_unread_texts(version)


def _adopt_prevalence(version: ModelVersion) -> None:
    """Let probabilities be told for the share of wrong listings that the audit finds."""
    found = figures.overall().prevalence
    if isinstance(found, Figure):
        prior.adopt(version, prevalence=found.value, low=found.low, high=found.high)
