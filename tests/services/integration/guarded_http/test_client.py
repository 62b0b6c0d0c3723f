"""What the client asks, what it makes of answers, and how connections are shared."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import pytest

from moderation import __version__
from moderation.services.integration.guarded_http import FetchError, GuardedClient, Problem
from tests.support.web_host import Exchange, Host

from .conftest import Names, Problems, fetched


# ── Who asks ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("contact", "name"),
    [
        ("", f"clipmod/{__version__}"),
        ("https://shop.example/bots", f"clipmod/{__version__} (+https://shop.example/bots)"),
    ],
)
def test_it_says_who_asks_and_nothing_it_need_not(
    host: Host, client: GuardedClient, settings: Any, contact: str, name: str
) -> None:
    settings.FETCH_CONTACT = contact
    host.answers["/"] = lambda exchange: exchange.answer(b"ok", Set_Cookie="a=b")
    fetched(client, host.url("/"))
    fetched(client, host.url("/photo.jpg?v=1#top"))
    (_, asked) = host.asked
    assert asked.path == "/photo.jpg?v=1"
    assert asked.headers == {
        "host": f"127.0.0.1:{host.port}",
        "user-agent": name,
        "accept": "*/*",
        "accept-encoding": "gzip",
    }


def test_names_and_paths_of_any_language_are_asked_for(
    host: Host, names: Names, client: GuardedClient
) -> None:
    names["xn--bcher-kva.example"] = [["127.0.0.1"]]
    assert fetched(client, host.url("/grün/rot 1.jpg", name="bücher.example")) == b"ok"
    assert host.asked[0].path == "/gr%C3%BCn/rot%201.jpg"
    assert host.asked[0].headers["host"] == f"xn--bcher-kva.example:{host.port}"


# ── Answers ───────────────────────────────────────────────────────────────────────────────────
def test_what_has_not_changed_is_not_sent_again(host: Host, client: GuardedClient) -> None:
    date = formatdate(1_700_000_000, usegmt=True)

    def photo(exchange: Exchange) -> None:
        known = exchange.headers["If-None-Match"] == '"v1"'
        known |= exchange.headers["If-Modified-Since"] == date
        body = b"" if known else b"photo"
        marks = {"ETag": '"v1"', "Last_Modified": date, "Content_Type": "image/jpeg"}
        exchange.answer(body, status=304 if known else 200, **marks)

    host.answers["/photo"] = photo
    url = host.url("/photo")
    with client.get(url, limit=5, seconds=5) as answer:
        assert answer.read() == b"photo"
        assert not answer.is_unchanged
        assert (answer.etag, answer.last_modified) == ('"v1"', date)
        assert answer.content_type == "image/jpeg"
    for mark in ({"etag": '"v1"'}, {"last_modified": date}, {"etag": '"v0"'}):
        with client.get(url, limit=5, seconds=5, **mark) as answer:
            assert answer.is_unchanged is (mark != {"etag": '"v0"'})
            assert answer.read() == (b"" if answer.is_unchanged else b"photo")
    assert host.connections == 1


@pytest.mark.parametrize("value", ['"v\0"', '"v\x7f"', '"vé"', '"v\x85"', '"v\t1"'])
def test_a_header_that_cannot_be_stored_or_sent_again_is_not_there(
    host: Host, client: GuardedClient, value: str
) -> None:
    marks = {"ETag": value, "Last_Modified": value, "Content_Type": value}
    host.answers["/"] = lambda exchange: exchange.answer(b"photo", **marks)
    with client.get(host.url(), limit=5, seconds=5) as answer:
        assert (answer.etag, answer.last_modified, answer.content_type) == ("", "", "")
        assert answer.read() == b"photo"


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "shop..example", "ü" * 70 + ".example"])
def test_what_is_said_of_an_address_never_holds_it(problem_of: Problems, name: str) -> None:
    error = problem_of(f"http://{name}/photo?key=secret")
    assert error.problem in (Problem.BAD_ADDRESS, Problem.HOST_NOT_FOUND), str(error)
    assert "secret" not in str(error) and "/photo" not in str(error)


@pytest.mark.parametrize(
    ("status", "problem", "is_temporary"),
    [
        (202, Problem.UNEXPECTED_STATUS, False),
        (206, Problem.UNEXPECTED_STATUS, False),
        (304, Problem.UNEXPECTED_STATUS, False),  # though nobody asked conditionally
        (400, Problem.UNEXPECTED_STATUS, False),
        (401, Problem.UNAUTHORIZED, False),
        (403, Problem.FORBIDDEN, False),
        (404, Problem.NOT_FOUND, False),
        (408, Problem.TIMEOUT, True),
        (410, Problem.GONE, False),
        (429, Problem.RATE_LIMITED, True),
        (451, Problem.FORBIDDEN, False),
        (500, Problem.SERVER_ERROR, True),
        (503, Problem.SERVER_ERROR, True),
    ],
)
def test_a_status_that_is_no_answer_has_its_class(
    host: Host, problem_of: Problems, status: int, problem: Problem, is_temporary: bool
) -> None:
    host.answers["/"] = lambda exchange: exchange.answer(b"<h1>No</h1>", status=status)
    error = problem_of(host.url())
    assert (error.problem, error.status, error.retry_after) == (problem, status, None)
    assert error.problem.is_temporary is is_temporary
    assert str(error) == f"Answered {status}: {problem.label.lower()}."


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("in an hour", 3600),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("9" * 30, 6 * 3600),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_how_long_a_host_asks_to_wait(
    host: Host, problem_of: Problems, value: str, seconds: float | None, status: int
) -> None:
    if value == "in an hour":
        value = formatdate(time.time() + 3600, usegmt=True)
    host.answers["/"] = lambda exchange: exchange.answer(status=status, Retry_After=value)
    found = problem_of(host.url()).retry_after
    assert found == (seconds if seconds is None else pytest.approx(seconds, abs=60))


# ── Connections ───────────────────────────────────────────────────────────────────────────────
def test_one_connection_serves_what_comes_one_by_one(
    host: Host, client: GuardedClient, problem_of: Problems
) -> None:
    host.answers["/gone"] = lambda exchange: exchange.answer(b"No" * 1000, status=404)
    for _ in range(5):
        assert fetched(client, host.url()) == b"ok"
        assert problem_of(host.url("/gone")).problem == Problem.NOT_FOUND
    assert (len(host.asked), host.connections) == (10, 1)


def test_a_connection_that_the_host_has_closed_is_made_anew(
    host: Host, client: GuardedClient
) -> None:
    def close(exchange: Exchange) -> None:
        exchange.answer(b"ok")
        exchange.close_connection = True  # without a word of it in the headers

    host.answers["/"] = close
    for _ in range(3):
        assert fetched(client, host.url()) == b"ok"
        time.sleep(0.1)
    assert host.connections == 3


def test_threads_share_no_more_connections_than_allowed(host: Host) -> None:
    def slow(exchange: Exchange) -> None:
        time.sleep(0.02)
        exchange.answer(exchange.path.encode())

    paths = [f"/{number}" for number in range(60)]
    host.answers = dict.fromkeys(paths, slow)
    with GuardedClient(connections=3) as client, ThreadPoolExecutor(8) as threads:
        bodies = list(threads.map(lambda path: fetched(client, host.url(path)), paths))
    assert bodies == [path.encode() for path in paths]
    assert host.connections == 3


def test_what_is_left_unread_blocks_nobody(host: Host) -> None:
    host.answers["/large"] = lambda exchange: exchange.answer(bytes(10_000_000))
    with GuardedClient(connections=1) as client:
        for _ in range(3):
            with client.get(host.url("/large"), limit=10_000_000, seconds=5):
                pass
            with (
                pytest.raises(ZeroDivisionError),
                client.get(host.url("/large"), limit=10_000_000, seconds=5) as answer,
            ):
                next(answer.pieces())
                raise ZeroDivisionError
        assert fetched(client, host.url()) == b"ok"


def test_a_thread_that_finds_no_connection_free_waits_no_longer_than_it_may(host: Host) -> None:
    with (
        GuardedClient(connections=1) as client,
        client.get(host.url(), limit=9, seconds=5),
        pytest.raises(FetchError) as caught,
        client.get(host.url(), limit=9, seconds=0.2),
    ):
        pass
    assert caught.value.problem == Problem.TIMEOUT
