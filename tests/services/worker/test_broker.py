"""Where a cluster's work comes from: messages, and what it finds by looking at the rows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django_q.brokers import get_broker
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from moderation import tasks
from moderation.models import Analysis, Heartbeat
from moderation.services.worker import broker, pause
from tests.support.factories import MakeProduct

pytestmark = pytest.mark.django_db


class Clock:
    """The time that a broker reads, and the seconds that it slept."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(broker, "time", clock)
    monkeypatch.setattr(broker.orm, "sleep", clock.sleep)
    return clock


def taken(one: Any) -> str | None:
    """The function of the message that the broker hands out next."""
    messages = one.dequeue()
    return SignedPackage.loads(messages[0][1])["func"] if messages else None


def test_each_cluster_finds_the_same_pending_rows(make_product: MakeProduct, clock: Clock) -> None:
    make_product("A1")
    one, other = broker.OrmBroker(), broker.OrmBroker()

    for cluster in (one, other):
        assert taken(cluster) == broker.SWEEP, "first what dead workers held comes back"
        assert taken(cluster) == broker.ANALYSE


def test_where_nothing_waits_only_the_heartbeat_is_asked_for(clock: Clock, settings: Any) -> None:
    settings.WORKER_STALE_SECONDS = 60
    cluster, began = broker.OrmBroker(), clock.now
    told = []
    while clock.now < began + 60:
        if task := taken(cluster):
            told.append((round(clock.now - began), task))

    assert told == [(seconds, broker.SWEEP) for seconds in (0, 15, 30, 45)]


def test_a_message_comes_before_what_waits(make_product: MakeProduct, clock: Clock) -> None:
    make_product("A1")
    cluster = broker.OrmBroker()
    taken(cluster)
    async_task("moderation.tasks.evaluate", 1)

    assert taken(cluster) == "moderation.tasks.evaluate"
    assert taken(cluster) == broker.ANALYSE


def test_what_nobody_can_answer_is_told_of_less_and_less_often(
    make_product: MakeProduct, clock: Clock, settings: Any
) -> None:
    settings.WORKER_STALE_SECONDS = 3600
    make_product("A1")
    make_product("A2")
    cluster = broker.OrmBroker()
    taken(cluster)
    began, told = clock.now, []
    while clock.now < began + 30:
        if taken(cluster):
            told.append(clock.now - began)

    gaps = [later - sooner for sooner, later in pairwise(told)]
    assert gaps == sorted(gaps)
    assert gaps[0] <= 1
    assert gaps[-1] == pytest.approx(broker.LATEST, abs=0.5)

    Analysis.objects.filter(product__external_id="A1").update(status="running")
    assert taken(cluster) == broker.ANALYSE, "once something moves, at once"


def test_it_outlives_a_database_that_does_not_answer(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_: Any) -> None:
        raise OperationalError("server closed connection")

    cluster = broker.OrmBroker()
    taken(cluster)
    with monkeypatch.context() as patch:
        patch.setattr(broker.orm.ORM, "dequeue", gone)
        assert taken(cluster) is None
    assert taken(cluster) is None
    assert [record.getMessage() for record in caplog.records] == [
        "The database does not answer, waiting for it: server closed connection",
        "The database answers again",
    ]


def test_during_a_pause_heartbeats_go_on_and_no_analyses_are_handed_out(
    make_product: MakeProduct, lead: User, clock: Clock, settings: Any
) -> None:
    settings.WORKER_STALE_SECONDS = 60
    make_product("A1")
    cluster, began, told = broker.OrmBroker(), clock.now, set()
    pause.switch(on=True, by=lead)
    while clock.now < began + 60:
        told.add(taken(cluster))
    assert told == {None, broker.SWEEP}

    pause.switch(on=False, by=lead)
    assert taken(cluster) in (broker.SWEEP, broker.ANALYSE)
    assert taken(cluster) == broker.ANALYSE


def test_a_task_that_was_asked_for_before_the_pause_answers_nothing(
    make_product: MakeProduct, lead: User
) -> None:
    make_product("A1")
    pause.switch(on=True, by=lead)

    assert tasks.analyse_pending() == 0
    assert Analysis.objects.pending().count() == 1
    assert Heartbeat.objects.count() == 1


def test_the_queue_that_is_set_is_the_one_that_looks() -> None:
    assert isinstance(get_broker(), broker.OrmBroker)
