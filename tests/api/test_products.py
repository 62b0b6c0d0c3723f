"""Products go in, are analysed by the worker, and come out with filters and pages."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from moderation.models import Analysis, Category, Product
from tests.api.test_clip import upload
from tests.support import full_disk
from tests.support.factories import MakeItem, MakeProduct, MakeUser, RunWorker
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


def test_a_withdrawn_product_is_listed_apart_until_it_is_sent_again(api: Client) -> None:
    create(api, "SKU-1")
    create(api, "SKU-2")
    assert api.get("/api/products/SKU-1").json()["withdrawn_at"] is None
    response = api.delete("/api/products/SKU-1")
    assert response.status_code == 200, response.content
    withdrawn = response.json()
    assert withdrawn["product_id"] == "SKU-1" and withdrawn["withdrawn_at"]
    assert api.delete("/api/products/SKU-1").json() == withdrawn
    assert api.get("/api/products/SKU-1").json() == withdrawn
    assert ids(api.get("/api/products")) == ids(api.get("/api/products?withdrawn=false"))
    assert ids(api.get("/api/products")) == ["SKU-2"]
    assert ids(api.get("/api/products?withdrawn=true")) == ["SKU-1"]
    assert api.delete("/api/products/SKU-9").status_code == 404
    back = create(api, "SKU-1", image=None)
    assert (back.status_code, back.json()["withdrawn_at"]) == (200, None)
    assert ids(api.get("/api/products")) == ["SKU-2", "SKU-1"]


def test_a_full_disk_is_answered_with_507_and_keeps_nothing(
    api: Client, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        full_disk.fill(patch)
        response = create(api, "SKU-1")
    assert response.status_code == 507
    assert response.json()["error"].startswith("The photo cannot be stored (File too large);")
    assert str(media) not in response.json()["error"]
    assert not Product.objects.exists() and not [p for p in media.rglob("*") if p.is_file()]
    assert create(api, "SKU-1").status_code == 201


def test_photos_have_whole_addresses(api: Client, settings: Any) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    made = create(api, "SKU-1").json()["image"]
    path = Product.objects.get().image.url
    assert made == f"http://testserver{path}"
    assert api.get("/api/products").json()["results"][0]["image"] == made
    behind = api.get(
        "/api/products/SKU-1", headers={"x-forwarded-proto": "https", "host": "testserver"}
    )
    assert behind.json()["image"] == f"https://testserver{path}"


def test_a_photo_that_is_not_whole_is_repaired_when_it_comes_again(
    api: Client, media: Path
) -> None:
    create(api, "SKU-1")
    path = media / str(Product.objects.get().image)
    whole = path.read_bytes()
    path.write_bytes(b"")

    assert create(api, "SKU-1").status_code == 200
    assert path.read_bytes() == whole


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite can be given a size")
def test_a_database_without_room_is_answered_with_507(api: Client) -> None:
    with full_disk.database(pages=0):
        answers = [create(api, f"SKU-{n}", text="ball " * 99) for n in range(60)]
    assert {answer.status_code for answer in answers} == {201, 507}
    assert "no room left" in answers[-1].json()["error"]


def test_the_listing_keeps_its_text_and_the_analysis_says_what_was_read(
    api: Client, run_worker: RunWorker
) -> None:
    create(api, "SKU-1", text="NEW!!! A red ball (Size M)")
    run_worker()
    product = api.get("/api/products/SKU-1").json()
    assert product["text"] == product["analysis"]["text"] == "NEW!!! A red ball (Size M)"
    assert product["analysis"]["text_read"] == "A red ball"
    Analysis.objects.update(preparation="")
    before = api.get("/api/products/SKU-1").json()["analysis"]
    assert before["text_read"] == before["text"], "before there was a preparation"
    Analysis.objects.update(preparation="0")
    assert api.get("/api/products/SKU-1").json()["analysis"]["text_read"] is None


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


@pytest.mark.parametrize("name", ["Обувь", "обувь", "ОБУВЬ", " обувь "])
def test_a_category_is_found_in_any_spelling(
    api: Client, make_item: MakeItem, make_user: MakeUser, name: str
) -> None:
    api.force_login(make_user("anna"))
    make_item("shoes", category="Обувь")
    make_item("mugs", category="Mugs")

    assert ids(api.get("/api/products", {"category": name})) == ["shoes"]
    (waiting,) = api.get("/api/reviews", {"category": name}).json()["results"]
    assert waiting["product_id"] == "shoes"


def test_sent_in_another_spelling_it_is_the_same_category(api: Client) -> None:
    for number, name in enumerate(["İç Giyim", "iç giyim", "Été", "ÉTÉ"]):
        assert create(api, f"A{number}", category=name).status_code == 201

    answers = [api.get(f"/api/products/A{number}").json()["category"] for number in range(4)]
    assert answers == ["İç Giyim", "İç Giyim", "Été", "Été"]


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
        with django_assert_num_queries(2):  # the products, and their photos
            assert len(ids(api.get(f"/api/products?page_size={size}"))) == size
    with django_assert_num_queries(2):
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


def test_what_the_model_cannot_read_is_neither_flagged_nor_passed(
    api: Client, make_product: MakeProduct, run_worker: RunWorker
) -> None:
    make_product("DE", text="Herren Winterjacke mit Kapuze schwarz")
    make_product("EN", text="A red ball")
    waiting = api.get("/api/products/DE/analyses").json()["results"][0]
    assert (waiting["is_mismatch"], waiting["readable"]) == (None, None)
    run_worker()

    analysis = api.get("/api/products/DE").json()["analysis"]
    assert (analysis["status"], analysis["is_mismatch"]) == ("done", False)
    assert (analysis["readable"], analysis["similarity_score"]) == (False, None)
    assert "looks German" in analysis["unreadable_reason"]
    assert api.get("/api/products/EN").json()["analysis"]["readable"] is True
    assert ids(api.get("/api/products?readable=false")) == ["DE"]
    assert ids(api.get("/api/products?readable=true")) == ["EN"]
    judged = [ids(api.get(f"/api/products?is_mismatch={word}")) for word in ("true", "false")]
    assert sorted(judged) == [[], ["EN"]]


def test_signs_that_nobody_sees_are_named(api: Client, run_worker: RunWorker) -> None:
    text = "Red \u202emug\u202c\x07 \u202eball"
    named = [
        "U+202E right-to-left override",
        "U+202C pop directional formatting",
        "U+0007 a control character",
    ]
    create(api, "SKU-1", text=text)
    run_worker()
    create(api, "SKU-2")
    product = api.get("/api/products/SKU-1").json()
    for said in (product, product["analysis"]):
        assert (said["text"], said["text_hidden_signs"]) == (text, named)
    assert api.get("/api/products/SKU-2").json()["text_hidden_signs"] == []
