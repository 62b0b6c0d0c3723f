"""Messages that arrived, results of tasks and finished runs go; what somebody waits for stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import Task

from moderation.models import (
    CatalogueSource,
    Decision,
    Delivery,
    SourceListing,
    SourceRun,
    Webhook,
)
from moderation.services.integration import webhooks
from moderation.services.queue import review
from moderation.services.retention import log, records
from tests.support.factories import MakeItem, MakeProduct, MakeUser
from tests.support.old_rows import age

pytestmark = pytest.mark.django_db

State = Delivery.State


def remove(what: Callable[..., Iterator[dict[str, int]]]) -> int:
    before = timezone.now() - timedelta(days=30)
    would_go = sum(sum(gone.values()) for gone in what(before, dry_run=True))
    gone = sum(sum(gone.values()) for gone in what(before, dry_run=False))
    assert gone == would_go
    return gone


@pytest.fixture
def hook(db: None) -> Webhook:
    made = Webhook.objects.create(name="shop", url="https://shop.example/hook")
    age(Webhook, "created_at", by=timedelta(days=900))
    return made


def test_only_what_arrived_or_was_withheld_goes(hook: Webhook) -> None:
    for state in State:
        Delivery.objects.create(
            webhook=hook, event="ping", payload={}, state=state, due_at=timezone.now()
        )
    assert remove(records.remove_deliveries) == 0
    age(Delivery, "created_at")
    assert remove(records.remove_deliveries) == 2
    assert set(Delivery.objects.values_list("state", flat=True)) == {
        *(State.WAITING, State.SENDING, State.FAILED)
    }


def test_the_shop_is_told_of_a_correction_though_the_first_message_is_gone(
    hook: Webhook, make_item: MakeItem, make_user: MakeUser
) -> None:
    item, anna = make_item("A1"), make_user("anna")
    decision = review.decide(item, moderator=anna, verdict="confirm", reason="other_product")
    Delivery.objects.update(state=State.SENT, attempts=1, sent_at=timezone.now())
    age(Delivery, "created_at", "sent_at")
    assert remove(records.remove_deliveries) == 1
    decision.created_at -= timedelta(days=365)  # the row itself cannot be changed
    assert webhooks.hold_back([decision]) == {decision.pk}
    assert not webhooks.take_back([decision])
    fresh = Decision.objects.get()
    assert webhooks.hold_back([fresh]) == set()
    assert webhooks.take_back([fresh])


def test_who_had_no_webhook_then_is_not_told(make_item: MakeItem, make_user: MakeUser) -> None:
    item, anna = make_item("A1"), make_user("anna")
    decision = review.decide(item, moderator=anna, verdict="confirm", reason="other_product")
    Webhook.objects.create(name="shop", url="https://shop.example/hook")
    decision.created_at -= timedelta(days=365)
    assert webhooks.hold_back([decision]) == set()


def test_results_of_tasks_go_but_for_the_last_run(db: None) -> None:
    times = {"started": timezone.now(), "stopped": timezone.now(), "func": "math.sqrt"}
    for number, (group, success) in enumerate([("", True), ("", False), (log.GROUP, True)]):
        Task.objects.create(id=str(number), name="a", group=group, success=success, **times)
    assert remove(records.remove_task_results) == 0
    age(Task, "started", "stopped")
    assert remove(records.remove_task_results) == 2
    assert Task.objects.get().group == log.GROUP


def test_runs_of_sources_go_but_for_what_listings_and_people_need(
    make_product: MakeProduct,
) -> None:
    source = CatalogueSource.objects.create(name="feed")
    done, ended = SourceRun.State.DONE, timezone.now() - timedelta(days=365)
    states = [SourceRun.State.FAILED, done, SourceRun.State.ASKS, done]
    old, named, asks, newest = [
        SourceRun.objects.create(source=source, state=state, finished_at=ended) for state in states
    ]
    SourceListing.objects.create(source=source, product=make_product("A1"), run=named)
    assert remove(records.remove_source_runs) == 1
    assert set(SourceRun.objects.all()) == {named, asks, newest}
    assert old not in SourceRun.objects.all()
