"""Products whose photos are named by address: one at a time, and many in one request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from moderation.models import Analysis, Product, ProductPhoto
from moderation.services.catalogue.fetching import arrivals
from moderation.services.catalogue.fetching.arrivals import NotFetched
from tests.api.test_clip import upload

pytestmark = pytest.mark.django_db

ONE = "https://cdn.shop.example/1.jpg"
TWO = "https://cdn.shop.example/2.jpg"


@pytest.fixture
def api(bundled: Any) -> Client:
    return Client()


def send(api: Client, body: Any, *, path: str = "/api/products") -> Any:
    return api.post(path, body, content_type="application/json")


def bulk(api: Client, *rows: Any) -> list[dict[str, Any]]:
    response = send(api, list(rows), path="/api/products/bulk")
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def row(product_id: str = "SKU-1", **changes: Any) -> dict[str, Any]:
    return {"product_id": product_id, "text": "A red ball", "photos": [ONE, TWO], **changes}


def test_a_product_by_address_waits_for_its_photo(api: Client) -> None:
    response = send(api, row())
    assert response.status_code == 201, response.content
    product = response.json()
    assert product["image"] is None and product["status"] is None
    assert [(photo["address"], photo["state"]) for photo in product["photos"]] == [
        (ONE, "waiting"),
        (TWO, "waiting"),
    ]
    assert send(api, row()).status_code == 200 and ProductPhoto.objects.count() == 2


def test_why_a_photo_is_not_here_is_told(api: Client) -> None:
    send(api, {"product_id": "SKU-1", "text": "A red ball", "image_url": ONE})
    arrivals.settle([(ProductPhoto.objects.get(), NotFetched("not_found", "Answered 404."))])
    (photo,) = api.get("/api/products/SKU-1").json()["photos"]
    assert (photo["state"], photo["problem"]) == ("failed", "not_found")
    assert photo["error"] == "Answered 404." and photo["image"] is None


def test_a_file_is_followed_by_addresses(api: Client) -> None:
    form = {"product_id": "SKU-1", "text": "A red ball", "image": upload(), "photos": [ONE, TWO]}
    product = api.post("/api/products", form).json()
    assert [photo["state"] for photo in product["photos"]] == ["fetched", "waiting", "waiting"]
    assert product["image"] == product["photos"][0]["image"]
    assert Analysis.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"photos": ["ftp://cdn.shop.example/1.jpg"]}, "photos[0]"),
        ({"photos": [7]}, "photos[0]"),
        ({"photos": ONE}, "photos"),
        ({"photos": [f"{ONE}?{n}" for n in range(51)]}, "photos"),
        ({"image_url": ONE}, "image_url"),
        ({"text": 7}, "text"),
        ({"photos": []}, "image"),
    ],
)
def test_what_is_wrong_is_named(api: Client, changes: dict[str, Any], field: str) -> None:
    response = send(api, row(**changes))
    assert response.status_code == 400, response.content
    assert response.json()["field"] == field, response.json()
    assert not Product.objects.exists()


def test_many_are_answered_row_by_row(api: Client) -> None:
    good, known, wrong = row(), row("SKU-2"), row("SKU-3", text=" ")
    send(api, known)

    answers = bulk(api, good, known, wrong, row(), {"product_id": "SKU-4", "text": "A ball"}, 7)
    assert [(one["index"], one["status"], one["outcome"]) for one in answers] == [
        (0, 201, "created"),
        (1, 200, "unchanged"),
        (2, 400, "refused"),
        (3, 400, "refused"),
        (4, 400, "refused"),
        (5, 400, "refused"),
    ]
    assert [one["field"] for one in answers[2:5]] == ["text", "product_id", "photos"]
    assert "row 0 already" in answers[3]["error"]
    assert [one["product_id"] for one in answers[3:]] == ["SKU-1", "SKU-4", None]
    assert Product.objects.count() == 2

    assert [one["outcome"] for one in bulk(api, good, known)] == ["unchanged"] * 2


def test_many_may_be_updated_without_their_photos(api: Client) -> None:
    bulk(api, row(), row("SKU-2"))
    answers = bulk(api, {"product_id": "SKU-1", "text": "A green ball"})
    assert answers[0]["outcome"] == "updated"
    assert ProductPhoto.objects.filter(product__external_id="SKU-1").count() == 2


@pytest.mark.parametrize("kind", ["application/jsonl", "application/x-ndjson"])
def test_json_lines_are_taken_and_one_bad_line_spoils_no_other(api: Client, kind: str) -> None:
    lines = [json.dumps(row()), "{", "", json.dumps(row("SKU-2"))]
    response = api.generic("POST", "/api/products/bulk", "\n".join(lines), content_type=kind)
    assert [one["status"] for one in response.json()["results"]] == [201, 400, 201]
    assert "no JSON" in response.json()["results"][1]["error"]


@pytest.mark.parametrize("body", [{}, "x", [row()] * 1001])
def test_what_is_no_list_of_products_is_refused(api: Client, body: Any) -> None:
    assert send(api, body, path="/api/products/bulk").status_code == 400
