"""How long each page of the admin takes with a million products, on PostgreSQL.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/million python -m benchmarks.million
    DATABASE_URL=... python -m benchmarks.million --explain --only lists

Fills the empty database of DATABASE_URL (see `million_shop`), or takes the one it filled before,
and requests each page ten times as a lead, through every middleware and template, after one
request for which only that is cached which the worker prepares. Ends with 1 where the median of a
page is above the limit or a page does not answer with 200. `--explain` shows the longest query of
each slow page with its plan.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from django.test import Client

LIMIT_MS = 300.0
_POSTED = ("/admin/queue/ahead/",)
_HEAD = """| page | median ms | p95 ms | first ms | queries | longest query, ms | |
|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Timing:
    """A page's answer times in milliseconds, its queries, and the longest of them."""

    page: str
    address: str
    status: int
    median: float
    p95: float
    first: float
    queries: int
    longest: str
    longest_ms: float

    def is_slow(self, limit: float) -> bool:
        return self.status != 200 or self.median > limit


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--limit", type=float, default=LIMIT_MS, help="milliseconds")
    parser.add_argument("--only", default="", help="pages with this in their name")
    parser.add_argument("--explain", action="store_true", help="the plans of slow queries")
    options = parser.parse_args()
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        parser.error("set DATABASE_URL to an empty PostgreSQL database of its own.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clipmod.settings")
    os.environ.setdefault("CLIP_MODEL_NAME", "bundled")
    django.setup()
    from .million_shop import fill

    if seconds := fill(options.products):
        print(f"Filled in {seconds:.0f} s.")
    print(f"Prepared as the worker does every few minutes, in {prepared():.1f} s.\n")
    print(_HEAD)
    timings = []
    for timing in measure(times=options.times, only=options.only):
        timings.append(timing)
        print(as_row(timing, limit=options.limit), flush=True)
    print(f"\nLoad of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")
    slow = [timing for timing in timings if timing.is_slow(options.limit)]
    if options.explain:
        for timing in slow:
            explain(timing)
    return 1 if slow else 0


def prepared() -> float:
    """Find what the worker finds before anybody asks, and nothing else; returns the seconds."""
    from django.core.cache import caches

    from moderation.services.measures import prepare

    caches["answers"].clear()
    started = time.perf_counter()
    prepare.prepare_figures()
    return time.perf_counter() - started


def measure(*, times: int, only: str) -> Iterator[Timing]:
    """Each page's times, the pages one after the other."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    from moderation.models import CacheEntry

    from .million_pages import pages, save_views

    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["testserver"]
    lead = User.objects.get(username="lead")
    save_views(lead)
    client = Client()
    client.force_login(lead)
    client.get("/admin/moderation/category/")  # what the process itself does only once
    by_worker = set(CacheEntry.objects.values_list("pk", flat=True))
    for name, address in pages().items():
        if only in name:
            # What pages have cached for themselves.
            CacheEntry.objects.exclude(pk__in=by_worker).delete()
            yield timed(client, name, address, times)


def timed(client: Client, name: str, address: str, times: int) -> Timing:
    """One page: once with its queries looked at, then `times` times by the clock."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        first, status = _once(client, address)
    queries = captured.captured_queries  # the next request forgets them
    longest = max(queries, key=lambda query: float(query["time"]), default={})
    spent = sorted(_once(client, address)[0] for _ in range(times))
    return Timing(
        page=name,
        address=address,
        status=status,
        median=statistics.median(spent),
        p95=spent[min(len(spent) - 1, round(0.95 * (len(spent) - 1)))],
        first=first,
        queries=len(queries),
        longest=str(longest.get("sql", "")),
        longest_ms=1000 * float(longest.get("time", 0)),
    )


def _once(client: Client, address: str) -> tuple[float, int]:
    if address.startswith("/admin/queue/"):
        client.post("/admin/queue/leave/")  # so that the page claims an item again
    posted = address in _POSTED
    started = time.perf_counter()
    if posted:  # as the page's script asks
        status = client.post(address, headers={"accept": "application/json"}).status_code
    else:
        status = client.get(address).status_code
    return 1000 * (time.perf_counter() - started), status


def as_row(one: Timing, *, limit: float) -> str:
    remark = f"status {one.status}" if one.status != 200 else ""
    remark = remark or ("slow" if one.is_slow(limit) else "")
    return (
        f"| {one.page} | {one.median:.0f} | {one.p95:.0f} | {one.first:.0f} | {one.queries} "
        f"| {one.longest_ms:.0f} | {remark} |"
    )


def explain(timing: Timing) -> None:
    """The longest query of a page with its plan."""
    from django.db import connection

    print(f"\n## {timing.page}: {timing.longest_ms:.0f} ms\n{timing.longest}\n")
    if not timing.longest.lstrip().upper().startswith("SELECT"):
        return
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {timing.longest}")
        print("\n".join(row[0] for row in cursor.fetchall()))


if __name__ == "__main__":
    sys.exit(main())
