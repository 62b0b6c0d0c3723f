"""A shop where one person alone may decide: nobody is asked for a second opinion."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from moderation.models import Decision, ReviewItem
from moderation.services.datasets import snapshot_rows
from moderation.services.datasets.dataset_manifest import Filters
from moderation.services.datasets.snapshot_manifest import SnapshotManifest
from moderation.services.queue import review, review_claims, second_person
from moderation.services.rules import sampling
from tests.support.factories import MakeItem, MakeUser, as_user

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def owner(make_user: MakeUser, settings: Any) -> User:
    """The only person who may decide, in a shop that draws every product for gold."""
    settings.GOLD_SHARE = 1.0
    make_user("vera", group="viewer")
    gone = make_user("gone")
    gone.is_active = False
    gone.save()
    return make_user("olga", group="lead")


def decide(item: ReviewItem, by: User) -> Decision:
    return review.decide(item, moderator=by, verdict="dismiss", reason="matches")


def text_of(client: Client, address: str) -> str:
    """A page's words, with single spaces."""
    return " ".join(client.get(address).content.decode().split())


@pytest.fixture
def waiting(owner: User, make_item: MakeItem, make_user: MakeUser) -> ReviewItem:
    """A second opinion that was asked while there was a second person, who has left since."""
    ben = make_user("ben")
    decide(make_item("A1"), owner)
    ben.is_active = False
    ben.save()
    return ReviewItem.objects.open().get()


def test_no_second_opinion_is_asked_until_there_is_a_second_person(
    owner: User, make_item: MakeItem, make_user: MakeUser
) -> None:
    first = decide(make_item("A1"), owner)
    assert not ReviewItem.objects.open().exists()
    assert "Nothing waits for you" in text_of(as_user(owner), "/admin/")

    ben = make_user("ben")  # given the right: from now on
    assert not ReviewItem.objects.open().exists()
    second = decide(make_item("A2"), owner)
    asked = ReviewItem.objects.open().get()
    assert asked.second_of == second.item != first.item
    assert review_claims.claim_next(ben) == asked


def test_an_administrator_is_a_second_person(
    owner: User, make_item: MakeItem, admin_user: User
) -> None:
    decide(make_item("A1"), owner)

    assert ReviewItem.objects.open().get().second_of is not None
    assert second_person.only_person() is None


def test_what_is_drawn_for_gold_stays_held_out_of_training(
    owner: User, make_item: MakeItem, settings: Any
) -> None:
    """So a second person, once there is one, judges products that no model has learned from."""
    settings.GOLD_SHARE = 0.5
    names = [f"A{number}" for number in range(12)]
    for name in names:
        decide(make_item(name), owner)
    assert not ReviewItem.objects.filter(second_of__isnull=False).exists()

    rows = list(snapshot_rows.labels(Filters(), SnapshotManifest(Filters(), 0, False, 0, 0.5, "")))
    drawn = {row["product_id"] for row in rows if row["is_drawn"]}
    assert drawn == {name for name in names if sampling.drawn_for_gold(name)}
    assert 0 < len(drawn) < len(names)
    assert all(sampling.kept_for_judging(name) for name in drawn)


def test_what_waits_for_a_second_person_says_so_on_every_page(
    owner: User, waiting: ReviewItem
) -> None:
    page = as_user(owner)
    assert review_claims.claim_next(owner) is None
    need = "1 needs a second person"

    assert need + ", and you are the only one who may decide" in text_of(page, "/admin/")
    empty = text_of(page, "/admin/queue/")
    assert f"1 item is still open. {need}: you are the only one who may decide" in empty
    assert "others have" not in empty and "you skipped" not in empty
    health = text_of(page, "/admin/health/")
    assert "1 of them needs a second person: you are the only one who may decide" in health
    assert "all that is open needs a second one" in health
    assert "you are the only one who may decide, so nobody is asked" in text_of(
        page, "/admin/quality/"
    )
    item = text_of(page, f"/admin/queue/{waiting.pk}/")
    assert "A second person is needed" in item
    assert "the second opinion needs a second person, and you are the only one" in item


def test_who_may_only_look_reads_who_the_only_one_is(waiting: ReviewItem, client: Client) -> None:
    client.force_login(User.objects.get(username="vera"))

    assert "olga is the only one who may decide" in text_of(client, "/admin/health/")


def test_with_a_second_person_the_pages_speak_of_others_again(
    owner: User, waiting: ReviewItem, make_user: MakeUser
) -> None:
    cleo = make_user("cleo")
    page = as_user(owner)

    assert "second person" not in text_of(page, "/admin/")
    assert "others have it in hand or are asked about it" in text_of(page, "/admin/queue/")
    assert "second opinion is somebody else's" in review_claims.refusal(waiting, moderator=owner)
    assert review_claims.claim_next(cleo) == waiting


def test_a_skip_does_not_promise_somebody_else(
    owner: User, make_item: MakeItem, make_user: MakeUser
) -> None:
    page = as_user(owner)
    said = page.post(f"/admin/queue/{make_item('A1').pk}/skip/", {}, follow=True).content.decode()
    assert "you are the only one who may decide" in said and "Somebody else looks" not in said

    make_user("ben")
    said = page.post(f"/admin/queue/{make_item('A2').pk}/skip/", {}, follow=True).content.decode()
    assert "Somebody else looks" in said


def test_the_queue_is_not_forecast_by_what_nobody_can_decide(
    owner: User, waiting: ReviewItem, make_item: MakeItem
) -> None:
    assert second_person.waiting() == second_person.waiting_besides(owner) == 1
    make_item("B1")
    assert "needs a second one" not in text_of(as_user(owner), "/admin/health/")
    assert "Look at the next listing" in text_of(as_user(owner), "/admin/")


def test_a_second_opinion_is_not_escalated_to_the_lead_who_gave_the_first(
    owner: User, make_item: MakeItem, make_user: MakeUser
) -> None:
    ben = make_user("ben")
    decide(make_item("A1"), owner)
    second = review_claims.claim_next(ben)
    assert second is not None
    with pytest.raises(review.ReviewError, match="There is no other lead"):
        review.escalate(second, moderator=ben)

    make_user("lea", group="lead")
    review.escalate(second, moderator=ben)
