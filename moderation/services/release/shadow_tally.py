"""Flips, histograms and examples of two versions on the same products, in bounded memory."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from moderation.models import Decision

EXAMPLES = 50
# Cosines of any CLIP model lie within; what does not counts in the first or last bin.
LOWEST, HIGHEST, BIN = -0.3, 0.8, 0.02
BINS = round((HIGHEST - LOWEST) / BIN)

NEWLY, NO_LONGER = "newly_flagged", "no_longer_flagged"
_SIDES = {Decision.Verdict.CONFIRM: "mismatches", Decision.Verdict.DISMISS: "matches"}


class Comparison(NamedTuple):
    """One product under both versions; `before` and `after` are (similarity, threshold)."""

    product_id: int
    external_id: str
    text: str
    image: str
    category: str
    before: tuple[float, float] | None
    after: tuple[float, float]

    @property
    def was_flagged(self) -> bool:
        return self.before is not None and self.before[0] < self.before[1]

    @property
    def is_flagged(self) -> bool:
        return self.after[0] < self.after[1]

    @property
    def flip(self) -> str | None:
        """Which way the flag changes, if it does."""
        if self.before is None or self.was_flagged == self.is_flagged:
            return None
        return NEWLY if self.is_flagged else NO_LONGER

    @property
    def moved(self) -> float:
        """By how much the distance to the threshold changes: 0 is a flip that hardly is one."""
        similarity, threshold = self.before or (0.0, 0.0)
        return abs((self.after[0] - self.after[1]) - (similarity - threshold))

    def as_example(self) -> dict[str, Any]:
        similarity, threshold = self.before or (None, None)
        return {
            "product": self.product_id,
            "external_id": self.external_id,
            "text": self.text,
            "image": self.image,
            "category": self.category,
            "similarity_before": similarity,
            "threshold_before": threshold,
            "similarity_after": round(self.after[0], 6),
            "threshold_after": self.after[1],
        }


def _flips() -> dict[str, int]:
    return {"products": 0, NEWLY: 0, NO_LONGER: 0}


@dataclass
class Tally:
    """Counts over all products; of the flips only the clearest are kept as examples."""

    compared: int = 0
    not_compared: int = 0
    unreadable: int = 0  # photos
    texts_unread: int = 0
    stale: int = 0  # carried other scores than the current version would give them now
    photos_encoded: int = 0
    texts_encoded: int = 0
    flagged_before: int = 0
    flagged_after: int = 0
    categories: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(_flips))
    decided: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(_flips))
    before: list[int] = field(default_factory=lambda: [0] * BINS)
    after: list[int] = field(default_factory=lambda: [0] * BINS)
    _clearest: dict[str, list[tuple[float, int, Comparison]]] = field(
        default_factory=lambda: {NEWLY: [], NO_LONGER: []}
    )

    def add(self, pair: Comparison, *, verdict: str | None) -> None:
        """Count one product; `verdict` is what a person decided of its present content."""
        self.after[_bin(pair.after[0])] += 1
        if pair.before is None:
            self.not_compared += 1
            return
        self.before[_bin(pair.before[0])] += 1
        self.compared += 1
        self.flagged_before += pair.was_flagged
        self.flagged_after += pair.is_flagged
        counts = [self.categories[pair.category]]
        if verdict in _SIDES:
            side = self.decided[_SIDES[Decision.Verdict(verdict)]]
            side["flagged_before"] = side.get("flagged_before", 0) + pair.was_flagged
            side["flagged_after"] = side.get("flagged_after", 0) + pair.is_flagged
            counts.append(side)
        for count in counts:
            count["products"] += 1
            if pair.flip:
                count[pair.flip] += 1
        if pair.flip:
            self._keep(pair, self._clearest[pair.flip])

    @staticmethod
    def _keep(pair: Comparison, heap: list[tuple[float, int, Comparison]]) -> None:
        entry = (pair.moved, -pair.product_id, pair)
        if len(heap) < EXAMPLES:
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)

    def report(self) -> dict[str, Any]:
        """Everything as it is stored, printed and shown."""
        total = {
            name: sum(c[name] for c in self.categories.values()) for name in (NEWLY, NO_LONGER)
        }
        return {
            "compared": self.compared,
            "not_compared": self.not_compared,
            "unreadable": self.unreadable,
            "texts_unread": self.texts_unread,
            "stale": self.stale,
            "photos_encoded": self.photos_encoded,
            "texts_encoded": self.texts_encoded,
            "flagged_before": self.flagged_before,
            "flagged_after": self.flagged_after,
            **total,
            "flipped_share": sum(total.values()) / self.compared if self.compared else 0.0,
            "categories": sorted(
                ({"category": name, **counts} for name, counts in self.categories.items()),
                key=lambda row: (-int(row[NEWLY]) - int(row[NO_LONGER]), str(row["category"])),
            ),
            "decided": {side: self._decided(side) for side in _SIDES.values()},
            "histogram": {
                "lowest": LOWEST,
                "bin": BIN,
                "before": self.before,
                "after": self.after,
            },
            "examples": {
                flip: [pair.as_example() for *_, pair in sorted(heap, reverse=True)]
                for flip, heap in self._clearest.items()
            },
        }

    def _decided(self, side: str) -> dict[str, int]:
        return {"flagged_before": 0, "flagged_after": 0, **self.decided.get(side, _flips())}


def _bin(similarity: float) -> int:
    return min(max(int((similarity - LOWEST) / BIN), 0), BINS - 1)
