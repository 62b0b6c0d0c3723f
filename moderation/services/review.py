"""The moderation queue: what enters it, who holds an item, what is decided, skipped and undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Min
from django.utils import timezone

from moderation.models import Analysis, Decision, Product, ReviewItem, Skip

OPEN, DECIDED = ReviewItem.State.OPEN, ReviewItem.State.DECIDED
WITHDRAWN = ReviewItem.State.WITHDRAWN
UNDO = Decision.Verdict.UNDO


class ReviewError(Exception):
    """A review action that cannot be done; `str(error)` is a sentence for the moderator."""


class AlreadyDecided(ReviewError):  # noqa: N818 - the sentence is the name's point
    """Somebody else was faster, or the item left the queue."""


# ── What enters and leaves the queue ─────────────────────────────────────────────────────────
def follow(analyses: Sequence[Analysis]) -> None:
    """Let the queue follow finished analyses (in their transaction).

    A flagged product gets one open item; a product that is no longer flagged, or whose photo or
    text changed, loses it. What was decided stays decided while photo and text are the same.
    """
    newest = {row.product_id: row for row in sorted(analyses, key=lambda row: row.pk)}
    open_items = {
        item.product_id: item
        for item in ReviewItem.objects.open()
        .select_for_update()
        .filter(product__in=newest)
        .select_related("analysis")
    }
    decided = set(
        Decision.objects.standing()
        .filter(analysis__product__in=newest)
        .values_list("analysis__product_id", "analysis__content_hash")
    )
    present = dict(Product.objects.filter(pk__in=newest).values_list("pk", "content_hash"))
    created, moved, withdrawn = [], [], []
    for product_id, row in newest.items():
        item = open_items.get(product_id)
        if present[product_id] != row.content_hash or (item and item.analysis_id > row.pk):
            continue
        wanted = row.is_mismatch and (product_id, row.content_hash) not in decided
        if item and wanted and item.analysis.content_hash == row.content_hash:
            item.analysis, item.suspicion = row, suspicion(row)
            moved.append(item)  # the same item, so that whoever looks at it can still decide
            continue
        if item:
            withdrawn.append(item.pk)
        if wanted:
            created.append(
                ReviewItem(product_id=product_id, analysis=row, suspicion=suspicion(row))
            )
    ReviewItem.objects.bulk_update(moved, ["analysis", "suspicion"])
    ReviewItem.objects.filter(pk__in=withdrawn).update(state=WITHDRAWN)
    ReviewItem.objects.bulk_create(created)


def suspicion(row: Analysis) -> float:
    """Order of the queue: P(mismatch) where calibrated, else minus the similarity."""
    if row.p_mismatch is not None:
        return row.p_mismatch
    return -(row.similarity or 0.0)


def withdraw_changed(products: Sequence[Product]) -> None:
    """Close open items about a photo or text that the product no longer has (in a transaction).

    Nobody may decide on what is no longer offered; if the new content is flagged, it comes back.
    """
    changed = list(
        ReviewItem.objects.open()
        .filter(product__in=products)
        .exclude(analysis__content_hash=F("product__content_hash"))
        .values_list("pk", flat=True)
    )
    ReviewItem.objects.open().filter(pk__in=changed).update(state=WITHDRAWN)


# ── Claims ────────────────────────────────────────────────────────────────────────────────────
def claim_next(moderator: User) -> ReviewItem | None:
    """The item in this moderator's hands, or the most suspicious free one, claimed for them.

    The claim is one conditional UPDATE, so two moderators never hold the same item; the loser of
    a race just takes the next. None where nothing is left for this moderator.
    """
    held = ReviewItem.objects.held_by(moderator).order_by("claimed_until").first()
    if held is not None:
        return held if renew(held, moderator=moderator) else claim_next(moderator)
    while True:
        candidates = list(
            ReviewItem.objects.unclaimed()
            .not_skipped_by(moderator)
            .most_suspicious_first()
            .values_list("pk", flat=True)[:10]
        )
        if not candidates:
            return None
        for pk in candidates:
            if (
                ReviewItem.objects.unclaimed()
                .filter(pk=pk)
                .update(claimed_by=moderator, claimed_until=_lease_end())
            ):
                return ReviewItem.objects.get(pk=pk)


def claim(item: ReviewItem, *, moderator: User) -> bool:
    """Take this very item, if it is open and in nobody else's hands."""
    free_or_mine = ReviewItem.objects.unclaimed() | ReviewItem.objects.held_by(moderator)
    return bool(
        free_or_mine.filter(pk=item.pk).update(claimed_by=moderator, claimed_until=_lease_end())
    )


def renew(item: ReviewItem, *, moderator: User) -> bool:
    """Prolong the claim while the moderator looks at the item; False where it was lost."""
    return bool(
        ReviewItem.objects.held_by(moderator).filter(pk=item.pk).update(claimed_until=_lease_end())
    )


def release(moderator: User) -> int:
    """Give back everything this moderator holds."""
    return ReviewItem.objects.held_by(moderator).update(claimed_by=None, claimed_until=None)


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.REVIEW_LEASE_SECONDS)


# ── Decisions ─────────────────────────────────────────────────────────────────────────────────
def decide(
    item: ReviewItem,
    *,
    moderator: User,
    verdict: str,
    reason: str = "",
    wrong_side: str = "",
    note: str = "",
    seconds: float | None = None,
) -> Decision:
    """Confirm or dismiss an item and close it.

    A claim that ran out is no obstacle while nobody else took the item. Raises `AlreadyDecided`
    where somebody did, or where the item has left the queue, and `ReviewError` for a reason that
    does not go with the verdict.
    """
    _check_reason(verdict, reason)
    with transaction.atomic():
        free_or_mine = ReviewItem.objects.unclaimed() | ReviewItem.objects.held_by(moderator)
        # No other table in this condition: PostgreSQL does not look there again after a lock.
        if not free_or_mine.filter(pk=item.pk).update(
            state=DECIDED, claimed_by=None, claimed_until=None
        ):
            raise AlreadyDecided(who_was_faster(item))
        item = ReviewItem.objects.select_related("analysis", "product").get(pk=item.pk)
        # What was shown is the analysis' photo and text: it must be what the product still has.
        if item.analysis.content_hash != item.product.content_hash:
            raise AlreadyDecided("This item has left the queue: its photo or text changed.")
        return Decision.objects.create(
            item=item,
            analysis_id=item.analysis_id,
            moderator=moderator,
            verdict=verdict,
            reason=reason,
            wrong_side=wrong_side,
            note=note,
            seconds=seconds,
        )


def _check_reason(verdict: str, reason: str) -> None:
    allowed = Decision.REASONS_FOR.get(Decision.Verdict(verdict), [])
    if reason not in allowed:
        raise ReviewError(
            f"The reason {reason or 'was left out; it'} does not go with this decision; "
            f"choose one of: {', '.join(str(r.label) for r in allowed)}."
        )


def who_was_faster(item: ReviewItem) -> str:
    """Why an item cannot be had: who decided it, who holds it, or that it left the queue."""
    item = ReviewItem.objects.select_related("claimed_by").get(pk=item.pk)
    last = item.decisions.standing().select_related("moderator").first()
    if item.state == DECIDED and last:
        return f"{last.moderator} has already decided this item: {last.get_verdict_display()}."
    if item.state == OPEN and item.claimed_by:
        return f"{item.claimed_by} has this item in hand now."
    return "This item has left the queue: its photo or text changed, or it was scored anew."


def skip(item: ReviewItem, *, moderator: User) -> None:
    """Pass an item on to somebody else; it does not come back to this moderator."""
    with transaction.atomic():
        ReviewItem.objects.held_by(moderator).filter(pk=item.pk).update(
            claimed_by=None, claimed_until=None
        )
        Skip.objects.get_or_create(item=item, moderator=moderator)


def last_decision(moderator: User) -> Decision | None:
    """This moderator's newest verdict that stands: the one an undo would take back."""
    return (
        Decision.objects.standing()
        .filter(moderator=moderator)
        .select_related("item", "analysis")
        .order_by("-id")
        .first()
    )


def undo(*, moderator: User) -> ReviewItem:
    """Take back this moderator's last standing decision; the item reopens.

    The decision stays on record; a new row says that it was undone. The item comes back into this
    moderator's hands. Raises `ReviewError` where there is nothing to undo.
    """
    with transaction.atomic():
        last = last_decision(moderator)
        if last is None:
            raise ReviewError("There is no decision of yours to undo.")
        item = last.item
        # Locked, so that no analysis opens another item of the product meanwhile.
        product = Product.objects.select_for_update().get(pk=item.product_id)
        if ReviewItem.objects.open().filter(product=product).exists() or (
            product.content_hash != last.analysis.content_hash
        ):
            raise ReviewError(
                "This decision cannot be undone: the photo or text of the product has changed."
            )
        release(moderator)
        # Conditional, so that of two undos at the same moment only one reopens.
        if not ReviewItem.objects.filter(pk=item.pk, state=DECIDED).update(
            state=OPEN, claimed_by=moderator, claimed_until=_lease_end()
        ):
            raise ReviewError("This decision has just been undone.")
        Decision.objects.create(
            item=item,
            analysis_id=last.analysis_id,
            moderator=moderator,
            verdict=UNDO,
            corrects=last,
        )
    item.refresh_from_db()
    return item


# ── Counts ────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Counts:
    """The state of the queue at a glance."""

    open: int
    decided_today: int
    oldest: datetime | None


def counts() -> Counts:
    """Open items, verdicts that stand from today (in the site's time zone), oldest open item."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return Counts(
        open=ReviewItem.objects.open().count(),
        decided_today=Decision.objects.standing().filter(created_at__gte=midnight).count(),
        oldest=ReviewItem.objects.open().aggregate(at=Min("opened_at"))["at"],
    )
