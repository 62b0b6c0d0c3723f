"""Shares in words: “76% (71–80%)”, “43%” where it is counted, “at least 28%”."""

from __future__ import annotations

from moderation.clip.statistics.catalogue_estimate import Answer, AtLeast, Figure


def words(share: Answer | None) -> str:
    """With a decimal where shares are small; a dash where it is unknown."""
    if isinstance(share, AtLeast):
        return f"at least {percent(share.low, decimals=0)}"
    if not isinstance(share, Figure):
        return "–"
    decimals = 1 if share.high < 0.2 else 0
    value = percent(share.value, decimals=decimals)
    if share.is_exact:
        return value
    return f"{value} ({100 * share.low:.{decimals}f}–{percent(share.high, decimals=decimals)})"


def percent(share: float, *, decimals: int) -> str:
    """0.756 -> “76%”."""
    return f"{share:.{decimals}%}"
