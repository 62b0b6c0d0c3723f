"""A version's thresholds: what is known of them, what a target requires, and setting them.

Thresholds are similarities of products without category. Where the calibration has category
offsets, scores are first brought there (`Calibration.as_elsewhere`), so that one histogram and
one threshold stand for all. Categories with a threshold set by hand are excluded: no target
moves them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.contrib.auth.models import User
from django.db import transaction

from moderation.clip.errors import ClipError
from moderation.clip.statistics import thresholds
from moderation.clip.statistics.catalogue_estimate import CatalogueEstimate
from moderation.clip.statistics.cells import UNCLEAR
from moderation.clip.statistics.precision_threshold import by_precision
from moderation.clip.statistics.recall_threshold import by_recall
from moderation.clip.statistics.scores_grid import Histogram, on_grid
from moderation.models import ModelVersion, Product, VersionEvent

from ..estimates import figures, pace
from ..estimates.present import Reading
from ..registry import versions
from ..rules.thresholds import Thresholds, own_depends_on
from ..scoring import stale
from .known_scores import known_scores
from .threshold_effect import Effect, effect, effect_of

CLEAR_CONFIDENCE = 0.9

Kind = Literal["budget", "precision", "recall", "value"]


class ThresholdError(ClipError):
    """A target that gives no threshold; `str(error)` is a sentence for people."""


@dataclass(frozen=True)
class Target:
    """What the thresholds must reach. `amount`: items a day, a share from 0 to 1, or a value.

    `confidence` is for precision and, where given, for recall. `clear_precision` requests a band
    of clear mismatches that holds this precision; None leaves the band as it is, 0 removes it.
    """

    kind: Kind
    amount: float
    confidence: float | None = None
    arrivals: float | None = None
    clear_precision: float | None = None


@dataclass(frozen=True)
class Proposal:
    """Thresholds for a target, why, and what they do."""

    target: Target
    threshold: float
    clear_threshold: float | None
    sentences: list[str]


@dataclass(frozen=True)
class InForce:
    """By which threshold the catalogue is flagged now, and what all pages say of it.

    `why`: where that is not the version's, a sentence that says so.
    """

    threshold: float
    overall: CatalogueEstimate
    why: str = ""

    @property
    def effect(self) -> Effect:
        """What it does."""
        return effect_of(self.overall, self.threshold)


@dataclass(frozen=True)
class Evidence:
    """What is known of a version's scores: the catalogue's, and what people said of it."""

    version: ModelVersion
    catalogue: Histogram
    reading: Reading
    arrivals: float  # products a day
    cached_since: datetime | None  # None: as they are now
    in_force: InForce | None  # None: unknown, or of another version
    has_own: bool  # some products have a threshold of their own, and are not among these

    @property
    def judged(self) -> int:
        """Products of which people said whether they match."""
        return int((self.reading.answers.said != UNCLEAR).sum())

    @property
    def by_lot(self) -> int:
        """Of them, those of the random sample."""
        answers = self.reading.answers
        return int((answers.by_lot & (answers.said != UNCLEAR)).sum())

    def effect(self, threshold: float) -> Effect:
        """What this threshold would do to the catalogue; of the one in force, what it does."""
        now = self.in_force
        if now and not now.why and on_grid(threshold) == on_grid(now.threshold):
            return effect_of(now.overall, threshold)
        return effect(self.reading, threshold)

    @property
    def still(self) -> InForce | None:
        """What flags the catalogue, where it is another threshold than the version's."""
        return self.in_force if self.in_force and self.in_force.why else None


def evidence(version: ModelVersion) -> Evidence:
    """Scores and labels; of a large catalogue as they were some minutes ago."""
    known = known_scores(version)
    has_own = any(values for _, values in own_depends_on())
    return Evidence(
        version=version,
        catalogue=known.value.catalogue,
        reading=known.value.reading,
        arrivals=known.value.arrivals,
        cached_since=known.cached_since,
        in_force=None if has_own else _in_force(version),
        has_own=has_own,
    )


def _in_force(version: ModelVersion) -> InForce | None:
    if not versions.is_current(version):
        return None
    threshold, why = Thresholds(version).general, ""
    otherwise = stale.flagged_otherwise(version)
    products = sum(count for _, count in otherwise)
    scored = Product.objects.present().exclude(analysis__threshold_used=None)
    # A few that wait to be scored anew, or that failed, put no former threshold back in force.
    if otherwise and otherwise[0][1] > scored.count() - products:
        threshold = otherwise[0][0]
        are, most = "is" if products == 1 else "are", "most of them " if otherwise[1:] else ""
        why = (
            f"{products:,} product{'' if products == 1 else 's'} {are} still flagged as before, "
            f"{most}below {threshold:.3f}: that is in force until they are scored anew."
        )
    elif threshold != version.threshold:
        why = f"CLIP_SIMILARITY_THRESHOLD takes precedence: {threshold:.3f} is in force."
    return InForce(threshold, figures.overall(), why)


# ── Choosing ──────────────────────────────────────────────────────────────────────────────────
def propose(found: Evidence, target: Target) -> Proposal:
    """The thresholds that the target requires. Raises `ThresholdError` where nothing warrants it.

    A band of clear mismatches that the labels cannot warrant is left away, with a sentence.
    """
    threshold, sentence = _threshold(found, target)
    clear, more = _clear(found, target, threshold)
    warnings = _warnings(threshold, clear)
    return Proposal(target, threshold, clear, [sentence, *more, *warnings])


def _threshold(found: Evidence, target: Target) -> tuple[float, str]:
    if target.kind == "value":
        return target.amount, "Set by hand."
    if not found.catalogue.total:
        raise ThresholdError(
            f"No product of the catalogue was scored by {found.version.name} yet; run python "
            "manage.py reanalyze --stale, or set a value."
        )
    if target.kind == "budget":
        arrivals = found.arrivals if target.arrivals is None else target.arrivals
        if arrivals <= 0:
            raise ThresholdError("Nothing arrived in four weeks; say how many products a day do.")
        chosen = thresholds.by_budget(found.catalogue, reviews=target.amount, arrivals=arrivals)
        return chosen.threshold, chosen.sentence
    if target.kind == "precision":
        answer = by_precision(
            found.reading.listings,
            found.reading.answers,
            target=target.amount,
            confidence=target.confidence or CLEAR_CONFIDENCE,
        )
    else:
        answer = by_recall(
            found.reading.listings,
            found.reading.answers,
            target=target.amount,
            confidence=target.confidence,
            present=int(on_grid(found.version.threshold)),
        )
    if isinstance(answer, thresholds.ChosenThreshold):
        return answer.threshold, answer.sentence
    if isinstance(answer, thresholds.NotEnoughLabels):
        if answer.takes_all:
            raise ThresholdError(f"{answer.sentence}{pace.words_of_all()}")
        if target.kind == "recall":
            raise ThresholdError(f"{answer.sentence} {pace.pace().words(answer.more)}")
    raise ThresholdError(answer.sentence)


def _clear(found: Evidence, target: Target, threshold: float) -> tuple[float | None, list[str]]:
    if target.clear_precision is None:
        kept = found.version.clear_threshold
        return (None if kept is None else min(kept, threshold)), []
    if not target.clear_precision:
        return None, ["No band of clear mismatches."]
    # What is clear may be confirmed without a person, so it must hold for products to come.
    answer = by_precision(
        found.reading.listings,
        found.reading.answers,
        target=target.clear_precision,
        confidence=CLEAR_CONFIDENCE,
        of_new=True,
    )
    if isinstance(answer, thresholds.ChosenThreshold):
        return min(answer.threshold, threshold), [f"Clear mismatches: {answer.sentence}"]
    return None, [f"No band of clear mismatches: {answer.sentence}"]


def _warnings(threshold: float, clear: float | None) -> list[str]:
    said = "Clear mismatches reach up to the threshold: nothing is left for review."
    return [] if clear is None or clear < threshold else [said]


# ── Setting ───────────────────────────────────────────────────────────────────────────────────
def set_thresholds(
    version: ModelVersion, proposal: Proposal, *, by: User | None = None
) -> VersionEvent:
    """Let these thresholds hold for new analyses, and log what they replace.

    Finished analyses follow with `manage.py reanalyze --stale`.
    """
    chosen = {
        "threshold": proposal.threshold,
        "clear_threshold": proposal.clear_threshold,
        "thresholds_from": _as_json(proposal.target),
    }
    with transaction.atomic():
        locked = ModelVersion.objects.select_for_update().get(pk=version.pk)
        before = {name: getattr(locked, name) for name in chosen}
        for name, value in chosen.items():
            setattr(locked, name, value)
        locked.save(update_fields=list(chosen))
        event = VersionEvent.objects.create(
            version=locked,
            kind=VersionEvent.Kind.THRESHOLD,
            by=by,
            reason=" ".join(proposal.sentences)[:500],
            before=before,
            after=chosen,
        )
    version.refresh_from_db()
    return event


def _as_json(target: Target) -> dict[str, Any]:
    return {name: value for name, value in vars(target).items() if value is not None}
