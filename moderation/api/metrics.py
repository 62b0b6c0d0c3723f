"""GET /metrics: the state of the work in Prometheus' text format.

All figures are the database's, so each web process gives the same answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from operator import attrgetter
from typing import get_args

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from clipmod import proxy
from moderation import __version__
from moderation.clip.errors import ImageErrorCode
from moderation.services.catalogue.fetching.problems import LABELS
from moderation.services.measures.operation import Operation, operation
from moderation.services.measures.workers import Worker
from moderation.services.retention.periods import Kind
from moderation.services.scoring import claims

_RUNS = ("version", "model", "device", "backend", "precision")
_GIVEN_UP = (claims.LEASE_EXPIRED, claims.WORKER_GONE)
_OUTCOMES = ("done", *get_args(ImageErrorCode), "batch_failed", *_GIVEN_UP)
_GAUGES = {
    "backlog.pending": ("analyses_pending", "Analyses that wait for a worker."),
    "oldest_pending": ("analyses_oldest_pending_seconds", "Age of the oldest of them, or 0."),
    "backlog.running": ("analyses_running", "Analyses that workers hold."),
    "backlog.stranded": ("analyses_stranded", "Of those, held by workers that have gone silent."),
    "open": ("queue_open", "Listings that wait for a moderator."),
    "oldest_open": ("queue_oldest_seconds", "Age of the oldest of them, or 0."),
    "webhooks_due": ("webhooks_due", "Messages to the shop that could be sent now."),
    "webhooks_retried": ("webhooks_retried", "Messages that failed before and are tried again."),
    "webhooks_failed": ("webhooks_failed", "Messages that were given up."),
    "photos_waiting": ("photos_waiting", "Photos that are still to be fetched."),
}


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever has the token or an allowed address; without either setting, for this machine."""
    if not _may_read(request):
        return _refused()
    try:
        now = operation()
    except DatabaseError as error:
        return HttpResponse(
            f"# The database does not answer ({type(error).__name__}).\n",
            status=503,
            content_type="text/plain; charset=utf-8",
        )
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(Figures(now)), content_type=content_type)


# ── Who may read them ─────────────────────────────────────────────────────────────────────────
def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN and _has_token(request):
        return True
    address = _address(request)
    if settings.METRICS_TOKEN or settings.METRICS_ALLOW:
        return address is not None and any(address in one for one in settings.METRICS_ALLOW)
    # Behind a proxy everybody seems to be on this machine, where a header is missing.
    return not settings.BEHIND_PROXY and address is not None and address.is_loopback


def _has_token(request: HttpRequest) -> bool:
    sent = request.headers.get("Authorization", "").encode()
    return secrets.compare_digest(sent, f"Bearer {settings.METRICS_TOKEN}".encode())


def _address(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(proxy.address(request) or "")
    except ValueError:
        return None  # a Unix socket
    return getattr(found, "ipv4_mapped", None) or found


def _refused() -> HttpResponse:
    answer = HttpResponse(
        "Send the token of METRICS_TOKEN as a Bearer, or ask from an address of METRICS_ALLOW.\n",
        status=401 if settings.METRICS_TOKEN else 403,
        content_type="text/plain; charset=utf-8",
    )
    if settings.METRICS_TOKEN:
        answer["WWW-Authenticate"] = "Bearer"
    return answer


# ── The figures ───────────────────────────────────────────────────────────────────────────────
class Figures(Collector):
    """A state of the work, as the client library wants it."""

    def __init__(self, now: Operation) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("clipmod", "This web server.", value={"version": __version__})
        for field, (name, words) in _GAUGES.items():
            yield GaugeMetricFamily(f"clipmod_{name}", words, value=attrgetter(field)(self.now))
        yield self._decisions()
        yield self._photos_failed()
        yield from self._sources()
        yield self._paused()
        yield from self._retention()
        yield from _of_workers(self.now.workers)

    def _decisions(self) -> Metric:
        found = GaugeMetricFamily(
            "clipmod_decisions_last_hour", "Decisions of the last hour.", labels=["verdict"]
        )
        for verdict, number in self.now.decisions.items():
            found.add_metric([verdict], number)
        return found

    def _photos_failed(self) -> Metric:
        """Every class, so that one which appears can be told from one that was never asked."""
        found = GaugeMetricFamily(
            "clipmod_photos_failed", "Photos that could not be fetched.", labels=["problem"]
        )
        for code in LABELS:
            found.add_metric([code], self.now.photos_failed.get(code, 0))
        return found

    def _sources(self) -> Iterator[Metric]:
        found = self.now.sources
        for name, words, of in (
            ("failing", "Sources whose last run failed.", found.failing),
            ("asking", "Sources that ask whether listings be withdrawn.", found.asking),
        ):
            yield GaugeMetricFamily(f"clipmod_sources_{name}", words, value=len(of))

    def _paused(self) -> Metric:
        """When the work was paused and by whom; no sample while it is not."""
        found = GaugeMetricFamily(
            "clipmod_paused_since_timestamp_seconds",
            "Since when no new analyses are handed out; absent while they are.",
            labels=["by"],
        )
        if self.now.pause is not None:
            who = self.now.pause.by.get_username()
            found.add_metric([who], self.now.pause.created_at.timestamp())
        return found

    def _retention(self) -> Iterator[Metric]:
        """The last run; no sample before the first."""
        at = GaugeMetricFamily(
            "clipmod_retention_started_timestamp_seconds",
            "When what is kept no longer was last looked for.",
        )
        removed = GaugeMetricFamily(
            "clipmod_retention_removed", "What that run has removed so far.", labels=["kind"]
        )
        problems = GaugeMetricFamily("clipmod_retention_problems", "What that run could not do.")
        if (last := self.now.retention) is not None:
            at.add_metric([], last.started.timestamp())
            problems.add_metric([], len(last.problems))
            for kind in Kind:
                removed.add_metric([kind], last.counts.get(kind, 0))
        yield from (at, removed, problems)


def _of_workers(workers: list[Worker]) -> Iterator[Metric]:
    of_one = ["host", "worker"]
    info = InfoMetricFamily("clipmod_worker", "What each worker runs on.", labels=of_one)
    beat = GaugeMetricFamily(
        "clipmod_worker_heartbeat_age_seconds", "Since the last heartbeat.", labels=of_one
    )
    done = CounterMetricFamily(
        "clipmod_analyses_answered",
        "Analyses by how they ended: done, why the photo failed, batch_failed, or given up by a "
        "sweep as the lease expired or the worker was gone.",
        labels=[*of_one, "outcome"],
    )
    batches = SummaryMetricFamily(
        "clipmod_batch_seconds", "How long a batch of analyses takes.", labels=of_one
    )
    for one in workers:
        key, about = [one.host, one.name], one.about
        beat.add_metric(key, one.age.total_seconds())
        info.add_metric(key, {name: about.get(name, "") for name in _RUNS})
        batches.add_metric(key, about.get("batches", 0), about.get("seconds", 0.0))
        # All of them: a series that began at its first failure would show no rise.
        for outcome, number in (dict.fromkeys(_OUTCOMES, 0) | about.get("outcomes", {})).items():
            done.add_metric([*key, outcome], number)
    yield from (beat, info, done, batches)
