"""Scores that are out of date: how many there are, what mends them, and the button that asks."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django_q.models import OrmQ

from moderation import tasks
from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Analysis, Category, ModelVersion, Product
from moderation.services.registry import activation, versions
from moderation.services.rules.thresholds import Thresholds, traits
from moderation.services.scoring import reanalyze, stale
from tests.support import judged_shop
from tests.support.factories import MakeUser
from tests.support.scored_shop import fill

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_heartbeats")]

KNOTS = [[-0.1, 3.0], [0.2, 1.0], [0.5, -2.0]]


@pytest.fixture
def shop(bundled: ModelVersion) -> list[Product]:
    """Products in three categories and in none, scored as the bundled version does now."""
    for category, prefix in (("Toys", "T"), ("Mugs", "M"), ("Hats", "H"), ("", "S")):
        fill(bundled, count=12, category=category, prefix=prefix)
    stale.refresh(bundled)
    return list(Product.objects.order_by("pk"))


def page(client: Client, address: str) -> str:
    return " ".join(client.get(address).content.decode().split())


def current() -> list[Analysis]:
    rows = Analysis.objects.current().select_related("product__category").order_by("product")
    return list(rows)


# ── Which products are stale ──────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "changes",
    [
        {"platt_a": -9.0},
        {"calibration": {"knots": KNOTS}},
        {"calibration": {"offsets": {"toys": 0.7, "hats": -0.4}}},
        {"calibration": {"knots": KNOTS, "offsets": {"mugs": 1.5}}},
        {"calibration": {"offsets": {"mugs": 1.5}, "prior": 0.05, "prevalence": 0.2}},
        {"threshold": 0.4},
        {"platt_a": None, "platt_b": None},
    ],
)
def test_a_new_threshold_or_calibration_makes_scores_stale_until_judged_anew(
    shop: list[Product], bundled: ModelVersion, changes: dict[str, Any]
) -> None:
    assert stale.count(bundled) == 0
    ModelVersion.objects.filter(pk=bundled.pk).update(**changes)
    bundled.refresh_from_db()
    found = reanalyze.look(reanalyze.Job(reanalyze.Which.STALE, bundled))

    assert stale.count(bundled) == found.derived > 0
    call_command("reanalyze", "--stale", stdout=StringIO())
    assert stale.count(bundled) == 0
    for row in current():
        category = row.product.category
        assert row.similarity is not None
        assert row.threshold_used == Thresholds(bundled).of(traits(row.product))
        name = category.name if category else None
        assert row.p_mismatch == bundled.p_mismatch(row.similarity, name)


def test_a_calibration_that_moves_one_category_leaves_the_others_alone(
    shop: list[Product], bundled: ModelVersion
) -> None:
    bundled.calibration = {"offsets": {"toys": 0.7}}
    bundled.save()

    assert stale.count(bundled) == 12
    told = StringIO()
    call_command("reanalyze", "--stale", stdout=told)
    assert "12 judged again without the model, 0 requested" in told.getvalue()


def test_a_threshold_set_by_hand_on_a_category_counts(
    shop: list[Product], bundled: ModelVersion
) -> None:
    Category.objects.filter(name="Mugs").update(threshold=0.33)

    assert stale.count(bundled) == 12
    stale.refresh(bundled)
    assert stale.count(bundled) == 0


def test_scores_of_another_version_are_stale_but_not_what_this_one_cannot_read(
    shop: list[Product], bundled: ModelVersion
) -> None:
    other = ModelVersion.objects.create(name="other", source="folder", threshold=0.2)
    assert stale.count(other) == len(shop)

    Analysis.objects.create(
        product=shop[0],
        model_version=other,
        content_hash=shop[0].content_hash,
        status="failed",
        error="The image is truncated.",
    )
    assert stale.count(other) == len(shop) - 1


def test_scores_of_texts_that_were_read_otherwise_are_stale(
    shop: list[Product], bundled: ModelVersion
) -> None:
    """Rows of before there was a preparation say so by an empty one; a threshold mends nothing."""
    first = [product.analysis_id for product in shop[:5]]
    Analysis.objects.filter(pk__in=first).update(preparation="")

    assert stale.count(bundled) == 5
    found = reanalyze.look(reanalyze.Job(reanalyze.Which.STALE, bundled, threshold=0.4))
    assert (found.asked, found.derived) == (5, len(shop) - 5)
    stale.refresh(bundled)
    pending = Analysis.objects.pending()
    assert sorted(row.product_id for row in pending) == [product.pk for product in shop[:5]]
    assert {row.preparation for row in pending} == {PREPARATION}


def test_products_that_wait_for_the_worker_are_not_counted(
    shop: list[Product], bundled: ModelVersion
) -> None:
    Product.objects.filter(pk=shop[0].pk).update(content_hash="new")
    Product.objects.filter(pk=shop[1].pk).update(analysis=None)

    assert stale.count(bundled) == 0


# ── The button ────────────────────────────────────────────────────────────────────────────────
def test_the_button_mends_what_the_pages_count(
    shop: list[Product], bundled: ModelVersion, lead_client: Client
) -> None:
    own = f"/admin/moderation/modelversion/{bundled.pk}/"
    pages = ("/admin/", f"{own}change/", "/admin/thresholds/")
    assert not any("Re-score now" in page(lead_client, address) for address in pages)

    ModelVersion.objects.filter(pk=bundled.pk).update(platt_a=-9.0)
    for address in pages:
        shown = page(lead_client, address)
        assert "<b>48 products</b> still carry scores of another version" in shown
        assert 'value="Re-score now"' in shown

    answer = lead_client.post(f"{own}rescore/", follow=True)
    assert "The catalogue is being scored by bundled." in answer.content.decode()
    message = OrmQ.objects.get()
    assert message.task["func"] == "moderation.tasks.rescore"
    tasks.rescore(*message.task["args"])
    assert not any("Re-score now" in page(lead_client, address) for address in pages)


def test_one_product_is_one_product(
    shop: list[Product], bundled: ModelVersion, lead_client: Client
) -> None:
    Analysis.objects.filter(pk=current()[0].pk).update(threshold_used=0.9)

    assert "<b>1 product</b> still carries scores" in page(lead_client, "/admin/")


def test_who_may_not_promote_sees_the_number_and_no_button(
    shop: list[Product], bundled: ModelVersion, make_user: MakeUser
) -> None:
    ModelVersion.objects.filter(pk=bundled.pk).update(threshold=0.4)
    client = Client()
    client.force_login(make_user("mia"))

    shown = page(client, "/admin/")
    assert "48 products" in shown and "A lead can have them scored again" in shown
    assert "Re-score now" not in shown
    address = f"/admin/moderation/modelversion/{bundled.pk}/rescore/"
    assert client.post(address).status_code == 403
    assert not OrmQ.objects.exists()


def test_a_get_scores_nothing(bundled: ModelVersion, lead_client: Client) -> None:
    assert (
        lead_client.get(f"/admin/moderation/modelversion/{bundled.pk}/rescore/").status_code == 405
    )


def test_a_version_that_was_replaced_meanwhile_is_left_alone(
    shop: list[Product], bundled: ModelVersion
) -> None:
    ModelVersion.objects.filter(pk=bundled.pk).update(threshold=0.4)
    before = Analysis.objects.count()
    activation.activate(ModelVersion.objects.create(name="other", source="folder", threshold=0.2))

    tasks.rescore(bundled.pk)
    assert Analysis.objects.count() == before


def test_a_promotion_by_the_button_scores_the_catalogue_anew(
    bundled: ModelVersion, lead_client: Client, tmp_path: Path
) -> None:
    candidate = judged_shop.candidate(tmp_path / "random")
    lead_client.post(
        f"/admin/moderation/modelversion/{candidate.pk}/promote/",
        {"force": "1", "reason": "A new camera"},
    )
    for message in OrmQ.objects.all():
        message.delete()
        getattr(tasks, message.task["func"].rpartition(".")[2])(*message.task["args"])

    assert versions.current() == candidate
    asked = [message.task for message in OrmQ.objects.all()]
    assert [(task["func"], task["args"]) for task in asked] == [
        ("moderation.tasks.rescore", (candidate.pk,))
    ]
