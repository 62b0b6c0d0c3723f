"""How scores are said and drawn."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone

from moderation.admin import signs as hidden_signs
from moderation.models import Analysis

register = template.Library()
register.filter("signs", hidden_signs.shown)

# The scale of the drawing: cosines below or above hardly occur in any CLIP model.
_LOWEST, _HIGHEST = -0.1, 0.6


@register.filter
def percent(probability: float | None) -> str:
    """0.934 -> “93%”; the ends are never rounded to certainty."""
    if probability is None:
        return "–"
    if probability > 0.99:
        return ">99%"
    return "<1%" if probability < 0.01 else f"{probability:.0%}"


@register.filter
def score(similarity: float | None) -> str:
    """0.1234 -> “0.12”, with a true minus sign."""
    return "–" if similarity is None else f"{similarity:.2f}".replace("-", "−")


@register.filter
def odds(probability: float) -> str:
    """A calibrated P(mismatch) as people count: “about 9 in 10”."""
    if probability >= 0.95:
        return "nearly all"
    if probability < 0.01:
        return "fewer than 1 in 100"
    if probability >= 0.25:
        return f"about {round(10 * probability)} in 10"
    return f"about 1 in {round(1 / probability)}"


@register.inclusion_tag("admin/scale.html")
def similarity_scale(analysis: Analysis) -> dict[str, Any]:
    """A line from low to high similarity with the threshold and where this pair stands."""
    similarity, threshold = analysis.similarity, analysis.threshold_used
    if similarity is None or threshold is None:
        return {}
    low, high = min(_LOWEST, similarity, threshold), max(_HIGHEST, similarity, threshold)

    def place(value: float) -> str:
        return f"{100 * (value - low) / (high - low):.1f}%"

    return {"analysis": analysis, "at": place(similarity), "threshold_at": place(threshold)}


@register.inclusion_tag("admin/categories.html")
def likely_categories(analysis: Analysis, count: int = 3) -> dict[str, Any]:
    """The most likely categories of the photo with small bars."""
    return {
        "rows": [
            (row["category"], row["score"], f"{100 * row['score']:.1f}%")
            for row in analysis.top_categories[:count]
        ]
    }


@register.filter
def duration(seconds: float) -> str:
    """A time span in its largest unit: “40 s”, “12 min”, “3 h”, “5 days”."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size * (2 if unit == "days" else 1):
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


@register.filter
def age(moment: datetime) -> str:
    """How long ago something was, in its largest unit."""
    return duration((timezone.now() - moment).total_seconds())


@register.filter
def ago(moment: datetime) -> str:
    """When something was: “just now”, “12 min ago”."""
    past = timezone.now() - moment
    return "just now" if past < timedelta(seconds=5) else f"{age(moment)} ago"
