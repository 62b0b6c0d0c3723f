"""Automatic decisions end with the version whose scores they followed, and can be taken back."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from moderation.models import (
    Analysis,
    AutomaticAction,
    Decision,
    Delivery,
    ModelVersion,
    Product,
    ReviewItem,
    VersionEvent,
    Webhook,
)
from moderation.services.queue import review
from moderation.services.release import automatic_action, automatic_undo, promotion, rollback
from tests.support import judged_shop
from tests.support.factories import MakeUser, RunWorker

from . import test_rollback
from .test_rollback import anew, picture

pytestmark = pytest.mark.django_db

module_photos, scored, other = (
    test_rollback.module_photos,
    test_rollback.shop,
    test_rollback.other,
)


@pytest.fixture
def shop(scored: ModelVersion, settings: Any) -> ModelVersion:
    """Forty scored products; of what is flagged from now on nothing is kept for people by lot."""
    settings.AUDIT_FLAGGED_SHARE = 0.0
    return scored


def promoted(version: ModelVersion, lead: User) -> None:
    """Active, with a band of clear mismatches that holds nearly everything."""
    promotion.promote(version, by=lead, force_reason="for the test")
    ModelVersion.objects.filter(pk=version.pk).update(threshold=0.99, clear_threshold=0.98)
    version.refresh_from_db()


def automatic() -> Any:
    return Decision.objects.standing().filter(mode="automatic")


def test_another_active_version_turns_the_automatic_action_off(
    shop: ModelVersion, other: ModelVersion, lead: User
) -> None:
    automatic_action.switch(on=True, by=lead, reason="Nobody disagreed.")
    shown = VersionEvent.objects.filter(version=shop).first()
    assert shown is not None
    assert (shown.by, shown.reason) == (lead, "Automatic action turned on: Nobody disagreed.")

    promoted(other, lead)

    newest = automatic_action.newest()
    assert newest is not None and not newest.is_on
    event = VersionEvent.objects.filter(version=other, kind="forced").get()
    assert event.after["automatic_action"] is False
    client = Client()
    client.force_login(lead)
    page = client.get("/admin/thresholds/").content.decode()
    assert f"Turned off by itself: “{other.name}” became active." in page
    page = client.get(f"/admin/moderation/modelversion/{other.pk}/change/").content.decode()
    assert "the automatic action was turned off" in page

    automatic_action.switch(on=True, by=lead, reason="Its band was looked at.")
    assert AutomaticAction.objects.first().is_on  # type: ignore[union-attr]
    event = VersionEvent.objects.filter(version=other).latest("pk")
    assert event.reason == "Automatic action turned on: Its band was looked at."


def test_a_rollback_undoes_what_was_decided_by_the_scores_that_go(
    shop: ModelVersion, other: ModelVersion, lead: User, run_worker: RunWorker, capsys: Any
) -> None:
    before = picture()
    promoted(other, lead)
    automatic_action.switch(on=True, by=lead, reason="Its band was looked at.")
    fresh = judged_shop.taken_in(44)[-4:]  # the first forty are there
    anew(other, run_worker)
    decided = set(automatic().values_list("pk", "item__product_id"))
    assert {product.pk for product in fresh} < {product for _, product in decided}

    call_command("rollback")

    assert f"{len(decided)} automatic decisions of the previous version" in capsys.readouterr().out
    assert not automatic().exists()
    old_shop = {pk for pk, *_ in before["scores"]}
    after = picture()
    assert [row for row in after["scores"] if row[0] in old_shop] == before["scores"]
    assert after["queue"] == before["queue"]
    rows = Decision.objects.filter(verdict="undo").values_list("corrects", "moderator", "mode")
    assert set(rows) == {(pk, lead.pk, "automatic") for pk, _ in decided}  # history is kept
    page = Client()
    page.force_login(lead)
    shown = page.get(f"/admin/moderation/modelversion/{shop.pk}/change/").content.decode()
    shown = " ".join(shown.split())
    assert f"{len(decided)} automatic decisions undone" in shown

    # What the former version has not scored comes into the queue as its scores say.
    ModelVersion.objects.filter(pk=shop.pk).update(threshold=0.99)
    run_worker()
    assert ReviewItem.objects.open().filter(product__in=fresh).count() == len(fresh)


def test_a_rollback_keeps_people_s_decisions_and_older_automatic_ones(
    shop: ModelVersion, other: ModelVersion, lead: User, make_user: MakeUser, run_worker: RunWorker
) -> None:
    ModelVersion.objects.filter(pk=shop.pk).update(threshold=0.99, clear_threshold=0.98)
    automatic_action.switch(on=True, by=lead, reason="Nobody disagreed.")
    early = judged_shop.taken_in(42)[-2:]
    run_worker()
    assert set(automatic().values_list("item__product", flat=True)) == {p.pk for p in early}
    promoted(other, lead)
    anew(other, run_worker)
    item = ReviewItem.objects.open().in_the_open().first()
    assert item is not None
    mine = review.decide(item, moderator=make_user("ben"), verdict="confirm", reason="other_colour")

    rollback.rollback()

    assert set(automatic().values_list("item__product", flat=True)) == {p.pk for p in early}
    assert Decision.objects.standing().filter(pk=mine.pk).exists()


# ── Taking back by hand ───────────────────────────────────────────────────────────────────────
@pytest.fixture
def confirmed(shop: ModelVersion, lead: User, run_worker: RunWorker) -> list[Product]:
    """Products that the automatic action has confirmed."""
    ModelVersion.objects.filter(pk=shop.pk).update(threshold=0.99, clear_threshold=0.98)
    automatic_action.switch(on=True, by=lead, reason="Nobody disagreed.")
    found = judged_shop.taken_in(46)[-6:]
    run_worker()
    assert automatic().count() == len(found)
    return found


def test_a_lead_takes_all_back_and_people_judge_them(
    shop: ModelVersion, confirmed: list[Product], lead: User, capsys: Any
) -> None:
    waiting = set(ReviewItem.objects.open().values_list("pk", flat=True))
    items = set(ReviewItem.objects.filter(product__in=confirmed).values_list("pk", flat=True))

    call_command("undo_automatic", shop.name, by="lena")

    assert "6 automatic decisions of bundled are undone." in capsys.readouterr().out
    assert not automatic().exists() and Decision.objects.filter(mode="automatic").count() == 12
    assert set(ReviewItem.objects.open().values_list("pk", flat=True)) == waiting | items
    event = VersionEvent.objects.first()
    assert event is not None and (event.by, event.after) == (lead, {"automatic_undone": 6})
    item = ReviewItem.objects.get(product=confirmed[0])
    review.decide(item, moderator=lead, verdict="dismiss", reason="matches")
    assert automatic_undo.take_back(shop, by=lead) == 0  # nothing is left, and nothing is logged
    assert VersionEvent.objects.first() == event


@pytest.fixture
def hook(db: None) -> Webhook:
    return Webhook.objects.create(name="shop", url="http://shop.example/")


def test_the_shop_is_told_of_what_it_knows_and_never_of_the_rest(
    shop: ModelVersion, hook: Webhook, confirmed: list[Product], lead: User
) -> None:
    told, retried, *waiting = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk=told.pk).update(state="sent", attempts=1)
    Delivery.objects.filter(pk=retried.pk).update(attempts=1)

    automatic_undo.take_back(shop, by=lead)

    states = dict(Delivery.objects.filter(event="decision.made").values_list("pk", "state"))
    assert states == {told.pk: "sent", retried.pk: "waiting"} | {
        row.pk: "cancelled" for row in waiting
    }
    corrections = Delivery.objects.filter(event="decision.corrected")
    assert {row.payload["data"]["corrects"] for row in corrections} == {
        told.decision_id,
        retried.decision_id,
    }
    assert {row.payload["data"]["verdict"] for row in corrections} == {"undo"}


def test_what_present_scores_let_pass_does_not_come_back(
    shop: ModelVersion, confirmed: list[Product], lead: User, run_worker: RunWorker
) -> None:
    ModelVersion.objects.filter(pk=shop.pk).update(threshold=-0.99, clear_threshold=None)
    shop.refresh_from_db()
    anew(shop, run_worker)

    assert automatic_undo.take_back(shop, by=lead) == 6

    states = ReviewItem.objects.filter(product__in=confirmed).values_list("state", "stratum")
    assert {state for state, stratum in states if stratum == "flagged"} == {"withdrawn"}


def test_a_changed_photo_s_own_item_stays(
    shop: ModelVersion, confirmed: list[Product], lead: User
) -> None:
    product = confirmed[0]
    row = Analysis.objects.get(product=product)
    Product.objects.filter(pk=product.pk).update(content_hash="another")
    now = Analysis.objects.create(
        product=product,
        model_version=shop,
        content_hash="another",
        status="done",
        similarity=0.0,
        threshold_used=0.99,
        is_mismatch=True,
    )
    Product.objects.filter(pk=product.pk).update(analysis=now)
    open_now = ReviewItem.objects.create(product=product, analysis=now, suspicion=0.5)

    automatic_undo.take_back(shop, by=lead)

    assert list(ReviewItem.objects.open().filter(product=product)) == [open_now]
    assert ReviewItem.objects.get(analysis=row).state == "withdrawn"


def test_moderators_may_not(
    shop: ModelVersion, confirmed: list[Product], make_user: MakeUser
) -> None:
    make_user("mia")
    with pytest.raises(CommandError, match="mia may not take automatic decisions back"):
        call_command("undo_automatic", shop.name, by="mia")
    with pytest.raises(CommandError, match="nowhere"):
        call_command("undo_automatic", "nowhere")
    assert automatic().count() == len(confirmed)
