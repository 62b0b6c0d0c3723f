"""What thresholds do to the catalogue: a table, the bands and the histogram of the page."""

from __future__ import annotations

from typing import Any

from moderation.services.release.threshold_targets import Evidence, Proposal

from .chart import Chart
from .threshold_chart import chart


def effects(found: Evidence, proposal: Proposal | None) -> dict[str, Any]:
    """For the template: of the thresholds that hold, and of those proposed, if any."""
    return {
        "rows": _rows(found, proposal),
        "bands": _bands(found, proposal),
        "chart": _chart(found, proposal),
    }


def _rows(found: Evidence, proposal: Proposal | None) -> list[dict[str, Any]]:
    """The lines of the table: what holds, and what is proposed, each with its effect."""
    version = found.version
    name = "Review, set" if found.still else "Review, now"
    lines = [(name, version.threshold), ("Clear mismatch, now", version.clear_threshold)]
    if proposal:
        lines += [
            ("Review, proposed", proposal.threshold),
            ("Clear mismatch, proposed", proposal.clear_threshold),
        ]
    rows = [
        {"name": name, "effect": found.effect(value), "is_new": name.endswith("proposed")}
        for name, value in lines
        if value is not None
    ]
    if found.still:
        rows.insert(0, {"name": "Review, in force", "effect": found.still.effect, "is_new": False})
    return rows


def _thresholds(found: Evidence, proposal: Proposal | None) -> tuple[float, float | None]:
    source = proposal or found.version
    return source.threshold, source.clear_threshold


def _bands(found: Evidence, proposal: Proposal | None) -> list[tuple[str, str, int, float]]:
    """(class, name, products, share of the catalogue), from clear mismatch to pass."""
    threshold, clear = _thresholds(found, proposal)
    below = found.catalogue.below
    flagged = below(threshold)
    clear_count = 0 if clear is None else below(clear)
    counts = [
        ("clear", "Clear mismatch", clear_count),
        ("review", "Review", flagged - clear_count),
        ("pass", "Pass", found.catalogue.total - flagged),
    ]
    total = found.catalogue.total or 1
    return [
        (css, name, count, count / total)
        for css, name, count in counts
        if css != "clear" or clear is not None
    ]


def _chart(found: Evidence, proposal: Proposal | None) -> Chart | None:
    threshold, clear = _thresholds(found, proposal)
    now = found.version.threshold
    former = now if now != threshold else None
    return chart(found.catalogue, threshold=threshold, clear=clear, former=former)
