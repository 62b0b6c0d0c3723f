"""How often versions were compared on the same decisions: chance finds the lucky one in the end.

- Each comparison with the present active version counts, whoever asked and whatever came of it. So
  does a version that was only evaluated on gold and audit: who chooses among figures has looked.
- The same weights and probabilities, asked about again before another pair was judged, are the same
  attempt: the answer is the same too.
- A former comparison counts as long as half of the wrong listings of today were judged by then: one
  that knew less than half of them was made on other decisions. One pair more changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from moderation.models import Evaluation, ModelVersion

from ..registry.version_log import PREVALENCE
from .judged_pairs import LabelledPair

GOLD_AND_AUDIT = "gold and audit"  # the name of these pairs in `Evaluation.dataset`
SAME_SHARE = 0.5


@dataclass(frozen=True)
class Attempt:
    """Which comparison on these decisions one is, and what lets the former ones be forgotten."""

    number: int
    advice: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def contender(version: ModelVersion) -> str:
    """What of a version a comparison is about: its weights and its curve, whatever its name."""
    # The audited share of mismatches belongs to the shop, not to what is tried.
    curve = {name: value for name, value in version.calibration.items() if name != PREVALENCE}
    what = [version.weights_sha256 or version.pk, version.files_sha256]
    said = json.dumps([*what, version.platt_a, version.platt_b, curve], sort_keys=True)
    # With a letter first: SQLite's JSON would give a hash of digits back as a number.
    return f"c{hashlib.sha256(said.encode()).hexdigest()[:16]}"


def this_one(
    candidate: ModelVersion, active: ModelVersion, pairs: Sequence[LabelledPair]
) -> Attempt:
    """Which attempt on these pairs it is to compare the candidate with the active version now."""
    gold = _Gold(pairs)
    asked = contender(candidate), gold.judged_by(None)
    compared: dict[tuple[str, int], datetime] = {}
    looked_at: dict[str, datetime] = {}
    for who, baseline, at in _former(active):
        if not gold.is_same_as(at):
            continue
        if baseline is None:
            looked_at.setdefault(who, at)
            continue
        if (who, gold.judged_by(at)) == asked:
            break  # the number that it had then
        compared.setdefault((who, gold.judged_by(at)), at)
    named = {who for who, _ in compared} | {asked[0], contender(active)}
    others = [at for who, at in looked_at.items() if who not in named]
    former = [*compared.values(), *others]
    if not former:
        return Attempt(1)
    return Attempt(len(former) + 1, gold.advice(max(former)))


def _former(active: ModelVersion) -> list[tuple[str, int | None, datetime]]:
    """Contender, baseline and time of what was found on gold and audit so far, oldest first."""
    compared = Q(baseline=active)
    looked_at = Q(baseline=None)
    if active.activated_at is not None:
        looked_at &= Q(created_at__gte=active.activated_at)
    rows = list(
        Evaluation.objects.filter(compared | looked_at, dataset=GOLD_AND_AUDIT)
        .order_by("pk")
        .values_list("report__contender", "version", "baseline", "created_at")
    )
    # Rows from before this was kept: for all that is known, the version has not changed since.
    old = ModelVersion.objects.in_bulk({pk for who, pk, _, _ in rows if not who})
    return [(who or contender(old[pk]), baseline, at) for who, pk, baseline, at in rows]


class _Gold:
    """The pairs of one comparison, by when they were judged."""

    def __init__(self, pairs: Sequence[LabelledPair]) -> None:
        self.pairs = pairs
        self.wrong = [pair for pair in pairs if pair.label == 0]

    def judged_by(self, moment: datetime | None) -> int:
        """How many pairs there were at that moment (None: now)."""
        return _count(self.pairs, moment)

    def is_same_as(self, moment: datetime) -> bool:
        """Whether much of what it is judged by today was there at that moment."""
        return _count(self.wrong, moment) >= SAME_SHARE * len(self.wrong)

    def advice(self, newest: datetime) -> str:
        """How many wrong listings more let the comparisons up to this moment be forgotten."""
        more = int(_count(self.wrong, newest) / SAME_SHARE) + 1 - len(self.wrong)
        return (
            f"Once {more:,} more wrong listings of the audit or the gold set are judged, the "
            "comparisons until now count no more; more decisions make each comparison sharper, too."
        )


def _count(pairs: Sequence[LabelledPair], moment: datetime | None) -> int:
    return sum(
        moment is None or pair.judged_at is None or pair.judged_at <= moment for pair in pairs
    )
