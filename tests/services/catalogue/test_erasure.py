"""Erased listings leave no content behind; what was decided of them stays, without it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client

from moderation.models import (
    Analysis,
    Decision,
    Delivery,
    Embedding,
    Erasure,
    Explanation,
    ModelVersion,
    PhotoSignature,
    Product,
    ProductPhoto,
    ReviewItem,
    SavedView,
    ShadowReport,
    TrainingRun,
    Webhook,
)
from moderation.services.catalogue import erasure, intake, withdrawal
from moderation.services.encoding import embeddings
from moderation.services.integration import appeal_filing, tokens
from moderation.services.measures import saved_views
from moderation.services.queue import review
from moderation.services.queue.queue_filter import QueueFilter
from tests.support.factories import MakeItem, MakeProduct, MakeUser
from tests.support.photos import photo

SECRET = "zebra of Annabel"


@pytest.fixture
def anna(make_user: MakeUser) -> User:
    return make_user("anna")


@pytest.fixture
def told(make_item: MakeItem, anna: User, make_user: MakeUser, media: Path) -> ReviewItem:
    """A listing of which its content is everywhere: decided with a note, appealed, announced."""
    Webhook.objects.create(name="shop", url="https://shop.example/hook")
    item = make_item(f"id {SECRET}", text=f"A {SECRET}", seller=f"seller {SECRET}")
    row, version = item.analysis, item.analysis.model_version
    ProductPhoto.objects.create(product=item.product, position=1, url=f"https://a.b/{SECRET}")
    Explanation.objects.create(analysis=row, found={"word": SECRET})
    Analysis.objects.filter(pk=row.pk).update(parts=[[f"part {SECRET}", 0.1, False]])
    for tower, key in (
        ("image", row.image_sha256),
        ("text", embeddings.text_sha256(row.text)),
        ("text", embeddings.text_sha256(f"part {SECRET}")),
    ):
        Embedding.objects.create(
            content_hash=key, tower=tower, model_version=version, precision="fp32", vector=b"1"
        )
    bands = {f"band_{number}": 1 for number in range(4)}
    PhotoSignature.objects.create(image_sha256=row.image_sha256, signature=b"1", **bands)
    example = {"product": item.product_id, "external_id": SECRET, "text": SECRET, "image": SECRET}
    other = {"product": 0, "external_id": "B", "text": "B", "image": "B"}
    report = {"examples": {"newly_flagged": [example, other]}, "products": 2}
    ShadowReport.objects.create(version=version, baseline=version, report=report)
    eva = make_user("eva", group="lead")
    review.escalate(item, moderator=make_user("ben"), note=f"escalated {SECRET}")
    decision = review.decide(
        item,
        moderator=eva,
        verdict="confirm",
        reason="other_product",
        note=f"note {SECRET}",
    )
    appeal_filing.file(
        decision, reference=f"ref {SECRET}", statement=f"I am {SECRET}", filed_by=anna
    )
    return item


def everything() -> Iterator[str]:
    """Each row of each table, as text."""
    for model in apps.get_models():
        for row in model._default_manager.values_list():
            yield f"{model.__name__}: {row}"


def erase(*products: Product, reason: str = "asked for") -> erasure.Report:
    return erasure.erase([product.pk for product in products], reason=reason, by=None)


def test_its_content_is_nowhere_and_its_decision_stays(told: ReviewItem, media: Path) -> None:
    sha256, name = told.analysis.image_sha256, told.analysis.image
    content = told.analysis.content_hash
    assert any(SECRET in row for row in everything()) and (media / name).is_file()
    report = erase(told.product, reason="request of the seller")
    left = [row for row in everything() if SECRET in row or sha256 in row or content in row]
    assert left == []
    assert not (media / name).exists()
    assert (report.products, report.photos, report.vectors, report.decisions) == (1, 1, 3, 1)
    decision = Decision.objects.get()
    assert (decision.verdict, decision.reason, decision.note) == ("confirm", "other_product", "")
    assert decision.analysis.text.startswith("Erased on ")
    assert decision.analysis.similarity is not None
    assert ShadowReport.objects.get().report["examples"]["newly_flagged"][0]["product"] == 0
    assert Delivery.objects.get().state == Delivery.State.CANCELLED
    record = Erasure.objects.get()
    assert (record.product, record.reason) == (told.product, "request of the seller")


def test_what_another_listing_shares_stays(make_item: MakeItem, media: Path) -> None:
    same = photo(mark=7)
    first, second = (make_item(name, text="A red ball", image=same) for name in ("A1", "A2"))
    version = first.analysis.model_version
    for tower, key in (
        ("image", first.analysis.image_sha256),
        ("text", embeddings.text_sha256("A red ball")),
    ):
        Embedding.objects.create(
            content_hash=key, tower=tower, model_version=version, precision="fp32", vector=b"1"
        )
    assert erase(first.product).photos == 0
    assert (media / second.analysis.image).is_file() and Embedding.objects.count() == 2
    assert erase(second.product).photos == 1
    assert not (media / second.analysis.image).exists() and not Embedding.objects.exists()


def test_to_look_changes_nothing_and_says_the_same(told: ReviewItem) -> None:
    before = sorted(everything())
    seen = erasure.look([told.product_id])
    assert sorted(everything()) == before
    assert seen.counts() == erase(told.product).counts()
    assert erasure.look([told.product_id]).products == 0


def test_it_needs_a_reason_and_does_not_come_back(told: ReviewItem) -> None:
    with pytest.raises(erasure.NoReason):
        erase(told.product, reason="  ")
    assert not Erasure.objects.exists()
    erase(told.product)
    assert withdrawal.bring_back([told.product_id], by=None) == 0
    assert list(Product.objects.present()) == []
    assert Client().get("/api/products?withdrawn=true").json()["results"] == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE moderation_decision SET note = 'x'",
        "UPDATE moderation_decision SET note = '', verdict = 'dismiss'",
        "DELETE FROM moderation_decision",
    ],
)
@pytest.mark.parametrize("is_erased", [False, True])
def test_the_database_lets_nothing_go_but_an_erased_ones_note(
    told: ReviewItem, change: str, is_erased: bool
) -> None:
    if is_erased:
        erase(told.product)
    with (
        pytest.raises(DatabaseError, match="append only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)


def test_the_note_of_a_decision_that_is_not_erased_stays(told: ReviewItem) -> None:
    with pytest.raises(DatabaseError, match="append only"), transaction.atomic():
        Decision.objects.update(note="")


def test_the_guard_knows_every_column_of_a_decision() -> None:
    migration = import_module("moderation.migrations.0019_way_out")
    columns = {field.column for field in Decision._meta.concrete_fields}
    assert columns == {*migration.COLUMNS, "photo", "note"}  # 0021 adds the photo


def test_data_sets_and_the_versions_built_with_them_are_named(
    told: ReviewItem, tmp_path: Path
) -> None:
    base = told.analysis.model_version
    for name, listing in (("with", told.product.external_id), ("without", "another")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "train.csv").write_text(f"product_id,text\n{listing},x\n", encoding="utf-8")
        made = ModelVersion.objects.create(name=f"{name}-1", parent=base, threshold=0.2)
        TrainingRun.objects.create(base=base, version=made, dataset=str(folder), live=None)
    first = ModelVersion.objects.get(name="with-1")
    ModelVersion.objects.create(name="with-2", parent=first, threshold=0.2)
    [found] = erasure.look([told.product_id]).data_sets
    assert (found.folder, found.versions) == (str(tmp_path / "with"), ("with-1", "with-2"))


def test_the_command_asks_and_erases_a_seller(
    told: ReviewItem, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_item("B1", seller="other")
    seller, out = told.product.seller, StringIO()
    asked = {"seller": seller, "reason": "asked for", "stdout": out}
    call_command("erase_products", dry_run=True, **asked)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    with pytest.raises(CommandError, match="Nothing was erased"):
        call_command("erase_products", **asked)
    assert not Erasure.objects.exists()
    call_command("erase_products", yes=True, by="anna", **asked)
    assert "Would go: products: 1, photos: 1, vectors: 3, " in out.getvalue()
    assert Erasure.objects.get().by == User.objects.get(username="anna")
    assert Product.objects.present().get().external_id == "B1"
    with pytest.raises(CommandError, match="check the name"):
        call_command("erase_products", **asked)
    with pytest.raises(CommandError, match="There is no product 'B2'"):
        call_command("erase_products", "--product=B1", "--product=B2", "--reason=x")


def test_a_program_with_the_right_erases_by_the_api(told: ReviewItem, make_user: MakeUser) -> None:
    user, product = make_user("program", group="shop"), told.product
    _, secret = tokens.create(user, scopes=["submit"])
    address = f"/api/products/{quote(product.external_id)}/erase"
    client, json = Client(headers={"authorization": f"Token {secret}"}), "application/json"
    refused = client.post(address, {"reason": "asked for"}, content_type=json)
    assert refused.status_code == 403 and "Can erase products" in refused.json()["error"]
    user.user_permissions.add(Permission.objects.get(codename="erase_product"))
    assert client.post(address, {"reason": " "}, content_type=json).status_code == 400
    answer = client.post(address, {"reason": "asked for"}, content_type=json)
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert (found["photos"], found["vectors"], found["data_sets"]) == (1, 3, [])
    assert Erasure.objects.get().by == user
    assert client.post(address, {"reason": "asked for"}, content_type=json).status_code == 404


def test_the_admin_asks_for_a_reason(admin_client: Client, told: ReviewItem) -> None:
    address = "/admin/moderation/product/"
    chosen: dict[str, Any] = {"action": "erase", "_selected_action": [told.product_id]}
    page = admin_client.post(address, chosen).content.decode()
    assert "This cannot be undone." in page and not Erasure.objects.exists()
    page = admin_client.post(address, {**chosen, "reason": " "}).content.decode()
    assert "The reason is missing" in page and not Erasure.objects.exists()
    answer = admin_client.post(address, {**chosen, "reason": "asked for"}, follow=True)
    assert "Erased: products: 1" in answer.content.decode()
    assert Erasure.objects.get().by == answer.context["user"]
    assert "Erased on" in admin_client.get(f"{address}?withdrawn=yes").content.decode()
    assert admin_client.get(f"{address}{told.product_id}/change/").status_code == 200
    appeal = Decision.objects.get().appeals.get()
    decide = f"/admin/moderation/appeal/{appeal.pk}/decide/"
    assert admin_client.get(decide).status_code in (200, 405)


def test_what_a_worker_holds_finds_no_row_any_more(make_product: MakeProduct) -> None:
    product = make_product("A1")
    Analysis.objects.update(status=Analysis.Status.RUNNING)
    erase(product)
    assert not Analysis.objects.exists()


def test_saved_views_of_the_seller_go_with_the_last_listing(
    make_product: MakeProduct, anna: User
) -> None:
    first, second = (make_product(name, seller="Anna & Co") for name in ("A1", "A2"))
    make_product("A3", seller="Ben")
    for seller in ("Anna & Co", "Ben"):
        query = QueueFilter(seller=seller)
        saved_views.save(owner=anna, name=f"of {seller}", query=query, is_shared=True)
    saved_views.save(owner=anna, name="old", query=QueueFilter.parse({"older": "2d"}))
    erase(first)
    assert SavedView.objects.count() == 3
    erase(second)
    assert set(SavedView.objects.values_list("name", flat=True)) == {"of Ben", "old"}


def test_vectors_under_former_text_preparations_go_too(
    make_product: MakeProduct, bundled: ModelVersion
) -> None:
    product = make_product("A1")
    former = embeddings.text_sha256(product.text, preparation="1")
    Embedding.objects.create(
        content_hash=former, tower="text", model_version=bundled, precision="fp32", vector=b"1"
    )
    assert erase(product).vectors == 1
    assert not Embedding.objects.exists()


def test_a_photo_that_another_listing_brings_meanwhile_stays(
    make_product: MakeProduct, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row may follow later: what was stored since the erasure began is somebody else's."""
    product, same = make_product("A1", image=photo(mark=3)), photo(mark=3)
    of_products = erasure.traces.of

    def meanwhile(keys: Any) -> Any:
        found = of_products(keys)
        intake.store_photo(same)
        return found

    monkeypatch.setattr(erasure.traces, "of", meanwhile)
    erase(product)
    assert (media / str(product.image)).is_file()
