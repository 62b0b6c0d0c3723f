"""How thresholds, estimates and calibrations are said on their page."""

from __future__ import annotations

import math

from django import template

from moderation.clip.statistics.calibration import Calibration
from moderation.clip.statistics.labelled_scores import Estimate
from moderation.services.rules.probability import moved_categories

from .clipmod import percent

register = template.Library()


@register.filter
def estimate(found: Estimate | None) -> str:
    """“87% (80–92%)”, or that nobody knows."""
    if found is None:
        return "not enough labels"
    return f"{found.value:.0%} ({100 * found.low:.0f}–{found.high:.0%})"


@register.filter
def thousands(count: float) -> str:
    """1234.6 -> “1,235”; below ten one decimal, where there is one."""
    return f"{count:,.1f}" if count < 10 and count != round(count) else f"{count:,.0f}"


@register.filter
def tenth_percent(share: float) -> str:
    """0.0497 -> “5.0%”."""
    return f"{share:.1%}"


@register.filter
def p_at(similarity: float, calibration: Calibration) -> str:
    """P(mismatch) at a similarity, in percent."""
    return percent(calibration.p_mismatch(similarity))


@register.filter
def told_for(calibration: Calibration) -> str:
    """Which share of wrong listings the probabilities hold for, in a sentence."""
    presumed, audited = calibration.prior, calibration.prevalence
    if presumed is None:
        return "Its share of wrong listings is that of the labels it was fitted to."
    if audited is None:
        return (
            f"It presumes that {presumed:.1%} of all listings are wrong; once the audit shows "
            "another share, it is told for that one."
        )
    return (
        f"It is told for a shop where {audited:.1%} of all listings are wrong, as the audit has "
        f"found; the curve was fitted for {presumed:.1%}."
    )


@register.filter
def odds_by_category(calibration: Calibration) -> list[tuple[str, str]]:
    """(category, factor on the odds), the most suspicious first."""
    by_offset = [
        (calibration.offset(name), name) for name in moved_categories(calibration).values()
    ]
    return [(name, f"{math.exp(offset):.2f}") for offset, name in sorted(by_offset, reverse=True)]
