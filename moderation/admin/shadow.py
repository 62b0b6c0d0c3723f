"""Shadow reports: what a version would flag, with the photos it would change its mind about."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest

from moderation.models import ShadowReport
from moderation.services.queue import blind
from moderation.services.rules import photos

from .lists import ReadOnlyAdmin
from .person import person

_FLIPS = [
    ("newly_flagged", "Newly flagged", "These pass now and would come into the queue."),
    ("no_longer_flagged", "No longer flagged", "These are flagged now and would pass."),
]
_SIDES = [("mismatches", "Confirmed mismatches"), ("matches", "Dismissed: they match")]
CATEGORIES_SHOWN = 15
# The drawing, in its own units.
_BAR, _HEIGHT = 12, 120


@admin.register(ShadowReport)
class ShadowReportAdmin(ReadOnlyAdmin):
    """Read only; `manage.py reanalyze --model NAME --shadow` makes them."""

    list_display = ("version", "baseline", "created_at", "more", "fewer", "share")
    list_select_related = ("version", "baseline")
    list_filter = ("version",)
    change_form_template = "admin/moderation/shadowreport/change_form.html"

    @admin.display(description="Newly flagged")
    def more(self, shadow: ShadowReport) -> str:
        return f"{shadow.report['newly_flagged']:,}"

    @admin.display(description="No longer flagged")
    def fewer(self, shadow: ShadowReport) -> str:
        return f"{shadow.report['no_longer_flagged']:,}"

    @admin.display(description="Flags that change")
    def share(self, shadow: ShadowReport) -> str:
        return f"{shadow.report['flipped_share']:.2%}"

    def shown(self, request: HttpRequest, row: ShadowReport) -> dict[str, Any]:
        return _shown(row.report, to=person(request)) | {"subtitle": None}


def _shown(report: dict[str, Any], *, to: User) -> dict[str, Any]:
    """The report as its page shows it."""
    changed = [r for r in report["categories"] if r["newly_flagged"] or r["no_longer_flagged"]]
    return {
        "report": report,
        "flipped": f"{report['flipped_share']:.2%}",
        "categories": changed[:CATEGORIES_SHOWN],
        "categories_left": max(0, len(changed) - CATEGORIES_SHOWN),
        "decided": [(words, report["decided"][side]) for side, words in _SIDES],
        "histograms": _histograms(report),
        "flips": [
            (words, hint, report[flip], *_examples(report["examples"][flip], to=to))
            for flip, words, hint in _FLIPS
        ],
    }


def _examples(found: list[dict[str, Any]], *, to: User) -> tuple[list[dict[str, Any]], int]:
    """Those that this person may see, and of how many they may be asked blind."""
    kept_back = blind.products_kept_back([one["product"] for one in found], user=to)
    shown = [one for one in found if one["product"] not in kept_back]
    return [one | {"image_url": photos.url(one["image"])} for one in shown], len(kept_back)


def _histograms(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Bars of both versions on one scale, cut to the bins that hold anything."""
    found = report["histogram"]
    pairs = zip(found["before"], found["after"], strict=True)
    filled = [number for number, pair in enumerate(pairs) if any(pair)]
    if not filled:
        return []
    first, last = filled[0], filled[-1] + 1
    low = found["lowest"] + first * found["bin"]
    high = found["lowest"] + last * found["bin"]
    drawn = []
    for name, words in (("before", "Now"), ("after", "With this version")):
        counts = found[name][first:last]
        most, threshold = max(1, *counts), report[f"threshold_{name}"]
        bars = [
            {
                "x": _BAR * number,
                "y": round(_HEIGHT * (1 - count / most), 1),
                "height": round(_HEIGHT * count / most, 1),
                "is_flagged": low + (number + 1) * found["bin"] <= threshold + 1e-9,
                "words": f"{low + number * found['bin']:.2f}: {count:,}",
            }
            for number, count in enumerate(counts)
        ]
        drawn.append(
            {
                "words": words,
                "bars": bars,
                "width": _BAR * len(counts),
                "height": _HEIGHT,
                "at": round(_BAR * len(counts) * (threshold - low) / (high - low), 1),
                "low": f"{low:.2f}",
                "high": f"{high:.2f}",
                "threshold": f"{threshold:.3f}",
            }
        )
    return drawn
