"""A source is read again and again: what is new comes in, and what is gone is seen to."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from moderation.models import (
    CatalogueSource,
    Product,
    ProductPhoto,
    SourceListing,
    SourceRun,
)
from moderation.services.catalogue import erasure, intake, withdrawal
from moderation.services.catalogue.sources import missing
from moderation.services.catalogue.sources.problems import SourceError
from tests.support.web_host import Host

from .conftest import HEADER, MakeSource, read, tsv, work

pytestmark = pytest.mark.django_db(transaction=True)
State = SourceRun.State
Serve = Callable[..., str]
TEN = [f"S{number}" for number in range(10)]


def offered() -> set[str]:
    return set(Product.objects.present().values_list("external_id", flat=True))


def counts(run: SourceRun) -> tuple[int, int, int, int]:
    return (run.created, run.updated, run.unchanged, run.bad)


# ── What is new, and what is gone ─────────────────────────────────────────────────────────────
def test_what_is_new_or_changed_comes_in_and_what_is_gone_is_withdrawn(
    serve: Serve, make_source: MakeSource
) -> None:
    source = make_source(serve(tsv(*TEN)))
    first = read(source)
    assert (first.state, counts(first)) == (State.DONE, (10, 0, 0, 0))
    assert (first.missing, first.withdrawn) == (0, 0)

    serve(tsv(*TEN[1:]) + tsv("S99").removeprefix(HEADER.encode()))
    second = read(source)
    assert (second.state, counts(second)) == (State.DONE, (1, 0, 9, 0))
    assert (second.known, second.missing, second.withdrawn) == (10, 1, 1)
    assert offered() == {*TEN[1:], "S99"}

    serve(tsv(*TEN, "S99", text="A blue ball"))
    third = read(source)
    assert counts(third) == (0, 11, 0, 0)  # and the one that was gone is back
    assert offered() == {*TEN, "S99"}


def test_kept_ones_are_counted_and_stay(serve: Serve, make_source: MakeSource) -> None:
    source = make_source(serve(tsv(*TEN)), missing="keep")
    read(source)
    serve(tsv(*TEN[5:]))
    run = read(source)
    assert (run.state, run.missing, run.withdrawn) == (State.DONE, 5, 0)
    assert offered() == {*TEN}


def test_the_first_run_withdraws_nothing_of_what_came_otherwise(
    serve: Serve, make_source: MakeSource
) -> None:
    listing = intake.Listing("API-1", "A ball", None, addresses=("https://a.example/1.jpg",))
    intake.take(listing, source="api")
    run = read(make_source(serve(tsv(*TEN))))
    assert (run.missing, run.withdrawn) == (0, 0) and "API-1" in offered()


def test_a_listing_whose_row_is_bad_is_not_gone(serve: Serve, make_source: MakeSource) -> None:
    source = make_source(serve(tsv(*TEN)))
    read(source)
    bad = b"S9\t\thttps://cdn.shop.example/S9.jpg\nS8\t\thttps://cdn.shop.example/S8.jpg\n"
    serve(tsv(*TEN[:8]) + bad)
    run = read(source)
    assert (run.state, counts(run), run.missing) == (State.DONE, (0, 0, 8, 2), 0)
    assert offered() == {*TEN}
    (problem,) = run.problems
    assert (problem["column"], problem["rows"], problem["first_line"]) == ("title", 2, 10)


def test_causes_are_told_without_what_the_rows_say(serve: Serve, make_source: MakeSource) -> None:
    body = tsv("A1", "A1", "B1", "B1") + b"C1\tA ball\tftp://secret.example/7.jpg\n"
    run = read(make_source(serve(body)))
    assert [problem["rows"] for problem in run.problems] == [2, 1]
    told = str(run.problems)
    assert "A1" not in told and "B1" not in told and "secret" not in told
    assert "stands on line … already" in run.problems[0]["cause"]


# ── Asking ────────────────────────────────────────────────────────────────────────────────────
def half_gone(serve: Serve, make_source: MakeSource) -> tuple[CatalogueSource, SourceRun]:
    source = make_source(serve(tsv(*TEN)))
    read(source)
    serve(tsv(*TEN[5:]))
    return source, read(source)


def test_past_the_share_a_person_is_asked_and_may_withdraw(
    serve: Serve, make_source: MakeSource
) -> None:
    source, run = half_gone(serve, make_source)
    assert (run.state, run.missing, run.withdrawn) == (State.ASKS, 5, 0)
    assert offered() == {*TEN}

    answered = missing.answer(source, "withdraw", by=None)
    assert answered.state == State.WAITING
    work(answered)
    answered.refresh_from_db()
    assert (answered.state, answered.withdrawn) == (State.DONE, 5)
    assert offered() == {*TEN[5:]}
    with pytest.raises(SourceError, match="No run of shop asks"):
        missing.answer(source, "withdraw", by=None)


def test_or_keep_them_and_is_not_asked_again(serve: Serve, make_source: MakeSource) -> None:
    source, _ = half_gone(serve, make_source)
    assert missing.answer(source, "keep", by=None).state == State.DONE
    serve(tsv(*TEN[5:], "S77"))
    run = read(source)
    assert (run.state, run.missing) == (State.DONE, 0)
    assert offered() == {*TEN, "S77"}


def test_a_later_run_asks_anew_in_the_place_of_the_earlier(
    serve: Serve, make_source: MakeSource
) -> None:
    source, first = half_gone(serve, make_source)
    serve(tsv(*TEN[6:]))
    second = read(source)
    first.refresh_from_db()
    assert (first.state, second.state, second.missing) == (State.DONE, State.ASKS, 6)


def test_other_ids_in_the_whole_feed_withdraw_nothing(
    serve: Serve, make_source: MakeSource
) -> None:
    source = make_source(serve(tsv(*TEN)))
    read(source)
    serve(tsv(*(f"shop-{number}" for number in range(200))))
    assert read(source).state == State.ASKS
    assert {*TEN} < offered()


# ── Files that are cut short ──────────────────────────────────────────────────────────────────
MANY = [f"M{number:03}" for number in range(100)]


def cut(body: bytes, share: float) -> bytes:
    return body[: int(len(body) * share)]


def test_a_feed_that_breaks_off_fails_and_changes_nothing(
    host: Host, serve: Serve, make_source: MakeSource
) -> None:
    source = make_source(serve(tsv(*MANY)))
    read(source)

    def breaks_off(exchange: Any) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Length", str(len(tsv(*MANY))))
        exchange.end_headers()
        exchange.wfile.write(cut(tsv(*MANY), 0.9))
        exchange.close_connection = True

    host.answers["/feed.tsv"] = breaks_off
    run = read(source)
    assert run.state == State.FAILED and "ended early" in run.error
    assert offered() == {*MANY}


def test_of_a_feed_without_a_length_nobody_knows_its_end(
    host: Host, serve: Serve, make_source: MakeSource
) -> None:
    source = make_source(serve(tsv(*MANY)))
    read(source)

    def as_of_old(exchange: Any) -> None:
        exchange.send_response(200)
        exchange.end_headers()
        exchange.wfile.write(tsv(*MANY[:95]))
        exchange.close_connection = True

    host.answers["/feed.tsv"] = as_of_old
    run = read(source)
    assert (run.state, run.missing, run.withdrawn) == (State.DONE, None, 0)
    assert "does not say how long" in run.kept_because


@pytest.mark.parametrize("share", [0.9, 0.93, 0.95, 0.97])
def test_lines_that_are_cut_short_withdraw_nothing(
    serve: Serve, make_source: MakeSource, share: float
) -> None:
    source = make_source(serve(tsv(*MANY)))
    read(source)
    serve(cut(tsv(*MANY), share))
    run = read(source)
    assert run.withdrawn == 0 and run.kept_because
    assert source.etag == ""
    again = read(source)  # nobody has mended it
    assert (again.withdrawn, again.kept_because) == (0, run.kept_because)
    assert offered() == {*MANY}


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95])
def test_lines_that_never_had_a_last_line_break(
    serve: Serve, make_source: MakeSource, share: float
) -> None:
    whole = tsv(*MANY).removesuffix(b"\n")
    source = make_source(serve(whole))
    read(source)
    serve(whole[: whole.index(b"\t", int(len(whole) * share)) + 3])  # within a title
    run = read(source)
    assert run.withdrawn == 0 and (run.kept_because or run.state == State.ASKS)


def test_a_row_that_does_not_say_whose_it_is(serve: Serve, make_source: MakeSource) -> None:
    source = make_source(serve(tsv(*MANY)))
    read(source)
    serve(tsv(*MANY[:98]) + b"\tA ball\thttps://cdn.shop.example/1.jpg\n")
    run = read(source)
    assert (run.withdrawn, run.missing) == (0, None)
    assert run.kept_because.startswith("Line 100 cannot be read")


def test_xml_that_is_not_closed_is_not_read(serve: Serve, make_source: MakeSource) -> None:
    items = "".join(
        f"<item><g:id>{name}</g:id><g:title>A ball</g:title>"
        f"<g:image_link>https://cdn.shop.example/{name}.jpg</g:image_link></item>"
        for name in TEN
    )
    feed = f'<rss xmlns:g="http://base.google.com/ns/1.0"><channel>{items}</channel></rss>'.encode()
    source = make_source(serve(feed, path="/feed"))
    assert counts(read(source)) == (10, 0, 0, 0)
    serve(feed[: feed.rindex(b"<item>")], path="/feed")
    run = read(source)
    assert run.state == State.FAILED and "not whole XML" in run.error
    assert offered() == {*TEN}


def test_a_page_for_people_is_no_feed(serve: Serve, make_source: MakeSource) -> None:
    source = make_source(serve(tsv(*TEN)))
    read(source)
    serve(b"<!DOCTYPE html><html><body>We are back soon</body></html>")
    run = read(source)
    assert run.state == State.FAILED and "page for people" in run.error
    assert offered() == {*TEN}


# ── Several sources, and what else happens to listings ────────────────────────────────────────
def test_what_another_source_has_stays_until_that_has_it_no_longer(
    serve: Serve, make_source: MakeSource
) -> None:
    shoes = make_source(serve(tsv(*TEN), path="/a.tsv"), name="shoes")
    sale = make_source(
        serve(tsv("S0", *MANY[:20]), path="/b.tsv"), name="sale", most_missing_share=0.5
    )
    read(shoes)
    read(sale)
    serve(tsv(*TEN[1:]), path="/a.tsv")
    run = read(shoes)
    assert (run.missing, run.withdrawn) == (0, 0) and "S0" in offered()

    serve(tsv(*MANY[:20]), path="/b.tsv")
    assert read(sale).withdrawn == 1
    assert "S0" not in offered()


def test_one_that_was_brought_back_by_hand_stays(serve: Serve, make_source: MakeSource) -> None:
    source = make_source(serve(tsv(*TEN)))
    read(source)
    serve(tsv(*TEN[1:]))
    read(source)
    withdrawal.bring_back([Product.objects.get(external_id="S0").pk], by=None)
    assert read(source).missing == 0 and "S0" in offered()


def test_an_erased_one_leaves_no_row_and_comes_in_anew_where_the_feed_has_it(
    serve: Serve, make_source: MakeSource
) -> None:
    source = make_source(serve(tsv(*TEN)))
    read(source)
    erased = Product.objects.get(external_id="S0")
    erasure.erase([erased.pk], reason="request of the seller", by=None)
    assert not SourceListing.objects.filter(product=erased).exists()

    run = read(source)
    assert counts(run) == (1, 0, 9, 0)
    assert Product.objects.get(external_id="S0").pk != erased.pk
    assert (run.known, run.missing) == (9, 0)


def test_an_error_says_what_it_is(serve: Serve, make_source: MakeSource) -> None:
    source = make_source(serve(b"a\tb\n1\t2\n"))
    assert "lacks the columns" in read(source).error
    serve(tsv() + b"S1\t\t\n")
    run = read(source)
    assert (run.state, run.bad) == (State.FAILED, 1) and "no good row" in run.error


# ── Asked conditionally ───────────────────────────────────────────────────────────────────────
def test_the_host_says_that_nothing_is_new(
    host: Host, serve: Serve, make_source: MakeSource
) -> None:
    since = "Mon, 30 Nov 2026 10:00:00 GMT"
    source = make_source(serve(tsv(*TEN), etag='"1"', Last_Modified=since))
    read(source)
    run = read(source)
    assert (run.state, counts(run)) == (State.NOTHING_NEW, (0, 0, 0, 0))
    assert host.asked[-1].headers["if-modified-since"] == since
    serve(tsv(*TEN, "S10"), etag='"2"')
    assert read(source).created == 1


def test_packed_feeds_of_either_kind(serve: Serve, make_source: MakeSource) -> None:
    packed = gzip.compress(tsv(*TEN))
    by_name = make_source(serve(packed, path="/feed.tsv.gz"), name="by name")
    assert counts(read(by_name)) == (10, 0, 0, 0)
    encoded = make_source(serve(packed, path="/export", Content_Encoding="gzip"), name="encoded")
    assert counts(read(encoded)) == (0, 0, 10, 0)
    serve(packed[:-20], path="/feed.tsv.gz")
    run = read(by_name)
    assert run.state == State.FAILED and "not a whole gzip file" in run.error


def test_a_bomb_goes_off_nowhere(serve: Serve, make_source: MakeSource, settings: Any) -> None:
    settings.SOURCE_MAX_BYTES, settings.SOURCE_MAX_MB = 2**20, 1
    bomb = gzip.compress(HEADER.encode() + bytes(2**24))
    for name, headers in (("packed", {}), ("encoded", {"Content_Encoding": "gzip"})):
        run = read(make_source(serve(bomb, path=f"/{name}", **headers), name=name))
        assert run.state == State.FAILED
        assert "more than 1 MB" in run.error or "Larger than" in run.error
    assert not list(Path(settings.IMPORT_DIR).iterdir())


# ── Files and folders ─────────────────────────────────────────────────────────────────────────
def test_a_folder_gives_its_newest_file(make_source: MakeSource, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    old, new = folder / "b.tsv", folder / "a.tsv.gz"
    old.write_bytes(tsv("S0"))
    new.write_bytes(gzip.compress(tsv(*TEN)))
    (folder / ".c.tsv.x81").write_bytes(tsv("S50"))
    (folder / "d.tsv.part").write_bytes(tsv("S51"))
    os.utime(old, (1, 1))
    source = make_source(folder)
    run = read(source)
    assert (run.created, run.read["file"]) == (10, "a.tsv")
    assert read(source).state == State.NOTHING_NEW
    (folder / "today.tsv").write_bytes(tsv(*TEN, "S10"))
    assert (read(source)).created == 1


def test_a_file_given_by_hand(make_source: MakeSource, tmp_path: Path) -> None:
    file = tmp_path / "export.tsv"
    file.write_bytes(tsv(*TEN))
    source = make_source()
    assert read(source, file=file).created == 10
    file.write_bytes(tsv(*TEN[1:]))
    assert read(source, file=file).withdrawn == 1
    assert "has no address" in read(source).error


def test_columns_as_the_source_says(make_source: MakeSource, tmp_path: Path) -> None:
    file = tmp_path / "artikel.csv"
    file.write_text("Nr;Name;Bild\n1;Tasse;https://shop.example/1.jpg\n")
    columns = {"id": ["Nr"], "title": ["Name"], "photos": ["Bild"]}
    assert read(make_source(file, columns=columns)).created == 1


# ── Photos ────────────────────────────────────────────────────────────────────────────────────
def test_its_photos_are_asked_about_at_an_interval_of_their_own(
    serve: Serve, make_source: MakeSource
) -> None:
    source = make_source(serve(tsv("S0"), etag='"1"'), photos_every_hours=24)
    read(source)
    photos = ProductPhoto.objects.all()
    photos.update(state=ProductPhoto.State.FETCHED, due_at=None)
    assert read(source).state == State.NOTHING_NEW
    assert photos.get().state == ProductPhoto.State.FETCHED
    long_ago = timezone.now() - timedelta(hours=25)
    CatalogueSource.objects.update(photos_asked_at=long_ago)
    source.refresh_from_db()
    read(source)
    assert photos.get().state == ProductPhoto.State.WAITING
