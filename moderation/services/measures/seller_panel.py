"""One seller at a glance, and the sellers with the most confirmed mismatches recently.

Nothing here reads more than a bounded number of rows: of a seller with very many listings only so
many are looked at, and the figures say so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import Count as CountOf
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from moderation.clip.statistics.catalogue_estimate import Figure
from moderation.models import Decision, Product, ReviewItem
from moderation.models.querysets import ReviewItemQuerySet

from ..queries import cache
from ..queue.queue_filter import QueueFilter
from .queue_health import Count, count
from .team_figures import share

LOOKED_AT = 1_000  # of the newest listings of one seller
RECENT = 12
TOP_SINCE = timedelta(days=7)
TOP, FOUND = 20, 50
_PRODUCTS_AT_MOST, _OPEN_AT_MOST = 10_000, 200
CONFIRM = Decision.Verdict.CONFIRM


@dataclass(frozen=True)
class SellerPanel:
    """What is known of one seller.

    Of the newest listings, so many as `looked_at`, are: `flagged`, by their present analysis and
    not to be judged blind, and `judged` and `confirmed`, by people, “cannot be told” and what is
    to be judged blind once more excluded.
    """

    seller: str
    products: Count
    looked_at: int
    flagged: int
    open: Count
    judged: int
    confirmed: int
    confirmed_share: Figure | None
    reasons: list[tuple[str, int]]
    recent: list[Product]

    @property
    def queue_query(self) -> str:
        """What follows the “?” in the address of the queue with this seller's items alone."""
        return QueueFilter(seller=self.seller).query


@dataclass(frozen=True)
class SellerCount:
    """A seller with the recent verdicts."""

    seller: str
    judged: int
    confirmed: int


def seller_panel(seller: str) -> SellerPanel | None:
    """None where no present product is of this seller."""
    products = Product.objects.present().filter(seller=seller)
    looked_at = list(products.order_by("-pk").values_list("pk", flat=True)[:LOOKED_AT])
    if not looked_at:
        return None
    verdicts = _verdicts(looked_at)
    judged = sum(verdicts.values())
    confirmed = Counter(
        {reason: n for (verdict, reason), n in verdicts.items() if verdict == CONFIRM}
    )
    labels = dict(Decision.Reason.choices)
    return SellerPanel(
        seller=seller,
        products=count(products.order_by(), at_most=_PRODUCTS_AT_MOST),
        looked_at=len(looked_at),
        flagged=Product.objects.filter(pk__in=looked_at, analysis__is_mismatch=True)
        .filter(~Exists(_judged_blind()))
        .count(),
        open=count(
            ReviewItem.objects.open().filter(product__seller=seller).order_by(),
            at_most=_OPEN_AT_MOST,
        ),
        judged=judged,
        confirmed=confirmed.total(),
        confirmed_share=share(confirmed.total(), judged),
        reasons=[(str(labels.get(reason, reason)), n) for reason, n in confirmed.most_common()],
        recent=_recent(seller),
    )


def _verdicts(products: list[int]) -> Counter[tuple[str, str]]:
    """(verdict, reason) -> number, of first opinions by people that stand."""
    rows = (
        Decision.objects.labels()
        .by_people()
        .may_be_shown()
        .filter(item__product__in=products, item__second_of=None)
        .order_by()
        .values_list("verdict", "reason")
        .annotate(number=CountOf("pk"))
    )
    return Counter({(verdict, reason): number for verdict, reason, number in rows})


def _recent(seller: str) -> list[Product]:
    """The newest listings. `is_blind`: what the model says of it is hidden for now."""
    return list(
        Product.objects.present()
        .filter(seller=seller)
        .select_related("analysis", "category")
        .defer("analysis__top_categories")
        .annotate(is_blind=Exists(_judged_blind()))
        .order_by("-pk")[:RECENT]
    )


def _judged_blind() -> ReviewItemQuerySet:
    """The open item of a product of which the model's answer is hidden for now."""
    return ReviewItem.objects.blind().filter(product=OuterRef("pk"))


# ── Many sellers ──────────────────────────────────────────────────────────────────────────────
def top_sellers() -> list[SellerCount]:
    """Those with the most mismatches confirmed in the last week; from decisions alone."""
    return cache.value("sellers", [TOP, TOP_SINCE.days], _top_sellers)


def _top_sellers() -> list[SellerCount]:
    rows = (
        Decision.objects.labels()
        .by_people()
        .may_be_shown()
        .filter(created_at__gte=timezone.now() - TOP_SINCE, item__second_of=None)
        .exclude(item__product__seller="")
        .order_by()
        .values_list("item__product__seller")
        .annotate(judged=CountOf("pk"), confirmed=CountOf("pk", filter=Q(verdict=CONFIRM)))
        .filter(confirmed__gt=0)
        .order_by("-confirmed", "item__product__seller")[:TOP]
    )
    return [SellerCount(*row) for row in rows]


# From one name to the next along the index, so that a seller's own listings are not read. The
# operators are those of the index for beginnings (text_pattern_ops), which sorts by bytes.
_NAMES = """
WITH RECURSIVE found(seller) AS (
    SELECT * FROM (SELECT seller FROM moderation_product
        WHERE seller {from_} %(start)s AND seller {below} %(end)s AND seller <> ''
        ORDER BY seller {order} LIMIT 1) AS first
    UNION ALL
    SELECT (SELECT product.seller FROM moderation_product AS product
        WHERE product.seller {above} found.seller AND product.seller {below} %(end)s
        ORDER BY product.seller {order} LIMIT 1)
    FROM found WHERE found.seller IS NOT NULL
)
SELECT seller FROM found WHERE seller IS NOT NULL LIMIT %(most)s
"""
_BY_BYTES = {"from_": "~>=~", "below": "~<~", "above": "~>~", "order": "USING ~<~"}
_PLAIN = {"from_": ">=", "below": "<", "above": ">", "order": ""}


def sellers_starting_with(beginning: str) -> list[str]:
    """Up to `FOUND` sellers by name; upper and lower case differ."""
    operators = _BY_BYTES if connection.vendor == "postgresql" else _PLAIN
    values: dict[str, str | int] = {
        "start": beginning,
        "end": beginning + chr(0x10FFFF),
        "most": FOUND,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NAMES.format(**operators), values)
        return [row[0] for row in cursor.fetchall()]
