"""Photos by their addresses in the admin: what came of them, and another attempt."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from django.test import Client

from moderation.models import Product, ProductPhoto
from moderation.services.catalogue import intake
from moderation.services.catalogue.fetching import arrivals
from moderation.services.catalogue.fetching.arrivals import NotFetched
from moderation.services.catalogue.intake import Listing
from tests.support.factories import MakeUser, as_user

pytestmark = pytest.mark.django_db

LIST = "/admin/moderation/productphoto/"


@pytest.fixture
def lead(make_user: MakeUser) -> Client:
    return as_user(make_user("lena", group="lead"))


@pytest.fixture
def failed(bundled: Any) -> ProductPhoto:
    """The main photo of a listing with two."""
    addresses = ("https://cdn.shop.example/1.jpg", "https://cdn.shop.example/2.jpg")
    intake.take(Listing("SKU-1", "A red ball", None, addresses=addresses), source="api")
    row = ProductPhoto.objects.get(position=0)
    arrivals.settle([(row, NotFetched("not_found", "Answered 404: not found."))])
    return row


def test_the_list_says_what_went_wrong_and_is_filtered_by_it(
    lead: Client, failed: ProductPhoto
) -> None:
    page = lead.get(LIST).content.decode()
    assert "Not found: Answered 404: not found." in page and "Photo 2" in page

    def places(query: str) -> set[int]:
        rows = lead.get(f"{LIST}?{query}").context["cl"].result_list
        return {row.position for row in rows}

    assert places("problem=not_found") == {0}
    assert places("problem=timeout") == set()
    assert places("state__exact=waiting") == {1}


def test_a_listing_without_its_photo_shows_why(lead: Client, failed: ProductPhoto) -> None:
    page = lead.get(f"/admin/moderation/product/{failed.product_id}/change/").content.decode()
    assert "It is still to be fetched." in page
    assert "Not found: Answered 404: not found." in page
    assert lead.get("/admin/moderation/product/").status_code == 200


def test_chosen_ones_are_fetched_again(lead: Client, failed: ProductPhoto) -> None:
    chosen = {"action": "fetch_again", "_selected_action": [failed.pk]}
    page = lead.post(LIST, chosen, follow=True).content.decode()
    assert "1 photo is asked for again." in page
    failed.refresh_from_db()
    assert (failed.state, failed.attempts) == (ProductPhoto.State.WAITING, 0)


def test_what_became_of_them_is_exported(lead: Client, failed: ProductPhoto) -> None:
    keys = list(ProductPhoto.objects.values_list("pk", flat=True))
    response = lead.post(LIST, {"action": "export_csv", "_selected_action": keys})
    lines = b"".join(response.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    rows = {row["photo"]: row for row in csv.DictReader(lines)}
    assert rows["1"]["product_id"] == "SKU-1" and rows["1"]["problem"] == "not_found"
    assert rows["2"]["state"] == "waiting"


def test_an_exported_cell_is_no_formula(lead: Client, failed: ProductPhoto) -> None:
    Product.objects.update(external_id="=HYPERLINK(1)")
    response = lead.post(LIST, {"action": "export_csv", "_selected_action": [failed.pk]})
    assert "'=HYPERLINK(1)" in b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]


def test_a_listing_with_one_file_is_shown_as_ever(lead: Client, make_product: Any) -> None:
    product: Product = make_product("SKU-9")
    page = lead.get(f"/admin/moderation/product/{product.pk}/change/").content.decode()
    assert "One, which came as a file." in page
