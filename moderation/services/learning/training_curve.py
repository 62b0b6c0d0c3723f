"""The curve of losses in words and in figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def in_words(curve: Sequence[dict[str, Any]]) -> str:
    """First, best and last validation loss, in a sentence; empty where none was measured."""
    judged = [point for point in curve if point.get("validation") is not None]
    if len(judged) < 2:
        return ""
    best = min(judged, key=lambda point: point["validation"])
    return (
        f"Validation loss: {judged[0]['validation']:.3f} at the start, best "
        f"{best['validation']:.3f} at step {best['step']:,.0f}, {judged[-1]['validation']:.3f} at "
        f"the end (step {judged[-1]['step']:,.0f})."
    )
