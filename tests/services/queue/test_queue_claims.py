"""Moderators at once, in real threads with connections of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from moderation.models import Decision, ReviewItem
from moderation.services.queue import review, review_claims
from tests.support.factories import MakeItem, MakeUser

pytestmark = pytest.mark.django_db(transaction=True)

MODERATORS, ITEMS = 4, 24


@contextmanager
def own_connection() -> Iterator[None]:
    try:
        yield
    finally:
        connections.close_all()


def at_once(users: list[User], work: Callable[[User], Any]) -> list[Any]:
    """What `work` returns for each user, all started at the same moment."""
    start = Barrier(len(users))

    def run(user: User) -> Any:
        with own_connection():
            start.wait()
            return work(user)

    with ThreadPoolExecutor(len(users)) as pool:
        return list(pool.map(run, users))


def shown_item(client: Client) -> int | None:
    """The item on this moderator's page, read from the page: contexts are shared by threads."""
    html = client.get("/admin/queue/").content.decode()
    found = re.search(r'data-item="(\d+)"', html)
    return int(found[1]) if found else None


@pytest.fixture
def moderators(make_user: MakeUser) -> list[User]:
    return [make_user(f"moderator{number}") for number in range(MODERATORS)]


@pytest.mark.slow
def test_moderators_at_once_decide_every_item_exactly_once(
    make_item: MakeItem, moderators: list[User]
) -> None:
    for number in range(ITEMS):
        make_item(f"A{number}", similarity=number / 100)

    def work_through(moderator: User) -> list[int]:
        client = Client()
        client.force_login(moderator)
        seen: list[int] = []
        while (pk := shown_item(client)) is not None:
            answer = client.post(f"/admin/queue/{pk}/decide/", {"answer": "dismiss:matches"})
            assert answer.status_code == 302  # 409 would say that somebody else held it too
            seen.append(pk)
        return seen

    decided = [pk for seen in at_once(moderators, work_through) for pk in seen]

    assert len(decided) == len(set(decided)) == ITEMS
    assert Decision.objects.count() == ITEMS
    assert not ReviewItem.objects.open().exists()


def test_one_item_goes_to_one_of_those_who_ask_at_once(
    make_item: MakeItem, moderators: list[User]
) -> None:
    item = make_item("A1")

    got = at_once(moderators, review_claims.claim_next)

    assert [one for one in got if one is not None] == [item]


def test_of_two_decisions_at_once_one_stands(make_item: MakeItem, moderators: list[User]) -> None:
    item = make_item("A1")

    def decide(moderator: User) -> str:
        try:
            review.decide(item, moderator=moderator, verdict="dismiss", reason="matches")
        except review.AlreadyDecided as late:
            return str(late)
        return "decided"

    answers = at_once(moderators, decide)

    assert answers.count("decided") == 1 == Decision.objects.count()
    assert all("has already decided" in answer for answer in answers if answer != "decided")
