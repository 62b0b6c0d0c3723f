"""The random samples to judge: the audit of what passed and of a part of what is flagged, and gold.

Labels of flagged products alone say nothing about what the model missed. So a random share of the
products that passed is reviewed too, and a random share of the flagged ones with them; moderators
see neither of the two kinds' scores, so they cannot tell one from the other. A draw is a hash of
the product's id: whatever is scored again, and by whatever model, the same products are drawn.

What passed near the threshold is drawn `NEAR_FACTOR` times as often: most of what the model missed
lies there, so a label is worth more there. Each item keeps the probability it was drawn with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import F, Q

from moderation.models import Analysis, ModelVersion, ReviewItem, SecondVerdict

FLAGGED, AUDIT = ReviewItem.Stratum.FLAGGED, ReviewItem.Stratum.AUDIT
REOPENED, UNREADABLE = ReviewItem.Stratum.REOPENED, ReviewItem.Stratum.UNREADABLE
PHOTO, JUDGE = ReviewItem.Stratum.PHOTO, ReviewItem.Stratum.JUDGE
# These come in by no draw, and of their main photo the model said nothing or that it fits: no
# figure is estimated from them.
BY_NO_DRAW = [REOPENED, UNREADABLE, PHOTO, JUDGE]

NEAR_FACTOR = 4.0
# Near: P(mismatch) is at least this share of its value at the threshold ...
NEAR_SHARE_OF_P = 0.25
# ... or, where nothing is calibrated, the similarity is at most this much above the threshold.
NEAR_UNCALIBRATED = 0.05
_MOST_KEPT = 0.1
# At this distance from the threshold an uncalibrated score leaves no doubt (“high confidence”).
_NO_DOUBT = 0.15
_LAST = -1.0  # of P(mismatch), and of minus a similarity


@dataclass(frozen=True)
class Entry:
    """How a product comes into the queue: why, with which probability, and whether at random."""

    stratum: ReviewItem.Stratum
    sampling_probability: float
    in_audit: bool


# What was decided before, then changed, and is neither flagged nor drawn now. Who changes a listing
# is no random draw, so nothing is estimated from these.
REOPENED_ENTRY = Entry(REOPENED, 1.0, in_audit=False)
UNREADABLE_ENTRY = Entry(UNREADABLE, 1.0, in_audit=False)
PHOTO_ENTRY = Entry(PHOTO, 1.0, in_audit=False)
JUDGE_ENTRY = Entry(JUDGE, 1.0, in_audit=False)


def random_number(external_id: str) -> float:
    """The number that decides whether a product is drawn for the audit: [0, 1), stable."""
    return _number("audit", external_id)


def random_order(external_id: str) -> float:
    """A product's place among the drawn, independent of whether and why it was drawn.

    So the first of them are at any time a fair sample of all of them.
    """
    return _number("order", external_id)


def drawn_for_gold(external_id: str) -> bool:
    """Whether a second moderator should judge this product too, whatever the model says of it."""
    return _number("gold", external_id) < settings.GOLD_SHARE


def kept_for_judging(external_id: str) -> bool:
    """Whether nothing may be learned from this product before people have judged it.

    What is drawn for gold, and what the audit draws at any score, but no more than a tenth of the
    shop: else a model that learned from all listings could be judged by gold alone.
    """
    drawn = random_number(external_id) < min(settings.AUDIT_SHARE, _MOST_KEPT)
    return drawn or drawn_for_gold(external_id)


def _number(drawing: str, external_id: str) -> float:
    """A number in [0, 1) that differs from drawing to drawing and never changes."""
    digest = hashlib.sha256(f"clipmod {drawing}\n{external_id}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def entry(
    row: Analysis, *, external_id: str, near: float, second: SecondVerdict | None = None
) -> Entry | None:
    """How the product of a finished analysis enters the queue, or None where it does not.

    `near` is the `near_margin` of the analysis' version, `second` what the second judge says.
    """
    if row.unreadable:
        return entry_of_unreadable()
    number = random_number(external_id)
    if row.is_mismatch:
        at_random = number < settings.AUDIT_FLAGGED_SHARE or drawn_for_gold(external_id)
        return Entry(FLAGGED, 1.0, in_audit=at_random)
    if row.similarity is None or row.threshold_used is None:
        return None
    is_near = row.similarity < row.threshold_used + near
    share = passed_share(is_near=is_near)
    if number < share:
        return Entry(AUDIT, share, in_audit=True)
    return entry_by_no_draw(row, second=second)


def entry_by_no_draw(row: Analysis, *, second: SecondVerdict | None) -> Entry | None:
    """How a product enters that passed by its main photo and was not drawn."""
    if row.misfit:
        return PHOTO_ENTRY
    return JUDGE_ENTRY if second is not None and second.is_mismatch else None


def passed_share(*, is_near: bool) -> float:
    """With which probability a product that passed is drawn."""
    return min(1.0, settings.AUDIT_SHARE * (NEAR_FACTOR if is_near else 1.0))


def entry_of_unreadable() -> Entry | None:
    """How a product enters the queue that the model cannot read: only where people want that."""
    return UNREADABLE_ENTRY if settings.REVIEW_UNREADABLE else None


def near_margin(version: ModelVersion) -> float:
    """How far above the threshold a passed product still counts as near, in cosine.

    The distance at which P(mismatch) has fallen to `NEAR_SHARE_OF_P` of its value at the
    threshold, found by halving. By the curve as it was fitted: what the audit finds out about the
    share of mismatches must not change with which probability the audit itself draws.
    """
    calibration = version.calibrated
    if calibration is None:
        return NEAR_UNCALIBRATED
    curve = calibration.as_fitted
    return _distance(lambda at: curve.p_mismatch(version.threshold + at))


def near_margin_below(version: ModelVersion) -> float:
    """How far below the threshold a flagged product still counts as near, in cosine.

    The counterpart: P(match) has fallen to `NEAR_SHARE_OF_P` of its value at the threshold.
    """
    calibration = version.calibrated
    if calibration is None:
        return NEAR_UNCALIBRATED
    curve = calibration.as_fitted
    return _distance(lambda at: 1 - curve.p_mismatch(version.threshold - at))


def _distance(probability: Callable[[float], float]) -> float:
    """Where a falling probability has only `NEAR_SHARE_OF_P` of its value at 0; by halving."""
    least = NEAR_SHARE_OF_P * probability(0.0)
    low, high = 0.0, 2.0
    for _ in range(24):
        middle = (low + high) / 2
        if probability(middle) > least:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True)
class Band:
    """Similarities near the threshold, on both sides of it: where a version is uncertain."""

    below: float
    above: float

    @classmethod
    def of(cls, version: ModelVersion) -> Band:
        return cls(below=near_margin_below(version), above=near_margin(version))

    def holds(self, row: Analysis) -> bool:
        """Whether the score of a finished analysis is in it."""
        if row.similarity is None or row.threshold_used is None:
            return False
        distance = row.similarity - row.threshold_used
        return -self.below <= distance < self.above

    @property
    def analyses(self) -> Q:
        """`holds`, by the database."""
        at = F("threshold_used")
        return Q(similarity__gte=at - self.below, similarity__lt=at + self.above)


def is_disputed(row: Analysis, second: SecondVerdict | None) -> bool:
    """Whether the two models say the opposite."""
    if second is None or second.is_mismatch is None or row.is_mismatch is None:
        return False
    return second.is_mismatch != row.is_mismatch


def suspicion(row: Analysis, second: SecondVerdict | None = None) -> float:
    """Order of the queue: P(mismatch) where calibrated, else minus the similarity.

    What is flagged near the threshold though the second judge lets it pass comes after all that is
    flagged without a word against it. A step, and no mean of two probabilities: so of what was
    judged alike the queue has a front in the score alone, as the estimates take it to have
    (`clip.statistics.cells`). What the model cannot read comes last.
    """
    if row.unreadable:
        return _LAST
    if row.is_mismatch and is_disputed(row, second):
        return _just_flagged(row)
    if row.p_mismatch is not None:
        return row.p_mismatch
    return -(row.similarity or 0.0)


def _just_flagged(row: Analysis) -> float:
    """The suspicion of a listing at the threshold: after all that the main photo flags."""
    threshold = row.threshold_used or 0.0
    p = row.model_version.p_mismatch(threshold)
    return -threshold if p is None else p


def uncertainty(row: Analysis, second: SecondVerdict | None = None) -> float:
    """How little is known: what the model does not know, and 1 more where the second disagrees."""
    return _own_uncertainty(row) + is_disputed(row, second)


def _own_uncertainty(row: Analysis) -> float:
    """How little the model knows, 0 to 1: 4p(1 - p), or nearness to the threshold without P."""
    if row.p_mismatch is not None:
        return 4 * row.p_mismatch * (1 - row.p_mismatch)
    if row.similarity is None or row.threshold_used is None:
        return 0.0
    return max(0.0, 1 - abs(row.similarity - row.threshold_used) / _NO_DOUBT)


def placed(
    item: ReviewItem, row: Analysis, entry: Entry, *, second: SecondVerdict | None = None
) -> ReviewItem:
    """The item as this analysis, the second judge and this way in make it; not saved."""
    item.analysis = row
    item.suspicion, item.uncertainty = suspicion(row, second), uncertainty(row, second)
    if entry.stratum == PHOTO:
        item.suspicion, item.uncertainty = _just_flagged(row), 0.0
    item.stratum, item.in_audit = entry.stratum, entry.in_audit
    item.sampling_probability = entry.sampling_probability
    return item
