"""The lists of large tables: pages by key, search and filters, without any count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.expressions import RawSQL
from django.test import Client
from django.test.utils import CaptureQueriesContext

from moderation.admin import keyset
from moderation.models import Category, Product
from moderation.services.queries.in_time import in_time
from tests.support.factories import MakeItem, MakeUser

pytestmark = pytest.mark.django_db

LIST = "/admin/moderation/product/"


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    from moderation.admin.catalog import ProductAdmin

    monkeypatch.setattr(ProductAdmin, "list_per_page", 2)


@pytest.fixture
def products(bundled: Any) -> list[Product]:
    """Seven rows; the lists read nothing else of them."""
    return Product.objects.bulk_create(
        Product(external_id=f"A{number}", text=f"Ball {number}", image="x.jpg", seller="smith")
        for number in range(7)
    )


def ids(answer: Any) -> list[str]:
    return [row.external_id for row in answer.context["cl"].result_list]


def follow(client: Client, answer: Any, which: str) -> Any:
    address = getattr(answer.context["cl"], which)
    assert address, which
    assert address.replace("&", "&amp;") in answer.content.decode()
    return client.get(LIST + address)


@pytest.mark.usefixtures("products", "small_pages")
def test_pages_lead_down_to_the_oldest_and_up_again(root: Client) -> None:
    answer = root.get(LIST)
    assert not answer.context["cl"].newer and "rel=&quot;prev" not in answer.content.decode()
    seen = [ids(answer)]
    while answer.context["cl"].older:
        answer = follow(root, answer, "older")
        seen.append(ids(answer))

    assert seen == [["A6", "A5"], ["A4", "A3"], ["A2", "A1"], ["A0"]]
    assert "No more." in answer.content.decode()
    answer = follow(root, answer, "newer")
    assert ids(answer) == ["A2", "A1"]
    assert ids(follow(root, answer, "newer")) == ["A4", "A3"]
    assert ids(follow(root, answer, "newest")) == ["A6", "A5"]


@pytest.mark.usefixtures("small_pages")
def test_a_page_stays_the_same_while_rows_come_and_go(
    root: Client, products: list[Product]
) -> None:
    first = root.get(LIST)
    products[6].delete()
    Product.objects.create(external_id="A7", text="Ball 7", image="x.jpg")

    assert ids(follow(root, first, "older")) == ["A4", "A3"]


@pytest.mark.usefixtures("products", "small_pages")
def test_the_page_above_the_second_is_a_full_one(root: Client, products: list[Product]) -> None:
    assert ids(root.get(f"{LIST}?before={products[5].pk}")) == ["A6", "A5"]


@pytest.mark.usefixtures("products", "small_pages")
def test_filters_and_search_hold_from_page_to_page_and_a_new_filter_starts_anew(
    root: Client,
) -> None:
    Product.objects.filter(external_id__in=["A1", "A2", "A5"]).update(source="api")

    answer = root.get(f"{LIST}?source__exact=api&q=smith")

    assert ids(answer) == ["A5", "A2"]
    answer = follow(root, answer, "older")
    assert ids(answer) == ["A1"]
    links = [
        choice["query_string"]
        for choice in answer.context["cl"].filter_specs[2].choices(answer.context["cl"])
    ]
    assert links and not any("after" in link for link in links)


@pytest.mark.parametrize("value", ["x", "-1", "9" * 30, "1e3", "", "²"])
@pytest.mark.usefixtures("products")
def test_a_place_that_is_none_is_the_beginning(root: Client, value: str) -> None:
    answer = root.get(LIST, {"after": value})

    assert answer.status_code == 200 and len(ids(answer)) == 7


@pytest.mark.usefixtures("products", "small_pages")
@pytest.mark.parametrize("query", ["", "flagged=no", "q=A", "q=ball"])
def test_nothing_is_counted_or_skipped_over(root: Client, query: str) -> None:
    root.get(LIST)
    with CaptureQueriesContext(connection) as captured:
        answer = root.get(f"{LIST}?{query}")

    asked = [one["sql"] for one in captured.captured_queries]
    assert not [sql for sql in asked if "COUNT(" in sql or "OFFSET" in sql]
    assert "across all pages" not in answer.content.decode()  # an action is for rows of one page


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("A3", ["A3"]),
        ("A", [f"A{n}" for n in range(6, -1, -1)]),
        ("smith", [f"A{n}" for n in range(6, -1, -1)]),
        ("ball 4", ["A4"]),
        ("4 ball", ["A4"]),
        ("zebra", []),
        ("%", []),
    ],
)
@pytest.mark.usefixtures("products")
def test_the_search_knows_ids_sellers_and_words(root: Client, term: str, found: list[str]) -> None:
    assert ids(root.get(LIST, {"q": term})) == found


@pytest.mark.parametrize("term", ["обувь", "ОБУВЬ летняя", "e\u0301te\u0301", "giyım"])
def test_words_are_found_in_any_spelling(products: list[Product], root: Client, term: str) -> None:
    Product.objects.filter(pk=products[2].pk).update(text="Летняя Обувь, ÉTÉ, İç Giyim")

    assert ids(root.get(LIST, {"q": term})) == ["A2"]


@pytest.mark.usefixtures("bundled")
@pytest.mark.parametrize("term", ["обувь", "САПОГИ", "\u200b", "zebra"])
def test_categories_are_found_by_name_and_prompt(root: Client, term: str) -> None:
    Category.objects.create(name="Обувь", prompt="сапоги")

    listed = root.get("/admin/moderation/category/", {"q": term}).context["cl"].result_list
    offered = root.get(
        "/admin/autocomplete/",
        {
            "term": term,
            "app_label": "moderation",
            "model_name": "product",
            "field_name": "category",
        },
    )

    expected = ["Обувь"] if term.isalpha() and term != "zebra" else []
    assert [category.name for category in listed] == expected
    assert [found["text"] for found in offered.json()["results"]] == expected


@pytest.mark.usefixtures("products")
def test_words_are_looked_for_in_the_newest_rows_only(
    root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "SEARCHED", 3)

    assert ids(root.get(f"{LIST}?q=ball")) == ["A6", "A5", "A4"]
    assert ids(root.get(f"{LIST}?q=A1")) == ["A1"]


@pytest.mark.parametrize("name", ["analysis", "reviewitem", "decision"])
def test_the_other_lists_find_what_belongs_to_a_product(
    make_item: MakeItem, make_user: MakeUser, root: Client, name: str
) -> None:
    from moderation.models import Decision

    anna = make_user("anna")
    for number in (1, 2):
        item = make_item(f"B{number}", text=f"Lamp {number}", seller=f"seller {number}")
        Decision.objects.create(
            item=item,
            analysis=item.analysis,
            moderator=anna,
            verdict="dismiss",
            reason="matches",
            note=f"Like number {number}",
        )
    address = f"/admin/moderation/{name}/"

    for term in ("B2", "seller 2", "lamp 2"):
        answer = root.get(address, {"q": term})
        assert answer.status_code == 200
        assert answer.context["cl"].result_count == 1, term
        assert "B2" in answer.content.decode()
    assert root.get(address, {"q": "B"}).context["cl"].result_count == 2
    noted = root.get(address, {"q": "number 1"}).context["cl"].result_count
    assert noted == (1 if name == "decision" else 0)


@pytest.mark.usefixtures("products", "small_pages")
def test_rare_rows_are_looked_for_bit_by_bit_where_the_database_takes_too_long(
    root: Client, products: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PostgreSQL answers a query that it broke off."""
    monkeypatch.setattr(keyset, "in_time", lambda rows, patience: None)
    monkeypatch.setattr(keyset, "LOOKED_THROUGH", 3)
    Product.objects.filter(external_id="A1").update(source="api")

    answer = root.get(f"{LIST}?source__exact=api")
    assert ids(answer) == [] and "Look further down" in answer.content.decode()
    answer = follow(root, answer, "older")
    assert ids(answer) == ["A1"]
    while answer.context["cl"].older:
        answer = follow(root, answer, "older")
    assert ids(answer) == [] and answer.context["cl"].newest

    every, answer = [], root.get(LIST)  # what is common comes page by page as ever
    every += ids(answer)
    while answer.context["cl"].older:
        every += ids(answer := follow(root, answer, "older"))
    assert every == [f"A{number}" for number in range(6, -1, -1)]


def test_what_takes_too_long_is_broken_off_and_the_transaction_goes_on(
    products: list[Product],
) -> None:
    rows = Product.objects.order_by("pk")
    if connection.vendor == "postgresql":
        slow = rows.annotate(nap=RawSQL("(SELECT 1 FROM pg_sleep(2))", []))
        assert in_time(slow, timedelta(milliseconds=20)) is None
        assert (
            len(
                in_time(
                    rows.annotate(nap=RawSQL("(SELECT 1 FROM pg_sleep(0.05))", [])),
                    timedelta(seconds=9),
                )
                or []
            )
            == 7
        )
    found = in_time(rows, timedelta(seconds=5))
    assert found == products
