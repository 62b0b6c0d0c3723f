"""What one threshold does to a catalogue, and what is known of that, in figures and in words."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.clip.statistics.catalogue_estimate import (
    Answer,
    CatalogueEstimate,
    Figure,
    Unknown,
    estimate,
)
from moderation.clip.statistics.cells import cells_of
from moderation.clip.statistics.scores_grid import on_grid

from ..estimates.present import Reading
from ..estimates.words import words


@dataclass(frozen=True)
class Effect:
    """The products that a threshold flags, what people said of them, and how good it is."""

    threshold: float
    flagged: int
    share: float  # of the catalogue
    judged: int
    wrong: int
    precision: Answer
    recall: Answer

    @property
    def precision_words(self) -> str:
        """“13 of 30, known”, “45 of 82 judged: 38% (31–46%)”, or why nobody knows."""
        if isinstance(self.precision, Unknown):
            return self.precision.why
        if self.judged == self.flagged:
            return f"{self.wrong:,} of {self.flagged:,}, known"
        return f"{self.judged:,} of {self.flagged:,} judged: {words(self.precision)}"

    @property
    def recall_words(self) -> str:
        """“76% (71–80%)”, “at least 28%”, or why nobody knows."""
        if isinstance(self.recall, Unknown):
            return self.recall.why
        known = isinstance(self.recall, Figure) and self.recall.is_exact
        return f"{words(self.recall)}{', known' if known else ''}"


def effect(reading: Reading, threshold: float) -> Effect:
    """Of the catalogue as it is read, as if this threshold flagged it."""
    cells = cells_of(reading.listings, reading.answers, threshold=on_grid(threshold))
    return effect_of(estimate(cells), threshold)


def effect_of(found: CatalogueEstimate, threshold: float) -> Effect:
    """Of a catalogue that this threshold flags."""
    return Effect(
        threshold=threshold,
        flagged=found.flagged,
        share=found.flagged / max(found.flagged + found.passed, 1),
        judged=found.judged,
        wrong=found.wrong,
        precision=found.precision,
        recall=found.recall,
    )
