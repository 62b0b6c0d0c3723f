"""A shadow report as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moderation.models import ShadowReport

SHOWN = 5
_WIDTH = 30
_DECIDED = [("mismatches", "confirmed mismatches"), ("matches", "dismissed as matches")]


def as_text(shadow: ShadowReport) -> str:
    """The report in a screenful, with a few examples; the admin shows all with their photos."""
    return "\n".join(_lines(shadow))


def _lines(shadow: ShadowReport) -> Iterator[str]:
    report: dict[str, Any] = shadow.report
    yield f"{shadow.version} beside {shadow.baseline}, on {report['compared']:,} products"
    yield (
        f"Flags: {report['newly_flagged']:,} more, {report['no_longer_flagged']:,} fewer "
        f"({report['flipped_share']:.2%} change); {report['flagged_before']:,} flagged now, "
        f"{report['flagged_after']:,} then."
    )
    for side, words in _DECIDED:
        found = report["decided"][side]
        yield (
            f"Of {found['products']:,} {words}: {found['flagged_before']:,} flagged now, "
            f"{found['flagged_after']:,} then ({found['newly_flagged']:,} more, "
            f"{found['no_longer_flagged']:,} fewer)."
        )
    yield (
        f"Not compared: {report['not_compared']:,} without a score of their present content, "
        f"{report['unreadable']:,} with an unreadable photo."
    )
    if unread := report.get("texts_unread"):
        yield f"{unread:,} have a text that {shadow.version} does not read; it flags none of them."
    if stale := report.get("stale"):
        yield (
            f"{stale:,} carried scores of another version or threshold; they are compared as "
            f"{shadow.baseline} judges them now."
        )
    yield (
        f"{report['photos_encoded']:,} photos and {report['texts_encoded']:,} texts were encoded, "
        f"in {report['seconds']} s. Products, analyses and queue are as they were."
    )
    changed = [r for r in report["categories"] if r["newly_flagged"] or r["no_longer_flagged"]]
    if changed:
        yield f"\n{'Category':28} {'products':>9} {'more':>7} {'fewer':>7}"
    for row in changed[:15]:
        name = (row["category"] or "(none)")[:28]
        more, fewer = row["newly_flagged"], row["no_longer_flagged"]
        yield f"{name:28} {row['products']:>9,} {more:>7,} {fewer:>7,}"
    yield from _histogram(report["histogram"])
    for flip, words in (("newly_flagged", "Newly"), ("no_longer_flagged", "No longer")):
        for example in report["examples"][flip][:SHOWN]:
            yield (
                f"{words} flagged: {example['external_id']}  "
                f"{example['similarity_before']:.3f} -> {example['similarity_after']:.3f}  "
                f"{example['text'][:60]}"
            )


def _histogram(histogram: dict[str, Any]) -> Iterator[str]:
    before, after = histogram["before"], histogram["after"]
    most = max(1, *before, *after)
    yield f"\nSimilarity   {'now':{_WIDTH}}  then"
    for number, (now, then) in enumerate(zip(before, after, strict=True)):
        if now or then:
            low = histogram["lowest"] + number * histogram["bin"]
            bars = [f"{'#' * round(_WIDTH * count / most):{_WIDTH}}" for count in (now, then)]
            yield f"{low:+.2f}        {bars[0]}  {bars[1].rstrip()}".rstrip()
    yield ""
