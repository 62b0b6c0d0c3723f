"""What enters the moderation queue, what leaves it, and how full it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, F, Min
from django.utils import timezone

from moderation.models import (
    Analysis,
    AutomaticAction,
    Decision,
    Product,
    ReviewItem,
    SecondVerdict,
)

from ..integration import webhooks
from ..queries.one_parameter import among
from ..queries.update_each import update_each
from ..registry import versions
from ..rules import sampling
from ..rules.thresholds import Thresholds, traits
from . import review_claims, second_verdicts

OPEN, DECIDED = ReviewItem.State.OPEN, ReviewItem.State.DECIDED
WITHDRAWN = ReviewItem.State.WITHDRAWN

_FOLLOWS = [
    *("analysis", "suspicion", "uncertainty"),
    *("stratum", "sampling_probability", "in_audit", "random_order"),
]


def follow(analyses: Sequence[Analysis]) -> None:
    """Let the queue follow finished analyses (in their transaction, their products locked).

    A flagged product, or one in the random sample, gets one open item; a product that is neither
    any longer, or whose photo or text changed, loses it; one that was withdrawn gets none. What
    people decided stays decided while photo and text are the same, and is asked again once they
    changed, whatever the model says of them.
    """
    newest = {row.product_id: row for row in sorted(analyses, key=lambda row: row.pk)}
    open_items, past = _open_items(newest), _past(newest)
    asked = {row.model_version for row in newest.values()}
    margins = {version: sampling.near_margin(version) for version in asked}
    verdicts = second_verdicts.present_on([row.pk for row in newest.values()])
    created, moved, withdrawn = [], [], []
    products = Product.objects.present().filter(pk__in=newest)
    for pk, content_hash, external_id, current in products.values_list(
        "pk", "content_hash", "external_id", "analysis"
    ):
        row, item = newest[pk], open_items.get(pk)
        if content_hash != row.content_hash or (current or 0) > row.pk:
            continue  # of a previous photo or text, or a late answer: the product has a newer one
        same = item if item and item.analysis.content_hash == row.content_hash else None
        if same and same.second_of_id:
            continue  # it asks about what was decided, whatever the model says now
        entry, is_decided = None, (pk, content_hash) in past.decided
        second = verdicts.get(row.pk)
        if not is_decided:
            entry = sampling.entry(
                row, external_id=external_id, near=margins[row.model_version], second=second
            )
            entry = _kept(same, row, entry, second=second) if same else entry
        order = sampling.random_order(external_id)
        if same and entry:
            # The same item, so that the person looking at it can still decide.
            same.random_order = order  # items older than the audit have none
            moved.append(sampling.placed(same, row, entry, second=second))
            continue
        withdrawn += [item] if item else []
        previous = past.previous.get(pk)
        if entry is None and previous in past.by_people and not is_decided:
            entry = sampling.REOPENED_ENTRY
        if entry:
            fresh = ReviewItem(product_id=pk, random_order=order, reopens_id=previous)
            created.append(sampling.placed(fresh, row, entry, second=second))
    update_each(moved, _FOLLOWS)
    ReviewItem.objects.filter(pk__in=[item.pk for item in withdrawn]).update(state=WITHDRAWN)
    _open(created)


def _open_items(products: Iterable[int]) -> dict[int, ReviewItem]:
    """The open item of each product, locked."""
    items = ReviewItem.objects.open().select_for_update().filter(product__in=products)
    items = items.select_related("analysis").defer("analysis__top_categories")
    return {item.product_id: item for item in items}


@dataclass
class _Past:
    """What was decided of some products: by content, and the newest of a previous content."""

    decided: set[tuple[int, str]] = field(default_factory=set)
    previous: dict[int, int] = field(default_factory=dict)
    by_people: set[int] = field(default_factory=set)  # of the previous ones


def _past(newest: dict[int, Analysis]) -> _Past:
    past = _Past()
    standing = (
        Decision.objects.standing()
        .filter(analysis__product__in=newest, item__second_of=None)
        .order_by("pk")
        .values_list("pk", "analysis__product_id", "analysis__content_hash", "mode")
    )
    for pk, product_id, content_hash, mode in standing:
        past.decided.add((product_id, content_hash))
        if content_hash != newest[product_id].content_hash:
            past.previous[product_id] = pk
            if mode != Decision.Mode.AUTOMATIC:
                past.by_people.add(pk)
    return past


def _kept(
    item: ReviewItem,
    row: Analysis,
    entry: sampling.Entry | None,
    *,
    second: SecondVerdict | None,
) -> sampling.Entry | None:
    """The way in of an item that is open already and was scored again.

    What was drawn stays drawn though its score moved, with the highest probability it ever had:
    that is the one with which products of this history are in the queue. Not so where the model
    cannot read it any longer: then it did not pass. What the second judge brought in stays while
    that is asked again.
    """
    if row.unreadable:
        return sampling.REOPENED_ENTRY if item.stratum == sampling.REOPENED else entry
    if item.stratum == sampling.AUDIT and not row.is_mismatch:
        share = max(item.sampling_probability, entry.sampling_probability if entry else 0.0)
        return sampling.Entry(sampling.AUDIT, share, in_audit=True)
    if entry and item.in_audit:
        return sampling.Entry(entry.stratum, entry.sampling_probability, in_audit=True)
    if entry is None and item.stratum == sampling.REOPENED:
        return sampling.REOPENED_ENTRY
    if entry is None and item.stratum == sampling.JUDGE and second and not second.answered_at:
        return sampling.JUDGE_ENTRY
    return entry


def _open(items: Sequence[ReviewItem]) -> None:
    """Save new items; clear mismatches are confirmed at once where a lead has turned that on."""
    switch = AutomaticAction.objects.first() if items else None
    clear = _clear(items) if switch is not None and switch.is_on else []
    for item in clear:
        item.state = DECIDED
    ReviewItem.objects.bulk_create(items)
    confirmed = Decision.objects.bulk_create(
        _confirmation(item, by=switch) for item in clear if switch is not None
    )
    webhooks.announce(confirmed)


def _confirmation(item: ReviewItem, *, by: AutomaticAction) -> Decision:
    return Decision(
        item=item,
        analysis_id=item.analysis_id,
        moderator_id=by.by_id,
        verdict=Decision.Verdict.CONFIRM,
        reason=Decision.Reason.OTHER_PRODUCT,
        note="Confirmed by its score: automatic action on clear mismatches is on.",
        mode=Decision.Mode.AUTOMATIC,
        stratum=item.stratum,
        sampling_probability=item.sampling_probability,
    )


def _clear(items: Sequence[ReviewItem]) -> list[ReviewItem]:
    """Those in their band of clear mismatches, and not drawn for people to judge."""
    flagged = [item for item in items if item.stratum == sampling.FLAGGED and not item.in_audit]
    if not flagged:
        return []
    products = Product.objects.in_bulk([item.product_id for item in flagged])
    limits, clear = Thresholds(versions.current()), []
    for item in flagged:
        row = item.analysis
        if row.model_version_id != limits.version.pk:
            continue  # the band was warranted, and turned on, for the version that answers now
        has = traits(products[item.product_id])
        limit = limits.clear_of(has, override=row.threshold_override)
        if limit is not None and row.similarity is not None and row.similarity < limit:
            clear.append(item)
    return clear


def ask_second(item: ReviewItem) -> None:
    """Open a blind second opinion on an item that was just decided (its product locked).

    One that an undo withdrew opens again; one that somebody gave already stays given.
    """
    second = ReviewItem.objects.filter(second_of=item).first()
    if second is None:
        ReviewItem.objects.create(
            product_id=item.product_id,
            analysis_id=item.analysis_id,
            second_of=item,
            stratum=item.stratum,
            sampling_probability=item.sampling_probability,
            suspicion=item.suspicion,
            uncertainty=item.uncertainty,
            random_order=item.random_order,
            in_audit=item.in_audit,
        )
    elif second.state == WITHDRAWN:
        ReviewItem.objects.filter(pk=second.pk).update(
            state=OPEN,
            analysis=item.analysis_id,
            escalated_at=None,
            escalated_by=None,
            escalation="",
            escalation_note="",
            escalated_blind=False,
            **review_claims.FREE,
        )


def withdraw_changed(products: Iterable[Product]) -> None:
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


def withdraw(products: Sequence[int]) -> None:
    """Close the open items of products, given by their keys, that are withdrawn (locked)."""
    waiting = ReviewItem.objects.open().filter(among("product", products))
    waiting.update(state=WITHDRAWN, **review_claims.FREE)


# ── Counts ────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Counts:
    """The state of the queue at a glance."""

    open: int
    decided_today: int
    oldest: datetime | None


def counts() -> Counts:
    """Open items, people's verdicts that stand from today (in the site's time zone), oldest."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    waiting = ReviewItem.objects.open().aggregate(items=Count("*"), oldest=Min("opened_at"))
    return Counts(
        open=waiting["items"],
        decided_today=Decision.objects.standing()
        .by_people()
        .filter(created_at__gte=midnight)
        .count(),
        oldest=waiting["oldest"],
    )
