"""What listings leave outside their own rows: files of photos, vectors, signatures, saved views.

Photos and texts are kept by content, so others may have the same; what they use is no trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from django.db.models import QuerySet

from moderation.models import Analysis, Embedding, PhotoSignature, Product, ProductPhoto, SavedView

from ..encoding import embeddings
from ..queries.one_parameter import among


@dataclass(frozen=True)
class Traces:
    """File -> SHA-256, the SHA-256 of photos, texts with the parts they were read in, sellers."""

    files: dict[str, str]
    photos: frozenset[str]
    texts: frozenset[str]
    sellers: frozenset[str]

    def vectors(self) -> QuerySet[Embedding]:
        hashes = {*self.photos, *map(embeddings.text_sha256, self.texts)}
        hashes.update(key for text in self.texts for key in embeddings.former_keys(text))
        return Embedding.objects.filter(among("content_hash", sorted(hashes)))

    def signatures(self) -> QuerySet[PhotoSignature]:
        return PhotoSignature.objects.filter(among("image_sha256", sorted(self.photos)))

    def views(self) -> QuerySet[SavedView]:
        """Saved views of these sellers alone: they name them, and would find nothing."""
        views = SavedView.objects.filter(query__contains="seller=") if self.sellers else ()
        named = [view.pk for view in views if _seller_of(view) in self.sellers]
        return SavedView.objects.filter(pk__in=named)


def _seller_of(view: SavedView) -> str | None:
    return dict(parse_qsl(view.query)).get("seller")


def of(products: Sequence[int]) -> Traces:
    """Those of products, given by their keys, that nobody else has."""
    files = {name: sha256 for name, sha256 in _files(products) if name}
    photos = {sha256 for sha256 in files.values() if sha256}
    photos -= _used("image_sha256", photos, but_by=products)
    names = {name for name, sha256 in files.items() if sha256 in photos or not sha256}
    names -= _used("image", names, but_by=products)
    texts = _texts(products)
    return Traces(
        files={name: files[name] for name in names},
        photos=frozenset(photos),
        texts=frozenset(texts - _texts_used(texts, but_by=products)),
        sellers=_sellers(products),
    )


def _files(products: Sequence[int]) -> list[tuple[str, str]]:
    columns = ("image", "image_sha256")
    analyses = Analysis.objects.filter(among("product", products)).exclude(photos=None)
    return [
        *((one.image, one.image_sha256) for row in analyses for one in row.further_photos),
        *Product.objects.filter(among("pk", products)).values_list(*columns),
        *Analysis.objects.filter(among("product", products)).values_list(*columns),
        *ProductPhoto.objects.filter(among("product", products)).values_list(*columns),
    ]


def _texts(products: Sequence[int]) -> set[str]:
    texts = set(Product.objects.filter(among("pk", products)).values_list("text", flat=True))
    analyses = Analysis.objects.filter(among("product", products))
    for text, parts in analyses.values_list("text", "parts"):
        texts.update([text, *(part[0] for part in parts or ())])
    return texts


def _sellers(products: Sequence[int]) -> frozenset[str]:
    named = Product.objects.filter(among("pk", products)).exclude(seller="").order_by()
    sellers = set(named.values_list("seller", flat=True).distinct())
    others = Product.objects.filter(seller__in=sellers).exclude(among("pk", products)).order_by()
    return frozenset(sellers.difference(others.values_list("seller", flat=True).distinct()))


def _used(column: str, values: set[str], *, but_by: Sequence[int]) -> set[str]:
    wanted = among(column, sorted(values))
    used: set[str] = set()
    for rows, own in (
        (Product.objects.order_by(), "pk"),
        (Analysis.objects.order_by(), "product"),
        (ProductPhoto.objects.order_by(), "product"),
    ):
        found = rows.filter(wanted).exclude(among(own, but_by))
        used.update(found.values_list(column, flat=True).distinct())
    return used


def _texts_used(texts: set[str], *, but_by: Sequence[int]) -> set[str]:
    wanted = among("text", sorted(texts))
    products = Product.objects.filter(wanted).exclude(among("pk", but_by))
    analyses = Analysis.objects.filter(wanted).exclude(among("product", but_by))
    return {*products.values_list("text", flat=True), *analyses.values_list("text", flat=True)}
