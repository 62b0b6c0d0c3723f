"""/metrics: what it tells, whom it tells, and what that costs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from moderation.models import (
    Analysis,
    CatalogueSource,
    Delivery,
    Heartbeat,
    ProductPhoto,
    SourceRun,
    Webhook,
)
from moderation.services.measures.operation import operation
from moderation.services.queue import review
from moderation.services.scoring import claims
from moderation.services.worker import heartbeat, pause
from tests.support.factories import MakeItem, MakeProduct, RunWorker
from tests.support.paths import ROOT

pytestmark = pytest.mark.django_db

Key = tuple[str, frozenset[tuple[str, str]]]


def read() -> dict[Key, float]:
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def value(found: dict[Key, float], name: str, **labels: str) -> float:
    (only,) = [
        number
        for (other, has), number in found.items()
        if other == name and labels.items() <= set(has)
    ]
    return only


# ── What it tells ─────────────────────────────────────────────────────────────────────────────
def test_it_tells_what_waits_and_for_how_long(
    make_item: MakeItem, make_product: MakeProduct, anna: User
) -> None:
    for name in "PQRS":
        make_product(name)
    Analysis.objects.filter(product__external_id="Q").update(
        created_at=timezone.now() - timedelta(hours=2)
    )
    heartbeat.beat("silent/2/2/b")
    Heartbeat.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=5))
    Analysis.objects.filter(product__external_id="P").update(
        status="running", claimed_by="silent/2/2/b", attempts=1
    )
    Analysis.objects.filter(product__external_id="R").update(attempts=1)
    review.decide(make_item("A"), moderator=anna, verdict="confirm", reason="other_product")
    make_item("B")
    found = read()

    assert value(found, "clipmod_analyses_pending") == 3
    assert value(found, "clipmod_analyses_oldest_pending_seconds") == pytest.approx(7200, abs=60)
    assert value(found, "clipmod_analyses_running") == 1
    assert value(found, "clipmod_analyses_stranded") == 1
    assert value(found, "clipmod_queue_open") == 1
    assert 0 <= value(found, "clipmod_queue_oldest_seconds") < 60
    assert value(found, "clipmod_decisions_last_hour", verdict="confirm") == 1
    assert value(found, "clipmod_decisions_last_hour", verdict="dismiss") == 0


def test_it_tells_what_the_workers_did(make_product: MakeProduct, run_worker: RunWorker) -> None:
    for name in "PQ":
        make_product(name)
    damaged = Analysis.objects.get(product__external_id="Q")
    damaged.image = "gone.jpg"
    damaged.image_sha256 = "0" * 64
    damaged.save()
    before = _answered()
    run_worker()
    heartbeat.beat(heartbeat.me())
    found = read()

    after, me = _answered(), f"{heartbeat.me().split('/')[0]}/"
    assert after.get("done", 0) - before.get("done", 0) == 1
    assert after.get("missing", 0) - before.get("missing", 0) == 1
    done = value(found, "clipmod_analyses_answered_total", outcome="done", worker=me)
    assert done == after["done"]
    assert value(found, "clipmod_batch_seconds_count", worker=me) >= 1
    assert value(found, "clipmod_batch_seconds_sum", worker=me) > 0
    assert value(found, "clipmod_worker_info", backend="torch", model="bundled", worker=me) == 1
    assert value(found, "clipmod_worker_heartbeat_age_seconds", worker=me) < 60


def test_it_tells_what_a_sweep_gave_up_and_why(make_product: MakeProduct, settings: Any) -> None:
    settings.ANALYSIS_MAX_ATTEMPTS = 1
    for name in "PQRS":
        make_product(name)
    before = _answered()
    expired, *gone = claims._claim(Analysis.objects.pending(), size=3, owner="dead/1/1/cluster")
    Analysis.objects.filter(pk=expired.pk).update(
        claimed_by=heartbeat.me(), lease_expires_at=timezone.now() - timedelta(minutes=1)
    )
    assert claims.sweep() == 3

    after, found = _answered(), read()
    for cause, number in (("lease_expired", 1), ("worker_gone", len(gone))):
        assert after.get(cause, 0) - before.get(cause, 0) == number
        told = value(found, "clipmod_analyses_answered_total", outcome=cause)
        assert told == after[cause]


def _answered() -> dict[str, int]:
    heartbeat.beat(heartbeat.me())
    about = Heartbeat.objects.get(worker=heartbeat.me()).about
    assert about is not None
    outcomes: dict[str, int] = about["outcomes"]
    return outcomes


def test_a_process_that_was_replaced_is_the_same_worker() -> None:
    heartbeat.beat("host-1/10/1/cluster")
    Heartbeat.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=20))
    heartbeat.beat("host-1/11/2/cluster")

    assert value(read(), "clipmod_worker_heartbeat_age_seconds", worker="host-1/cluster") < 60


def test_it_tells_of_the_shops_messages() -> None:
    hook = Webhook.objects.create(name="shop", url="http://127.0.0.1:9/")
    now, later = timezone.now(), timezone.now() + timedelta(hours=1)
    for state, due_at, attempts in (
        ("waiting", now, 0),
        ("waiting", later, 3),
        ("failed", now, 8),
        ("failed", now, 8),
        ("sent", now, 1),
    ):
        Delivery.objects.create(
            webhook=hook, event="x", payload={}, state=state, due_at=due_at, attempts=attempts
        )
    found = read()

    assert value(found, "clipmod_webhooks_due") == 1
    assert value(found, "clipmod_webhooks_retried") == 1
    assert value(found, "clipmod_webhooks_failed") == 2


def test_it_tells_of_photos_that_did_not_come(make_product: MakeProduct) -> None:
    product = make_product("SKU-1")
    for position, (state, problem) in enumerate(
        [("waiting", "timeout"), ("failed", "not_found"), ("failed", "not_found"), ("fetched", "")]
    ):
        ProductPhoto.objects.create(
            product=product,
            position=position,
            state=state,
            problem=problem,
            due_at=timezone.now(),
        )
    found = read()

    assert value(found, "clipmod_photos_waiting") == 1
    assert value(found, "clipmod_photos_failed", problem="not_found") == 2
    assert value(found, "clipmod_photos_failed", problem="timeout") == 0


def test_it_tells_of_sources_by_their_last_run() -> None:
    for name, states in (
        ("well", ["failed", "done"]),
        ("ill", ["done", "failed", "waiting"]),
        ("new", []),
        ("asks", ["asks", "nothing_new"]),
    ):
        source = CatalogueSource.objects.create(name=name)
        for state in states:
            ended = None if state == "waiting" else timezone.now()
            SourceRun.objects.create(source=source, state=state, finished_at=ended)
    found = read()

    assert value(found, "clipmod_sources_failing") == 1
    assert value(found, "clipmod_sources_asking") == 1


def test_it_tells_of_a_pause(lead: User) -> None:
    assert not [name for name, _ in read() if name.startswith("clipmod_paused")]
    pause.switch(on=True, by=lead)

    since = value(read(), "clipmod_paused_since_timestamp_seconds", by="lena")
    assert since == pytest.approx(timezone.now().timestamp(), abs=60)


def test_an_empty_site_has_figures_too() -> None:
    assert value(read(), "clipmod_analyses_pending") == 0
    assert value(read(), "clipmod_info") == 1


def test_it_speaks_openmetrics_where_that_is_asked_for() -> None:
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    answer = Client().get("/metrics", headers=accept)

    names = {family.name for family in openmetrics_families(answer.content.decode())}
    assert "clipmod_analyses_answered" in names


# ── Whom it tells ─────────────────────────────────────────────────────────────────────────────
TOKEN = "t" * 20


@pytest.mark.parametrize(
    ("token", "allow", "proxy", "address", "sent", "status"),
    [
        ("", [], False, "127.0.0.1", "", 200),
        ("", [], False, "::1", "", 200),
        ("", [], False, "10.0.0.7", "", 403),
        ("", [], False, "", "", 403),
        ("", [], True, "127.0.0.1", "", 403),
        (TOKEN, [], False, "127.0.0.1", "", 401),
        (TOKEN, [], True, "10.0.0.7", f"Bearer {TOKEN}", 200),
        (TOKEN, [], False, "10.0.0.7", "Bearer other", 401),
        (TOKEN, [], False, "10.0.0.7", f"Bearer {TOKEN}ä", 401),
        ("", ["10.0.0.0/8"], False, "10.0.0.7", "", 200),
        ("", ["10.0.0.0/8"], False, "::ffff:10.0.0.7", "", 200),
        ("", ["10.0.0.0/8"], False, "127.0.0.1", "", 403),
        ("", ["10.0.0.0/8"], False, "11.0.0.7", f"Bearer {TOKEN}", 403),
        (TOKEN, ["10.0.0.7"], False, "10.0.0.7", "", 200),
        (TOKEN, ["10.0.0.7"], False, "10.0.0.8", f"Bearer {TOKEN}", 200),
        (TOKEN, ["10.0.0.7"], False, "10.0.0.8", "", 401),
    ],
)
def test_only_who_may_reads_them(
    settings: Any, token: str, allow: list[str], proxy: bool, address: str, sent: str, status: int
) -> None:
    settings.METRICS_TOKEN, settings.BEHIND_PROXY = token, proxy
    settings.METRICS_ALLOW = [ip_network(one) for one in allow]
    headers = {"authorization": sent} if sent else {}

    assert Client(REMOTE_ADDR=address).get("/metrics", headers=headers).status_code == status


def test_behind_a_proxy_the_address_is_the_one_it_saw(settings: Any) -> None:
    settings.BEHIND_PROXY, settings.METRICS_ALLOW = True, [ip_network("10.0.0.7")]

    def ask(forwarded: str) -> int:
        return Client().get("/metrics", headers={"x-forwarded-for": forwarded}).status_code

    assert ask("10.0.0.7") == 200
    assert ask("10.0.0.7, 192.0.2.1") == 403


# ── What it costs ─────────────────────────────────────────────────────────────────────────────
@pytest.mark.postgresql  # SQLite passes partial indexes by
def test_no_table_is_read_from_end_to_end() -> None:
    with CaptureQueriesContext(connection) as asked:
        operation()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query in asked.captured_queries:
            if query["sql"].startswith("SELECT"):
                cursor.execute(f"EXPLAIN {query['sql']}")
                plan = "\n".join(row[0] for row in cursor.fetchall())
                large = "analysis|reviewitem|decision|delivery"
                assert not re.search(rf"Seq Scan on moderation_({large})\b", plan), plan


def test_the_number_of_questions_is_fixed(make_product: MakeProduct) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            operation()
        return len(asked)

    def one_more(name: str) -> None:
        make_product(name)
        next(claims.claim_batches(size=1, owner=f"one/{name}/1/c"))
        heartbeat.beat(f"host/{name}/1/{name}")

    one_more("P")
    few = questions()
    for name in "QRST":
        one_more(name)

    assert questions() == few <= 20


# ── The dashboard ─────────────────────────────────────────────────────────────────────────────
def _expressions(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        for name, inner in found.items():
            if name in ("expr", "query", "definition") and isinstance(inner, str):
                yield inner
            yield from _expressions(inner)
    elif isinstance(found, list):
        for inner in found:
            yield from _expressions(inner)


def test_the_dashboard_shows_what_there_is(lead: User, make_product: MakeProduct) -> None:
    heartbeat.beat("host/1/1/c")
    pause.switch(on=True, by=lead)
    there = {name for name, _ in read()}
    dashboard = json.loads((ROOT / "docs/grafana/clipmod.json").read_text())
    shown = set(re.findall(r"clipmod_\w+", " ".join(_expressions(dashboard))))

    assert shown - there == set(), "The dashboard asks for what /metrics does not tell."
    # Of the library's own making.
    assert there - shown - {"clipmod_info"} == set(), "No panel shows it."
