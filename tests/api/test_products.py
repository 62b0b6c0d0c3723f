"""Products go in, are analysed by the worker, and come out with filters and pages."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from moderation.models import Analysis, Category, Product
from tests.api.test_clip import upload
from tests.support.factories import MakeItem, MakeProduct, RunWorker
from tests.support.photos import photo


@pytest.fixture
def api(bundled: Any) -> Client:
    return Client()


def create(api: Client, product_id: str, **changes: Any) -> Any:
    body = {"product_id": product_id, "text": "A red ball", "image": upload(), **changes}
    return api.post("/api/products", {k: v for k, v in body.items() if v is not None})


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [product["product_id"] for product in response.json()["results"]]


def test_a_new_product_is_stored_and_its_analysis_queued(
    api: Client, run_worker: RunWorker
) -> None:
    response = create(api, "SKU-1", category="Toys", seller="anna")
    assert response.status_code == 201, response.content
    product = response.json()
    assert (product["status"], product["analysis"]) == ("pending", None)
    assert (product["category"], product["seller"], product["source"]) == ("Toys", "anna", "api")
    assert Analysis.objects.pending().count() == 1
    run_worker()
    product = api.get("/api/products/SKU-1").json()
    assert product["status"] == product["analysis"]["status"] == "done"
    assert product["analysis"]["model_version"] == "bundled"
    assert product["analysis"]["is_mismatch"] in (True, False)
    assert product["analysis"]["match_quality"]


def test_the_same_product_again_is_an_update(api: Client) -> None:
    create(api, "SKU-1", seller="anna")
    response = create(api, "SKU-1", text="A blue ball", image=None)
    assert response.status_code == 200, response.content
    assert (response.json()["text"], response.json()["seller"]) == ("A blue ball", "anna")
    assert create(api, "SKU-1", text="A blue ball", seller="").json()["seller"] == ""
    assert Product.objects.count() == 1
    pending = Analysis.objects.pending().get()
    assert pending.text == "A blue ball"


def test_the_same_content_again_asks_the_model_nothing(api: Client, run_worker: RunWorker) -> None:
    create(api, "SKU-1")
    run_worker()
    assert create(api, "SKU-1").status_code == 200
    assert Analysis.objects.count() == 1


def test_a_new_product_without_a_photo_is_refused(api: Client) -> None:
    response = create(api, "SKU-1", image=None)
    assert (response.status_code, response.json()["field"]) == (400, "image")
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    "product_id", ["a/b", "a b", "ü€漢", "100%", "a?b#c", "a+b&c", "analyses", "a\nb", "..x", '"<>']
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_any_id_can_be_read_by_its_address(api: Client, product_id: str, slash: str) -> None:
    assert create(api, product_id).status_code == 201
    address = f"/api/products/{quote(product_id, safe='')}"
    assert api.get(f"{address}{slash}").json()["product_id"] == product_id
    assert len(api.get(f"{address}/analyses{slash}").json()["results"]) == 1


@pytest.mark.parametrize("address", ["/api/products/no", "/api/products/no/analyses"])
def test_an_unknown_product_is_404(api: Client, address: str) -> None:
    response = api.get(address)
    assert response.status_code == 404
    assert response.json() == {"error": "There is no product 'no'; check its id.", "field": None}


def test_analyses_are_listed_newest_first(api: Client, run_worker: RunWorker) -> None:
    create(api, "P")
    run_worker()
    create(api, "P", text="A blue ball")
    rows = api.get("/api/products/P/analyses").json()["results"]
    assert [(row["status"], row["text"]) for row in rows] == [
        ("pending", "A blue ball"),
        ("done", "A red ball"),
    ]
    assert rows[0]["is_mismatch"] is None
    product = api.get("/api/products/P").json()
    assert product["status"] == "pending"


@pytest.fixture
def shop(make_item: MakeItem, make_product: MakeProduct) -> None:
    make_item("flagged", category="Toys", seller="anna")
    make_product("waiting", category="Mugs", seller="ben")
    Product.objects.filter(external_id="waiting").update(source="api")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["waiting", "flagged"]),
        ("category=toys", ["flagged"]),
        ("category=", ["waiting", "flagged"]),
        ("status=pending", ["waiting"]),
        ("status=done", ["flagged"]),
        ("is_mismatch=true", ["flagged"]),
        ("is_mismatch=false", []),
        ("seller=ben", ["waiting"]),
        ("source=api", ["waiting"]),
        ("updated_after=2000-01-01T00:00:00Z", ["waiting", "flagged"]),
        ("updated_after=2200-01-01", []),
        ("status=done&seller=ben", []),
    ],
)
def test_the_list_can_be_narrowed(api: Client, shop: None, query: str, expected: list[str]) -> None:
    assert ids(api.get(f"/api/products?{query}")) == expected
    assert ids(api.get(f"/api/products/?{query}")) == expected


def test_an_unknown_status_is_refused_with_those_that_there_are(api: Client) -> None:
    answer = api.get("/api/products?status=ready")
    assert (answer.status_code, answer.json()["field"]) == (400, "status")
    wanted = "status: “ready” is none of them; send one of pending, running, done, failed."
    assert answer.json()["error"] == wanted


def test_updated_after_tells_what_is_new(api: Client) -> None:
    create(api, "old")
    moment = timezone.now().isoformat()
    create(api, "new")
    assert ids(api.get("/api/products", {"updated_after": moment})) == ["new"]


def test_pages_follow_each_other_without_gap_or_repeat(
    api: Client, make_product: MakeProduct
) -> None:
    names = [f"P{n}" for n in range(7)]
    for name in names:
        make_product(name, image=photo(mark=1))
    found: list[str] = []
    address: str | None = "/api/products?page_size=3"
    while address:
        page = api.get(address)
        found += ids(page)
        address = page.json()["next"]
    assert found == names[::-1]


def test_a_page_costs_the_same_queries_however_long_it_is(
    api: Client,
    make_item: MakeItem,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    for n in range(12):
        make_item(f"P{n}", category=f"Category {n}")
    for size in (1, 12):
        with django_assert_num_queries(1):
            assert len(ids(api.get(f"/api/products?page_size={size}"))) == size
    with django_assert_num_queries(1):
        api.get("/api/products/P3")
    with django_assert_num_queries(2):
        api.get("/api/products/P3/analyses")


@pytest.mark.django_db(transaction=True)
def test_the_same_new_product_from_many_at_once_is_one_product(api: Client) -> None:
    def send(number: int) -> int:
        try:
            return int(create(Client(), "SKU-1", category="New").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(send, range(8)))
    assert codes == [200] * 7 + [201]
    assert Product.objects.count() == Category.objects.filter(name="New").count() == 1


def test_a_changed_text_shows_no_verdict_until_it_is_judged(
    client: Client, make_product: MakeProduct, run_worker: RunWorker
) -> None:
    make_product("A1", text="A red ball")
    run_worker()
    assert client.get("/api/products/A1").json()["analysis"]["status"] == "done"

    make_product("A1", text="A blue ball")
    shown = client.get("/api/products/A1").json()
    assert (shown["status"], shown["analysis"]) == ("pending", None)
