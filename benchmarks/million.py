"""How long each page of the admin takes with a million products, on PostgreSQL.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/million python -m benchmarks.million
    DATABASE_URL=... python -m benchmarks.million --explain --only lists

Fills the empty database of DATABASE_URL (see `million_shop`), or takes the one it filled before,
and asks for each page ten times as a lead, through every middleware and template, after one
request that warms it up. Ends with 1 where the median of a page is above the limit or a page does
not answer with 200. `--explain` shows the longest query of each slow page with its plan.
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
    from django.contrib.auth.models import User
    from django.test import Client

LIMIT_MS = 300.0
_POSTED = ("/admin/queue/ahead/",)
_HEAD = """| page | median ms | p95 ms | first, nothing held, ms | queries | longest query, ms | |
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


def pages() -> dict[str, str]:
    """Every page with an address that asks something of it, by name."""
    from moderation.models import Analysis, Category, ModelVersion, Product, ReviewItem

    category = Category.objects.order_by("pk")[3].pk
    former = ModelVersion.objects.get(name="former").pk
    active = ModelVersion.objects.get(status="active").pk
    middle = Product.objects.order_by("pk").values_list("pk", flat=True)[500_000:][:1]
    product = next(iter(middle), Product.objects.latest("pk").pk)
    item = ReviewItem.objects.open().in_the_open().most_suspicious_first()[100].pk
    flagged = Analysis.objects.filter(model_version=former).first()
    assert flagged is not None
    lists = {
        "product": {
            "": "",
            "deep": f"before={product}",
            "older": f"after={product}",
            "flagged": "flagged=yes",
            "passed": "flagged=no",
            "waiting": "status=waiting",
            "failed": "status=failed",
            "not analysed": "status=none",
            "source api": "source__exact=api",
            "source demo": "source__exact=demo",
            "category": f"category__id__exact={category}",
            "category and flagged": f"category__id__exact={category}&flagged=yes",
            "version": f"analysis__model_version__id__exact={active}",
            "former version": f"analysis__model_version__id__exact={former}",
            "search id": "q=P0500000",
            "search ids": "q=P05",
            "search large seller": "q=large-7",
            "search small seller": "q=small-777",
            "search words": "q=wool+shirt",
            "search nothing": "q=zzzzzz",
        },
        "analysis": {
            "": "",
            "older": "after=650000",
            "flagged": "is_mismatch__exact=1",
            "failed": "status__exact=failed",
            "version": f"model_version__id__exact={active}",
            "former version": f"model_version__id__exact={former}",
            "search id": "q=P0500000",
            "search words": "q=wool+shirt",
            "search nothing": "q=zzzzzz",
        },
        "reviewitem": {
            "": "",
            "older": "after=150000",
            "open": "state__exact=open",
            "withdrawn": "state__exact=withdrawn",
            "category": f"product__category__id__exact={category}",
            "open in category": f"state__exact=open&product__category__id__exact={category}",
            "search id": "q=P0500000",
            "search large seller": "q=large-7",
            "search words": "q=wool+shirt",
            "search nothing": "q=zzzzzz",
        },
        "decision": {
            "": "",
            "older": "after=150000",
            "undone": "verdict__exact=undo",
            "reason": "reason__exact=other_colour",
            "no such reason": "reason__exact=unusable_photo",
            "moderator": "moderator__id__exact=3",
            "search id": "q=P0500000",
            "search words": "q=wool+shirt",
            "search nothing": "q=zzzzzz",
        },
    }
    listed = {
        f"lists: {name} {what}".strip(): f"/admin/moderation/{name}/?{query}"
        for name, queries in lists.items()
        for what, query in queries.items()
    }
    return {
        "start page": "/admin/",
        "queue": "/admin/queue/",
        "queue in a category": f"/admin/queue/?category={category}",
        "queue of a large seller": "/admin/queue/?seller=large-7",
        "queue of a small seller": "/admin/queue/?seller=small-777",
        "queue of nobody": "/admin/queue/?seller=nobody",
        "queue reopened": "/admin/queue/?reason=reopened",
        "queue skipped": "/admin/queue/?reason=skipped",
        "queue review band": "/admin/queue/?band=review",
        "queue of the former version": f"/admin/queue/?version={former}",
        "queue older than 9 days": "/admin/queue/?older=9d",
        "queue ahead": "/admin/queue/ahead/",
        "queue item": f"/admin/queue/{item}/",
        "product": f"/admin/moderation/product/{product}/change/",
        "analysis": f"/admin/moderation/analysis/{flagged.pk}/change/",
        "review item": f"/admin/moderation/reviewitem/{item}/change/",
        "quality": "/admin/quality/",
        "thresholds": "/admin/thresholds/",
        "health": "/admin/health/",
        "team today": "/admin/team/?days=1",
        "team 7 days": "/admin/team/?days=7",
        "team 30 days": "/admin/team/?days=30",
        "sellers": "/admin/sellers/",
        "sellers search large": "/admin/sellers/?q=large-",
        "sellers search small": "/admin/sellers/?q=small-1",
        "seller large": "/admin/sellers/large-7/",
        "seller small": "/admin/sellers/small-777/",
        "views": "/admin/views/",
        **listed,
    }


def measure(*, times: int, only: str) -> Iterator[Timing]:
    """Each page's times, the pages one after the other."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["testserver"]
    lead = User.objects.get(username="lead")
    _save_views(lead)
    client = Client()
    client.force_login(lead)
    for name, address in pages().items():
        if only in name:
            yield timed(client, name, address, times)


def _save_views(lead: User) -> None:
    """Two dozen views, of all kinds."""
    from moderation.models import Category, SavedView

    queries = [f"category={pk}" for pk in Category.objects.values_list("pk", flat=True)[:10]]
    queries += [f"seller=large-{number}" for number in range(6)]
    queries += ["seller=small-777", "seller=nobody", "older=9d", "older=99d", "band=review"]
    queries += ["reason=reopened", "reason=skipped", "reason=flagged"]
    for query in queries:
        SavedView.objects.get_or_create(
            owner=lead, name=f"View of {query}", defaults={"query": query, "is_shared": True}
        )


def timed(client: Client, name: str, address: str, times: int) -> Timing:
    """One page: once with its queries looked at, then `times` times by the clock."""
    from django.core.cache import cache
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    cache.clear()
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
        client.post("/admin/queue/leave/")  # so that the page claims an item anew
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
