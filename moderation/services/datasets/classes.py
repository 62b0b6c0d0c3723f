"""The two classes by name, for programs that show them: which one people said, and the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from moderation.clip import scoring

NAMES = ("mismatch", "match")  # by label


class Guess(NamedTuple):
    """The model's class, and how probable it held that to be (None before it was calibrated)."""

    name: str
    probability: float | None


def of_people(row: Mapping[str, Any]) -> str:
    return NAMES[row["label"]]


def of_model(row: Mapping[str, Any]) -> Guess | None:
    """None where the model could not read the text."""
    similarity, threshold, probability = (
        row[name] for name in ("similarity", "threshold_used", "p_mismatch")
    )
    if similarity is None or threshold is None:
        return None
    if scoring.judge(similarity, threshold=threshold).is_mismatch:
        return Guess(NAMES[0], probability)
    return Guess(NAMES[1], None if probability is None else 1 - probability)
