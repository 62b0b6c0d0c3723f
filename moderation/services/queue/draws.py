"""With which probabilities each product was ever drawn for the random sample: kept with it.

A product's random numbers never change, so it is in the sample while its number lies below the
largest probability it ever had. What was judged by lot speaks for the products that were drawn as
it was; those that were not drawn have to be counted, and their rows say how they would have been.

Figures ask only which products were drawn alike. So products that were drawn before these columns
were there, or by a host of the release before, are all marked alike too, those that were drawn and
those that were not: with the probability that the items among them keep, which the setting of today
need not be. To mark the drawn alone with their own would part them from what they stand for.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet

from moderation.models import ModelVersion, Product, ReviewItem

from ..queries.one_parameter import among
from ..rules import sampling

# Analysed before these columns were there, or by the release before: so many are marked at once.
_AT_ONCE = 5000
# Fewer items do not tell with which probability a part of them was drawn.
_ITEMS_THAT_TELL = 3


def mark(products: Sequence[int], *, version: ModelVersion, drawn_before: bool = False) -> None:
    """Raise the probabilities of products, by key, to those of the analyses they point at now.

    `drawn_before`: by what their items tell of the draw, where enough of them do.
    """
    rows = Product.objects.filter(among("pk", products), analysis__model_version=version)
    near = F("analysis__threshold_used") + sampling.near_margin(version)
    passed = rows.filter(analysis__is_mismatch=False)
    flagged = rows.filter(analysis__is_mismatch=True)
    _raise(flagged, to=settings.AUDIT_FLAGGED_SHARE)
    sides = {
        True: passed.filter(analysis__similarity__lt=near),
        False: passed.filter(analysis__similarity__gte=near),
    }
    for is_near, side in sides.items():
        share = sampling.passed_share(is_near=is_near)
        _raise(side, to=_as_drawn(side, otherwise=share) if drawn_before else share)
    gold = settings.GOLD_SHARE
    flagged.filter(_below("gold_share", gold)).update(gold_share=gold)


def _raise(products: QuerySet[Product], *, to: float) -> None:
    below = products.filter(_below("audit_share", to))
    below.update(former_audit_share=F("audit_share"), audit_share=to)


def _as_drawn(products: QuerySet[Product], *, otherwise: float) -> float:
    """With which probability most of the items among products that passed were drawn."""
    items = ReviewItem.objects.filter(product__in=products, in_audit=True, second_of=None)
    shares = items.filter(stratum=sampling.AUDIT).order_by().values_list("sampling_probability")
    most = shares.annotate(count=Count("pk")).order_by("-count", "sampling_probability").first()
    return most[0] if most and most[1] >= _ITEMS_THAT_TELL else otherwise


def _below(column: str, share: float) -> Q:
    return Q(**{column: None}) | Q(**{f"{column}__lt": share})


def mark_unmarked() -> int:
    """Mark some of the products that no draw was noted of; how many there were."""
    by_version: dict[int, list[int]] = {}
    with transaction.atomic():
        # In one order, and past what others hold, so that none wait in a ring.
        rows = (
            Product.objects.present()
            .filter(audit_share=None, analysis__is_mismatch__isnull=False)
            .select_for_update(of=("self",), no_key=True, skip_locked=True)
            .order_by("pk")
        )
        for pk, version in rows.values_list("pk", "analysis__model_version")[:_AT_ONCE]:
            by_version.setdefault(version, []).append(pk)
        for row in ModelVersion.objects.filter(pk__in=by_version):
            mark(by_version[row.pk], version=row, drawn_before=True)
    return sum(map(len, by_version.values()))
