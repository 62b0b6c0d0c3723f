"""Products in the admin: the list, its filters and actions, and the form, which uses the intake."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from PIL import Image

from moderation.models import Analysis, Category, Product, ReviewItem
from moderation.services.datasets.formats import DEFAULT, FORMATS, file_name
from moderation.services.queue import review
from tests.support import full_disk
from tests.support.factories import MakeItem, MakeProduct, MakeUser, RunWorker
from tests.support.photos import odd_but_shown, photo

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LIST = "/admin/moderation/product/"


def ids(answer: Any) -> list[str]:
    return sorted(product.external_id for product in answer.context["cl"].result_list)


def action(client: Client, name: str, *products: Product) -> Any:
    chosen = [product.pk for product in products]
    return client.post(LIST, {"action": name, "_selected_action": chosen}, follow=True)


# ── The list ──────────────────────────────────────────────────────────────────────────────────
def test_the_list_shows_photo_text_scores_and_links(
    make_item: MakeItem, lead_client: Client
) -> None:
    item = make_item("A1", similarity=0.123, text="A <red> ball")

    html = lead_client.get(LIST).content.decode()

    assert item.product.image.url in html and "A &lt;red&gt; ball" in html
    assert "flagged" in html and "0.12" in html
    assert f"/admin/queue/{item.pk}/" in html


def test_the_list_takes_the_same_few_queries_for_many_products(
    make_item: MakeItem, lead_client: Client, django_assert_max_num_queries: Any
) -> None:
    category = Category.objects.create(name="Balls")
    make_item("A0", category="Balls")
    lead_client.get(LIST)
    # On PostgreSQL a savepoint and two settings limit the time of one of them.
    limit = 7 if connection.vendor == "sqlite" else 11
    with django_assert_max_num_queries(limit) as few:
        lead_client.get(LIST)
    for number in range(1, 12):
        make_item(f"A{number}", category=category.name)

    with django_assert_max_num_queries(len(few)):
        lead_client.get(LIST)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("flagged=yes", ["A1"]),
        ("flagged=no", ["A2"]),
        ("status=done", ["A1", "A2"]),
        ("status=waiting", ["A3"]),
        ("status=failed", ["A4"]),
        ("status=none", ["A5"]),
        ("source__exact=import", ["A1", "A2", "A3", "A4", "A5"]),
        ("source__exact=api", []),
        ("q=A3", ["A3"]),
        ("q=zebra", ["A2"]),
        ("q=Smith", ["A1"]),
    ],
)
def test_filters_and_search(
    make_item: MakeItem,
    make_product: MakeProduct,
    lead_client: Client,
    query: str,
    found: list[str],
) -> None:
    make_item("A1", seller="Smith")
    passed = make_item("A2", text="A zebra").product
    Analysis.objects.filter(product=passed).update(is_mismatch=False)
    make_product("A3")
    failed = make_product("A4")
    Analysis.objects.filter(product=failed).update(status="failed")
    Product.objects.filter(pk=failed.pk).update(analysis=failed.analyses.get())
    make_product("A5").analyses.all().delete()

    assert ids(lead_client.get(f"{LIST}?{query}")) == found


def test_filters_by_category_and_model_version(make_item: MakeItem, lead_client: Client) -> None:
    item = make_item("A1", category="Balls")
    make_item("A2")
    category, version = item.product.category, item.analysis.model_version

    assert ids(lead_client.get(f"{LIST}?category__id__exact={category.pk}")) == ["A1"]
    by_version = f"{LIST}?analysis__model_version__id__exact={version.pk}"
    assert ids(lead_client.get(by_version)) == ["A1", "A2"]


# ── The form ──────────────────────────────────────────────────────────────────────────────────
def form(data: bytes | None = None, **fields: str) -> dict[str, Any]:
    filled = {"external_id": "N1", "text": "A red ball", "category": "", "seller": "", **fields}
    if data is not None:
        return filled | {"image": SimpleUploadedFile("ball.jpg", data, "image/jpeg")}
    return filled


def test_a_new_product_goes_through_the_intake(
    lead_client: Client, bundled: Any, media: Any
) -> None:
    category = Category.objects.create(name="Balls")

    answer = lead_client.post(f"{LIST}add/", form(photo(), category=str(category.pk)), follow=True)

    product = Product.objects.get()
    assert (product.external_id, product.category, product.source) == ("N1", category, "admin")
    assert product.image_sha256 in product.image.name and (media / product.image.name).is_file()
    assert product.analyses.get().status == "pending"
    assert "Its analysis is queued" in answer.content.decode()
    assert [path.name for path in (media / "products").glob("*.jpg")] == []  # stored once


def test_a_photo_that_every_browser_shows_is_taken(
    lead_client: Client, bundled: Any, media: Any
) -> None:
    for number, data in enumerate(odd_but_shown()):
        lead_client.post(f"{LIST}add/", form(data, external_id=f"N{number}"))

    names = Product.objects.order_by("external_id").values_list("image", flat=True)
    assert [name.rpartition(".")[2] for name in names] == ["jpg", "png"]
    assert [(media / name).read_bytes() for name in names] == odd_but_shown()


def test_a_changed_text_asks_for_an_analysis_and_an_unchanged_one_does_not(
    lead_client: Client, make_item: MakeItem
) -> None:
    product = make_item("N1", text="A red ball").product
    page = f"{LIST}{product.pk}/change/"

    lead_client.post(page, form(text="A red ball"))
    assert product.analyses.count() == 1
    lead_client.post(page, form(text="A  blue ball", external_id="N2"))

    product.refresh_from_db()
    assert (product.external_id, product.text) == ("N1", "A blue ball")
    assert product.analyses.latest("id").text == "A blue ball"
    assert Product.objects.count() == 1


def bitmap() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "BMP")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("external_id", form(photo(), external_id=" ")),
        ("external_id", form(photo(), external_id="taken")),
        ("text", form(photo(), text="")),
        ("text", form(photo(), text="x" * 501)),
        ("image", form()),
        ("image", form(b"no image")),
        ("image", form(bitmap())),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    lead_client: Client, make_product: MakeProduct, field: str, sent: dict[str, Any]
) -> None:
    make_product("taken")

    answer = lead_client.post(f"{LIST}add/", sent)

    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert Product.objects.count() == 1


def test_a_full_disk_is_said_at_the_photo(
    lead_client: Client, bundled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk.fill(monkeypatch)

    answer = lead_client.post(f"{LIST}add/", form(photo()))

    assert "make room on the disk" in str(answer.context["adminform"].form.errors["image"])
    assert not Product.objects.exists()


def test_without_a_model_the_form_says_what_to_do(lead_client: Client, settings: Any) -> None:
    settings.CLIP_MODEL_PATH = ""

    answer = lead_client.post(f"{LIST}add/", form(photo()))

    assert "manage.py setup" in answer.content.decode()
    assert not Product.objects.exists()


# ── Actions ───────────────────────────────────────────────────────────────────────────────────
def test_analyse_again_asks_for_each_chosen_product(
    lead_client: Client, make_item: MakeItem
) -> None:
    first, second = make_item("A1").product, make_item("A2").product
    make_item("A3")

    answer = action(lead_client, "analyse_again", first, second)

    assert "2 analyses are queued" in answer.content.decode()
    assert sorted(Analysis.objects.pending().values_list("product", flat=True)) == [
        first.pk,
        second.pk,
    ]
    assert (
        "2 were waiting already"
        in action(lead_client, "analyse_again", first, second).content.decode()
    )


def test_products_are_withdrawn_and_brought_back_singly_and_in_bulk(
    lead_client: Client, make_item: MakeItem
) -> None:
    first, second, third = (make_item(name).product for name in ("A1", "A2", "A3"))
    answer = action(lead_client, "withdraw", first, second)
    assert "Withdrawn: 2 of 2 chosen." in answer.content.decode()
    assert ids(answer) == ["A3"]
    assert ReviewItem.objects.open().get().product == third
    assert ids(lead_client.get(f"{LIST}?withdrawn=yes")) == ["A1", "A2"]
    assert ids(lead_client.get(f"{LIST}?withdrawn=all")) == ["A1", "A2", "A3"]
    chosen = [first.pk]
    answer = lead_client.post(
        f"{LIST}?withdrawn=yes", {"action": "bring_back", "_selected_action": chosen}, follow=True
    )
    assert "Brought back: 1 of 1 chosen" in answer.content.decode()
    assert ids(lead_client.get(LIST)) == ["A1", "A3"]


def test_nobody_deletes_a_product(admin_client: Client, make_item: MakeItem) -> None:
    product = make_item("A1").product
    assert admin_client.get(f"{LIST}{product.pk}/delete/").status_code == 403
    page = admin_client.get(LIST).content.decode()
    assert "delete_selected" not in page and "Withdraw" in page


def test_labels_of_the_chosen_products_come_as_a_zip(
    lead_client: Client, make_item: MakeItem, make_user: MakeUser
) -> None:
    anna = make_user("anna")
    first, second = make_item("A1"), make_item("A2")
    for item in (first, second):
        review.decide(item, moderator=anna, verdict="confirm", reason="other_colour")

    answer = action(lead_client, "export_labels", first.product)

    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    labels = archive.read("labels.csv").decode()
    assert "A1" in labels and "A2" not in labels
    page = lead_client.get("/admin/moderation/product/").content.decode()
    assert "run as formulas in a spreadsheet; “Export labels (ZIP, SPREADSHEET.CSV)”" in page


@pytest.mark.parametrize("format", [name for name in FORMATS if name != DEFAULT])
def test_labels_come_in_every_format(
    lead_client: Client, make_item: MakeItem, make_user: MakeUser, format: str
) -> None:
    item = make_item("A1")
    review.decide(item, moderator=make_user("anna"), verdict="confirm", reason="other_colour")

    answer = action(lead_client, f"export_labels_{format}", item.product)

    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert {file_name(format), "metadata.parquet"} <= set(archive.namelist())


def test_without_decisions_the_export_says_so(lead_client: Client, make_item: MakeItem) -> None:
    answer = action(lead_client, "export_labels", make_item("A1").product)

    assert "No decision gives a label" in answer.content.decode()


def test_what_the_model_cannot_read_is_a_band_of_its_own(
    make_item: MakeItem,
    make_product: MakeProduct,
    run_worker: RunWorker,
    lead_client: Client,
    settings: Any,
) -> None:
    settings.REVIEW_UNREADABLE = True
    make_item("EN")
    german = make_product("DE", text="Herren Winterjacke mit Kapuze schwarz")
    run_worker()

    assert ids(lead_client.get(LIST + "?flagged=unread")) == ["DE"]
    assert ids(lead_client.get(LIST + "?flagged=no")) == []
    assert ids(lead_client.get(LIST + "?flagged=yes")) == ["EN"]
    assert "not read" in lead_client.get(LIST).content.decode()
    start = lead_client.get("/admin/").content.decode()
    assert "1 of 2 texts are not English, and bundled reads English (German 1)." in start
    item = german.review_items.get()
    page = lead_client.get(f"/admin/queue/{item.pk}/").content.decode()
    assert "The text looks German, and bundled reads English." in page
