"""Photos are fetched politely, each once, whatever the host answers and whoever is killed."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DataError, connection, transaction

from moderation.models import Analysis, PhotoHost, Product, ProductPhoto
from moderation.services.catalogue import intake, intake_bulk
from moderation.services.catalogue.fetching import arrivals, hosts, retries
from moderation.services.catalogue.fetching import fetch as fetch_module
from moderation.services.catalogue.fetching.arrivals import Fetched
from moderation.services.catalogue.fetching.fetch import Fetcher
from moderation.services.catalogue.intake import Listing
from moderation.services.rules import photos
from moderation.services.rules.photos import NotStored
from moderation.services.worker import pause
from tests.support import full_disk
from tests.support.factories import MakeUser
from tools import photo_host
from tools.photo_host import Said

pytestmark = pytest.mark.django_db(transaction=True)
State = ProductPhoto.State


@pytest.fixture
def host(bundled: Any, settings: Any, media: Any) -> Iterator[photo_host.PhotoHost]:
    settings.FETCH_ALLOW = ["127.0.0.1"]
    settings.FETCH_REQUESTS_PER_SECOND = 1000
    with photo_host.photo_host() as host:
        yield host


def listings(*addresses: str) -> None:
    """A product for each address."""
    taken = [
        (Listing(f"SKU-{n}", "A red ball", None, addresses=(address,)), None)
        for n, address in enumerate(addresses)
    ]
    with transaction.atomic():
        intake_bulk.store_many(taken, source="import")


def fetch() -> int:
    return Fetcher().run()


def states() -> list[tuple[str, str]]:
    return list(ProductPhoto.objects.order_by("pk").values_list("state", "problem"))


def test_photos_are_fetched_once_each_and_their_listings_scored(
    host: photo_host.PhotoHost,
) -> None:
    listings(*(host(f"/{n}.jpg") for n in range(20)))

    assert fetch() == 20
    assert states() == [(State.FETCHED, "")] * 20
    assert set(host.asked.values()) == {1} and len(host.asked) == 20
    assert Analysis.objects.pending().count() == 20
    assert all(product.image_url for product in Product.objects.all())
    assert fetch() == 0


def test_no_more_connections_than_allowed_and_an_honest_name(
    host: photo_host.PhotoHost, settings: Any
) -> None:
    settings.FETCH_CONNECTIONS, settings.FETCH_CONTACT = 3, "https://shop.example/bots"
    host.say = lambda path: Said(404, seconds=0.05)
    listings(*(host(f"/{n}.jpg") for n in range(30)))

    fetch()
    assert host.most == 3
    (agent,) = host.agents
    assert agent.startswith("clipmod/") and "(+https://shop.example/bots)" in agent


def test_no_more_requests_a_second_than_allowed(host: photo_host.PhotoHost, settings: Any) -> None:
    settings.FETCH_REQUESTS_PER_SECOND = 20
    listings(*(host(f"/{n}.jpg") for n in range(21)))

    fetch()
    assert host.times[-1] - host.times[0] >= 0.95
    by_second = [sum(start <= one < start + 1 for one in host.times) for start in host.times]
    assert max(by_second) <= 22  # a request may be late and the next one not


@pytest.mark.parametrize(
    ("said", "state", "problem"),
    [
        (Said(404), State.FAILED, "not_found"),
        (Said(403), State.FAILED, "forbidden"),
        (Said(500), State.WAITING, "server_error"),
        (Said(429), State.WAITING, "rate_limited"),
        (Said(body=b"<html>hello</html>"), State.FAILED, "not_an_image"),
        (Said(body=b""), State.FAILED, "not_an_image"),
        (Said(302, headers={"Location": "http://169.254.169.254/"}), State.FAILED, "host_refused"),
        (Said(302, headers={"Location": "file:///etc/passwd"}), State.FAILED, "bad_address"),
    ],
)
def test_what_went_wrong_has_a_class_and_a_sentence(
    host: photo_host.PhotoHost, said: Said, state: str, problem: str
) -> None:
    host.say = lambda path: said
    listings(host("/1.jpg"))

    fetch()
    row = ProductPhoto.objects.get()
    assert (row.state, row.problem) == (state, problem)
    assert row.error.endswith(".") and not Analysis.objects.exists()


def test_a_photo_larger_than_allowed_is_not_read_to_its_end(
    host: photo_host.PhotoHost, settings: Any
) -> None:
    settings.MAX_UPLOAD_BYTES = 1000
    host.say = lambda path: Said(body=b"x" * 100_000)
    listings(host("/1.jpg"))
    fetch()
    assert states() == [(State.FAILED, "too_large")]


def test_addresses_of_private_networks_are_refused(
    host: photo_host.PhotoHost, settings: Any
) -> None:
    settings.FETCH_ALLOW = []
    listings(host("/1.jpg"))
    fetch()
    assert states() == [(State.FAILED, "host_refused")] and not host.asked


def test_a_host_that_asks_to_be_left_alone_is(host: photo_host.PhotoHost) -> None:
    host.say = lambda path: Said(429, headers={"Retry-After": "60"})
    listings(*(host(f"/{n}.jpg") for n in range(50)))

    fetch()
    assert sum(host.asked.values()) <= 4  # those that were under way
    assert not hosts.is_any_free()
    PhotoHost.objects.update(not_before=None)
    ProductPhoto.objects.filter(attempts__gt=0).update(due_at=None)
    assert hosts.is_any_free()  # the others are still to be asked for


def test_several_hosts_are_asked_at_once(host: photo_host.PhotoHost) -> None:
    meeting = threading.Barrier(2, timeout=10)

    def say(path: str) -> None:
        meeting.wait()

    with photo_host.photo_host() as other:
        host.say = other.say = say
        listings(host("/1.jpg"), other("/1.jpg"))
        assert fetch() == 2
    assert states() == [(State.FETCHED, "")] * 2


def test_only_one_process_asks_a_host(host: photo_host.PhotoHost) -> None:
    listings(host("/1.jpg"))
    assert hosts.claim("other-machine/1/1/") == host.url
    assert hosts.claim("here/2/2/") is None and fetch() == 0

    hosts.release(host.url, owner="other-machine/1/1/")
    assert fetch() == 1


def test_asked_again_what_has_not_changed_costs_no_body_and_nothing_follows(
    host: photo_host.PhotoHost,
) -> None:
    listings(host("/1.jpg"))
    fetch()
    Product.objects.update(analysis=Analysis.objects.get())

    assert retries.refetch() == 1
    fetch()
    assert host.not_modified == 1 and states() == [(State.FETCHED, "")]
    assert Analysis.objects.count() == 1


def test_other_bytes_are_another_photo(host: photo_host.PhotoHost) -> None:
    listings(host("/1.jpg"))
    fetch()
    before = Product.objects.get().content_hash
    Product.objects.update(analysis=Analysis.objects.get())
    Analysis.objects.update(status="done")

    host.version = 1
    retries.refetch()
    fetch()
    assert Product.objects.get().content_hash != before
    assert Analysis.objects.pending().count() == 1


def test_what_failed_is_fetched_once_more_when_asked(host: photo_host.PhotoHost) -> None:
    host.say = lambda path: Said(404)
    listings(host("/1.jpg"), host("/2.jpg"))
    fetch()
    assert retries.tally().problems == {"Not found": 2}

    host.say = lambda path: None
    assert retries.retry() == 2
    fetch()
    assert retries.tally().fetched == 2 and Analysis.objects.pending().count() == 2


def test_a_host_stays_with_who_asks_it_however_slow_it_is(
    host: photo_host.PhotoHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "LEASE", timedelta(seconds=2))
    host.say = lambda path: Said(404, seconds=4.0)
    listings(host("/1.jpg"))
    fetcher = Fetcher()
    fetching = threading.Thread(target=in_a_thread, args=[fetcher.run])
    fetching.start()
    while not host.asked:
        time.sleep(0.05)
    time.sleep(3.0)
    assert hosts.claim("other-machine/1/1/") is None
    fetching.join()
    assert host.asked == {"/1.jpg": 1} and states() == [(State.FAILED, "not_found")]


def test_what_nobody_thought_of_is_one_photos_problem(
    host: photo_host.PhotoHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = intake.check_image
    settle = arrivals.settle

    def check_or_fail(data: bytes) -> None:
        if len(host.asked) == 1:
            raise ZeroDivisionError
        check(data)

    def settle_or_fail(answers: Any) -> None:
        if any(row.url.endswith("/2.jpg") and isinstance(a, Fetched) for row, a in answers):
            raise DataError("a NUL")
        settle(answers)

    monkeypatch.setattr(intake, "check_image", check_or_fail)
    monkeypatch.setattr(arrivals, "settle", settle_or_fail)
    monkeypatch.setattr(fetch_module.settings, "FETCH_CONNECTIONS", 1)
    listings(*(host(f"/{n}.jpg") for n in (1, 2, 3)))

    assert fetch() == 3
    assert states() == [
        (State.WAITING, "unexpected"),
        (State.WAITING, "unexpected"),
        (State.FETCHED, ""),
    ]
    assert not hosts.is_any_free()  # the two have an attempt counted, and wait


def test_where_photos_cannot_be_kept_it_ends_with_a_sentence(
    host: photo_host.PhotoHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    listings(*(host(f"/{n}.jpg") for n in range(3)))
    with monkeypatch.context() as patch:
        full_disk.fill(patch)
        with pytest.raises(NotStored, match="make room"):
            fetch()
    assert {state for state, _ in states()} == {State.WAITING}
    assert fetch() == 3


def test_nothing_is_fetched_while_all_work_is_paused(
    host: photo_host.PhotoHost, make_user: MakeUser
) -> None:
    lead = make_user("lena", group="lead")
    listings(host("/1.jpg"))
    pause.switch(on=True, by=lead)
    assert fetch() == 0 and not hosts.is_any_free()
    pause.switch(on=False, by=lead)
    assert fetch() == 1


def test_a_photo_whose_file_is_gone_is_fetched_whole(host: photo_host.PhotoHost) -> None:
    listings(host("/1.jpg"))
    fetch()
    photos.remove(ProductPhoto.objects.get().image)
    retries.refetch()
    fetch()
    assert host.not_modified == 0 and photos.exists(ProductPhoto.objects.get().image)


def in_a_thread(work: Callable[[], object]) -> None:
    try:
        work()
    finally:
        connection.close()


def test_the_command_fetches_and_reports_what_is_not_here(
    host: photo_host.PhotoHost, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host.say = lambda path: Said(404) if path == "/2.jpg" else None
    listings(host("/1.jpg"), host("/2.jpg"))
    report = tmp_path / "missing.csv"

    call_command("fetch_photos", report=report)
    said = capsys.readouterr().out
    assert "Asked for 2 photos" in said and "1 are here" in said and "Not found: 1" in said
    (row,) = csv.DictReader(report.read_text().splitlines())
    assert (row["product_id"], row["problem"]) == ("SKU-1", "not_found")

    call_command("fetch_photos")
    assert "No photo waits" in capsys.readouterr().out
    call_command("fetch_photos", problem="not_found")
    assert host.asked["/2.jpg"] == 2
