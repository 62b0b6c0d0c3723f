"""Listings are erased: their content is gone for good, that they were decided on is not.

Gone are photos, texts, ids, sellers, vectors, and what people wrote of them. What stays is without
content: the product's row, scores, verdicts and reasons, so that figures and the record stand. The
database refuses any other change of a decision; of one on an erased product it lets go of the note.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from moderation import acts
from moderation.models import (
    Analysis,
    Appeal,
    Decision,
    Delivery,
    Erasure,
    Explanation,
    Product,
    ProductPhoto,
    ReviewItem,
    SecondVerdict,
    ShadowReport,
    SourceListing,
)

from ..datasets import holding
from ..queries.one_parameter import among
from ..queries.streamed import streamed
from ..rules import many_photos, photos_away
from . import traces, withdrawal
from .traces import Traces

_CHUNK = 200

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


class NoReason(ValueError):
    """An erasure is answered for later: `str(error)` says that it needs a reason."""


@dataclass
class Report:
    """How much goes, or went, and the data sets that hold some of it and stay as they are."""

    products: int = 0
    analyses: int = 0
    decisions: int = 0
    appeals: int = 0
    deliveries: int = 0
    photos: int = 0
    photos_left: int = 0
    vectors: int = 0
    data_sets: list[holding.DataSet] = field(default_factory=list)

    def counts(self) -> list[str]:
        """For people."""
        left = f"photos that could not be deleted: {self.photos_left:,}, whose names are in the log"
        return [
            f"products: {self.products:,}",
            f"photos: {self.photos:,}",
            *([left] if self.photos_left else ()),
            f"vectors: {self.vectors:,}",
            f"content of analyses: {self.analyses:,}",
            f"of decisions: {self.decisions:,}",
            f"of appeals: {self.appeals:,}",
            f"of messages to the shop: {self.deliveries:,}",
        ]


def look(products: Sequence[int]) -> Report:
    """What `erase` would do; nothing is changed."""
    keys = _not_erased(products)
    report = Report(products=len(keys), data_sets=_data_sets(keys))
    for chunk in _chunks(keys):
        _count(chunk, traces.of(chunk), report)
    return report


def erase(
    products: Sequence[int], *, reason: str, by: User | None, progress: Progress | None = None
) -> Report:
    """Erase products, given by their keys, a few in each transaction; again does the rest.

    Raises `NoReason`, and `PhotosAway` where an object store does not answer.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise NoReason("The reason is missing; say why, such as “request of the seller”.")
    photos_away.check_store()
    keys = _not_erased(products)
    report = Report(products=len(keys), data_sets=_data_sets(keys))
    withdrawal.withdraw(keys, by=by)
    for done, chunk in enumerate(_chunks(keys)):
        began = timezone.now()
        found = _erase(chunk, report, reason=reason[:500], by=by)
        _remove(found, report, since=began)  # what is newer, another listing came with
        if progress:
            progress(min((done + 1) * _CHUNK, len(keys)), len(keys))
    caches["answers"].clear()
    return report


def _remove(found: Traces, report: Report, *, since: datetime) -> None:
    """After the rows, which may still come to be kept; a file is left rather than a row."""
    left = many_photos.remove(found.files, since=since)[1]
    report.photos -= len(left)
    report.photos_left += len(left)
    if left:
        logger.error("Photos that are erased could not be deleted: %s", ", ".join(left))


def _not_erased(products: Sequence[int]) -> list[int]:
    present = Product.objects.filter(among("pk", products), erasure=None)
    return list(present.order_by("pk").values_list("pk", flat=True))


def _chunks(keys: Sequence[int]) -> list[Sequence[int]]:
    return [keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK)]


def _data_sets(keys: Sequence[int]) -> list[holding.DataSet]:
    ids = set(Product.objects.filter(among("pk", keys)).values_list("external_id", flat=True))
    analyses = Analysis.objects.filter(among("product", keys)).order_by()
    shown = set(analyses.values_list("image_sha256", flat=True).distinct())
    return holding.data_sets(product_ids=ids, photos=shown) if keys else []


def _erase(keys: Sequence[int], report: Report, *, reason: str, by: User | None) -> Traces:
    with transaction.atomic():
        # Before the products, as a worker who answers locks them; its answer finds no row.
        running = Analysis.objects.running().filter(among("product", keys)).order_by("pk")
        list(running.select_for_update().values_list("pk"))
        running.order_by().delete()
        list(Product.objects.select_for_update().filter(among("pk", keys)).order_by("pk"))
        keys = _not_erased(keys)  # somebody else may have erased some meanwhile
        Analysis.objects.pending().filter(among("product", keys)).delete()
        found = traces.of(keys)
        _count(keys, found, report)
        found.vectors().delete()
        found.signatures().delete()
        found.views().delete()
        Erasure.objects.bulk_create([Erasure(product_id=key, reason=reason, by=by) for key in keys])
        _blank_what_was_said(keys)
        _blank_products(keys)
        acts.note("erased", by=by, products=list(keys))
    return found


def _count(keys: Sequence[int], found: Traces, report: Report) -> None:
    report.analyses += Analysis.objects.filter(among("product", keys)).count()
    report.decisions += _decisions(keys).count()
    report.appeals += _appeals(keys).count()
    report.deliveries += _deliveries(keys).count()
    report.photos += len(found.files)
    report.vectors += found.vectors().count()


def _decisions(keys: Sequence[int]) -> QuerySet[Decision]:
    return Decision.objects.filter(among("analysis__product", keys))


def _appeals(keys: Sequence[int]) -> QuerySet[Appeal]:
    return Appeal.objects.filter(among("decision__analysis__product", keys))


def _deliveries(keys: Sequence[int]) -> QuerySet[Delivery]:
    of_decision = among("decision__analysis__product", keys)
    return Delivery.objects.filter(of_decision | among("appeal__decision__analysis__product", keys))


# ── Each row without its content ──────────────────────────────────────────────────────────────
def _blank_products(keys: Sequence[int]) -> None:
    said = f"Erased on {date_format(timezone.localtime(), 'j F Y')}."
    products = Product.objects.in_bulk(keys)
    for product in products.values():
        product.external_id, product.text = f"erased-{uuid.uuid4()}", said
        product.seller = product.image_sha256 = product.content_hash = product.photos_hash = ""
        product.image.name = ""
    Product.objects.bulk_update(
        products.values(),
        ["external_id", "text", "seller", "image", "image_sha256", "photos_hash", "content_hash"],
    )
    analyses = Analysis.objects.filter(among("product", keys))
    Explanation.objects.filter(analysis__in=analyses).delete()
    SecondVerdict.objects.filter(analysis__in=analyses).update(error="")
    analyses.update(
        text=said,
        image="",
        image_sha256="",
        content_hash="",
        top_categories=[],
        parts=None,
        photos=None,
        error="",
    )
    ProductPhoto.objects.filter(among("product", keys)).delete()
    SourceListing.objects.filter(among("product", keys)).delete()
    kind = ContentType.objects.get_for_model(Product)
    LogEntry.objects.filter(content_type=kind, object_id__in=map(str, keys)).update(
        object_repr=said, change_message=""
    )
    with streamed(ShadowReport.objects.all()) as shadows:
        for shadow in shadows:
            _blank_examples(shadow, set(keys))


def _blank_examples(shadow: ShadowReport, keys: set[int]) -> None:
    examples = shadow.report.get("examples", {})
    kept = {
        flip: [one for one in listings if one["product"] not in keys]
        for flip, listings in examples.items()
    }
    if kept != examples:
        shadow.report["examples"] = kept
        shadow.save(update_fields=["report"])


def _blank_what_was_said(keys: Sequence[int]) -> None:
    """Notes, and what went out or came in about the products."""
    _decisions(keys).exclude(note="").update(note="")
    items = ReviewItem.objects.filter(among("product", keys))
    items.exclude(escalation_note="").update(escalation_note="")
    appeals = list(_appeals(keys))
    for appeal in appeals:
        appeal.reference, appeal.statement, appeal.answer = f"erased-{uuid.uuid4()}", "", ""
        appeal.evidence |= dict.fromkeys(_CONTENT & appeal.evidence.keys(), "")
    Appeal.objects.bulk_update(appeals, ["reference", "statement", "answer", "evidence"])
    deliveries = list(_deliveries(keys))
    for delivery in deliveries:
        data = delivery.payload["data"]
        data |= dict.fromkeys(_CONTENT & data.keys(), "")
        delivery.error = ""
        if delivery.state in (Delivery.State.WAITING, Delivery.State.SENDING):
            delivery.state = Delivery.State.CANCELLED
    Delivery.objects.bulk_update(deliveries, ["payload", "error", "state"])


# What of an appeal's evidence, and of a message to the shop, tells which listing it was.
_CONTENT = {
    *("product_id", "seller", "text", "text_read", "image", "image_sha256", "content_hash"),
    *("note", "reference", "answer"),
}
