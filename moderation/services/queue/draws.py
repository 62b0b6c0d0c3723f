"""With which probabilities each product was ever drawn for the random sample: kept with it.

A product's random numbers never change, so it is in the sample while its number lies below the
largest probability it ever had. What was judged by lot speaks for the products that were drawn as
it was; those that were not drawn have to be counted, and their rows say how they would have been.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from moderation.models import ModelVersion, Product

from ..queries.one_parameter import among
from ..rules import sampling

# Analysed before these columns were there, or by the release before: so many are marked at once.
_AT_ONCE = 5000


def mark(products: Sequence[int], *, version: ModelVersion) -> None:
    """Raise the probabilities of products, by key, to those of the analyses they point at now."""
    rows = Product.objects.filter(among("pk", products), analysis__model_version=version)
    near = F("analysis__threshold_used") + sampling.near_margin(version)
    passed = rows.filter(analysis__is_mismatch=False)
    flagged = rows.filter(analysis__is_mismatch=True)
    _raise(flagged, to=settings.AUDIT_FLAGGED_SHARE)
    _raise(passed.filter(analysis__similarity__lt=near), to=sampling.passed_share(is_near=True))
    _raise(passed.filter(analysis__similarity__gte=near), to=sampling.passed_share(is_near=False))
    gold = settings.GOLD_SHARE
    flagged.filter(_below("gold_share", gold)).update(gold_share=gold)


def _raise(products: QuerySet[Product], *, to: float) -> None:
    below = products.filter(_below("audit_share", to))
    below.update(former_audit_share=F("audit_share"), audit_share=to)


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
            mark(by_version[row.pk], version=row)
    return sum(map(len, by_version.values()))
