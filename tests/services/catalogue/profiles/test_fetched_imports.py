"""An export and its photos from a real host: imported, fetched, and ready to be analysed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moderation.models import Analysis, Product, ProductPhoto
from moderation.services.catalogue.catalogue_import import import_catalogue
from moderation.services.catalogue.fetching.fetch import Fetcher
from tests.support.exports import SHOPIFY_OLD, WOOCOMMERCE, table
from tools import photo_host

pytestmark = pytest.mark.django_db(transaction=True)


def shopify(web: photo_host.PhotoHost) -> str:
    return table(
        SHOPIFY_OLD,
        {"Handle": "mug", "Title": "Mug", "Image Src": web("/2.jpg"), "Image Position": "2"},
        {"Handle": "mug", "Image Src": web("/1.jpg"), "Image Position": "1"},
        {"Handle": "cup", "Title": "Cup", "Image Src": web("/3.jpg")},
    )


def woocommerce(web: photo_host.PhotoHost) -> str:
    both = f"{web('/1.jpg')}, {web('/2.jpg')}"
    return table(
        WOOCOMMERCE,
        {"ID": "1", "Type": "variable", "Name": "Mug", "Images": both},
        {"ID": "2", "Type": "simple", "Name": "Cup"} | {"Images": web("/3.jpg")},
    )


def google(web: photo_host.PhotoHost) -> str:
    items = (
        ("mug", f"<g:image_link>{web('/1.jpg')}</g:image_link>"),
        ("cup", f"<g:image_link>{web('/3.jpg')}</g:image_link>"),
    )
    more = f"<g:additional_image_link>{web('/2.jpg')}</g:additional_image_link>"
    told = "".join(
        f"<item><g:id>{name}</g:id><title>{name}</title>{photo}{more if name == 'mug' else ''}"
        "</item>"
        for name, photo in items
    )
    return f'<rss xmlns:g="http://base.google.com/ns/1.0"><channel>{told}</channel></rss>'


@pytest.mark.parametrize(
    ("written", "name"),
    [(shopify, "products.csv"), (woocommerce, "export.csv"), (google, "feed.xml")],
)
def test_from_an_export_to_photos_that_are_here(
    bundled: Any, settings: Any, media: Path, tmp_path: Path, written: Any, name: str
) -> None:
    settings.FETCH_ALLOW = ["127.0.0.1"]
    settings.FETCH_REQUESTS_PER_SECOND = 1000
    path = tmp_path / name
    with photo_host.photo_host() as web:
        path.write_text(written(web))
        report = import_catalogue(path)
        assert (report.created, report.photos_to_fetch, report.bad_rows) == (2, 3, [])
        assert Fetcher().run() == 3
        main = Product.objects.earliest("pk").photos.get(position=0)
        assert main.url == web("/1.jpg")
    assert not ProductPhoto.objects.exclude(state=ProductPhoto.State.FETCHED).exists()
    assert Analysis.objects.pending().count() == 2
    assert all(product.image_url for product in Product.objects.all())
    assert import_catalogue(path).unchanged == 2
