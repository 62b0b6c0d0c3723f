"""Taking the demo shop out again: its products with all that was made of them, and its logins.

Nothing else goes. What a demo login did to products of one's own stays, and so does the login then,
without its password; so do photos, vectors and categories that other products use as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet

from moderation.clip.prompts import DEFAULT_CATEGORIES
from moderation.models import (
    Analysis,
    Appeal,
    Category,
    Decision,
    Delivery,
    Embedding,
    PhotoSignature,
    Product,
    ProductPhoto,
    SimilarGroup,
)

from ..encoding import embeddings
from ..rules import many_photos
from . import demo, demo_logins
from .erasing import decisions_erasable

# As they are told to people, in this order.
_COUNTED = (
    *("products", "analyses", "items of the queue", "decisions", "appeals", "messages of webhooks"),
    *("photos", "drawings", "categories", "logins"),
)


@dataclass
class Removed:
    """How much went, by its name for people, and what stayed, in sentences."""

    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(_COUNTED, 0)))
    kept: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Traces:
    """What products leave beside their rows: photos by name, contents by hash, categories."""

    photos: set[str]
    images: set[str]
    texts: set[str]
    categories: set[int]


def found() -> int:
    """How many demo products there are to remove."""
    return _products().count()


def remove() -> Removed:
    """Remove the demo shop; where there is none, nothing happens. Raises `erasing.NotPermitted`."""
    removed = Removed()
    with decisions_erasable():
        products = list(_products().values_list("pk", flat=True))
        traces = _traces(products)
        if bound := _demo().exclude(pk__in=products).count():
            removed.kept.append(
                f"Demo products that stay: {bound}. Decisions on products of yours were taken over "
                "from theirs."
            )
        _erase(products, removed.counts)
        _sweep(traces, removed.counts)
        demo_logins.remove(removed.counts, removed.kept)
    _files(traces, removed.counts, removed.kept)
    return removed


def _demo() -> QuerySet[Product]:
    return Product.objects.filter(source=Product.Source.DEMO)


def _products() -> QuerySet[Product]:
    """The demo products, but for those that decisions on other products were taken over from."""
    taken_over = Decision.objects.exclude(item__product__source=Product.Source.DEMO)
    from_here = taken_over.filter(propagated_from__item__product__source=Product.Source.DEMO)
    return _demo().exclude(pk__in=from_here.values("propagated_from__item__product"))


def _traces(products: list[int]) -> _Traces:
    analyses = Analysis.objects.filter(product__in=products)
    rows = list(analyses.values_list("image", "image_sha256", "text"))
    own = Product.objects.filter(pk__in=products)
    rows += own.values_list("image", "image_sha256", "text")
    return _Traces(
        photos={name for name, _, _ in rows},
        images={sha256 for _, sha256, _ in rows},
        texts={text for _, _, text in rows},
        categories=set(own.exclude(category=None).values_list("category", flat=True)),
    )


def _erase(products: list[int], counts: Counter[str]) -> None:
    """Delete the products with all rows that hang on them, those that are protected first."""
    if not products:
        return
    decisions = Decision.objects.filter(item__product__in=products)
    appeals = Appeal.objects.filter(decision__in=decisions)
    deliveries = Delivery.objects.filter(Q(decision__in=decisions) | Q(appeal__in=appeals))
    counts["messages of webhooks"] += deliveries.delete()[0]
    counts["appeals"] += appeals.delete()[0]
    # They protect each other (corrections), which the database looks at only at the end.
    counts["decisions"] += decisions._raw_delete(decisions.db)
    gone = Product.objects.filter(pk__in=products).delete()[1]
    for label, name in (("Product", "products"), ("Analysis", "analyses")):
        counts[name] += gone.get(f"moderation.{label}", 0)
    counts["items of the queue"] += gone.get("moderation.ReviewItem", 0)
    kind = ContentType.objects.get_for_model(Product)
    LogEntry.objects.filter(content_type=kind, object_id__in=map(str, products)).delete()
    SimilarGroup.objects.filter(items=None).delete()


def _sweep(traces: _Traces, counts: Counter[str]) -> None:
    """Drop vectors, signatures and categories that nothing else uses."""
    images = _unused("image_sha256", traces.images)
    texts = {embeddings.text_sha256(text) for text in _unused("text", traces.texts)}
    Embedding.objects.filter(content_hash__in=images | texts).delete()
    PhotoSignature.objects.filter(image_sha256__in=images).delete()
    counts["categories"] += (
        _made_for_it(traces.categories).delete()[1].get("moderation.Category", 0)
    )


def _unused(column: str, values: set[str]) -> set[str]:
    """Those of these values that no product, photo or analysis has."""
    used: set[str] = set()
    for model in (Product, Analysis) if column == "text" else (Product, ProductPhoto, Analysis):
        used.update(
            model.objects.filter(**{f"{column}__in": values}).values_list(column, flat=True)
        )
    return values - used


def _made_for_it(categories: Iterable[int]) -> QuerySet[Category]:
    """Categories that came with the demo: empty now, as they came, and added by nobody's hand."""
    by_hand = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(Category))
    return Category.objects.filter(
        pk__in=categories, products=None, prompt="", threshold=None
    ).exclude(
        Q(name__in=[name for name, _ in DEFAULT_CATEGORIES])
        | Q(pk__in=[int(pk) for pk in by_hand.values_list("object_id", flat=True) if pk])
    )


def _files(traces: _Traces, counts: Counter[str], kept: list[str]) -> None:
    gone, left = many_photos.remove(_unused("image", traces.photos))
    counts["photos"] += gone
    if left:
        kept.append(f"Photos that could not be deleted, as their storage fails: {len(left)}.")
    counts["drawings"] += demo.erase_drawn()
