"""No answer is larger or takes longer than the caller allows, however it is sent."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from moderation.services.integration.guarded_http import FetchError, GuardedClient, Problem
from tests.support.web_host import Exchange, Host

from .conftest import Names, Problems, fetched

MEGABYTE = 1024 * 1024


def chunked(exchange: Exchange, *pieces: bytes, end: bytes = b"0\r\n\r\n", **headers: str) -> None:
    exchange.send_response(200)
    for name, value in {"Transfer_Encoding": "chunked", **headers}.items():
        exchange.send_header(name.replace("_", "-"), value)
    exchange.end_headers()
    for piece in pieces:
        exchange.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    exchange.wfile.write(end)


# ── Size ──────────────────────────────────────────────────────────────────────────────────────
WAYS: dict[str, Callable[[Exchange, bytes], None]] = {
    "with its length": lambda exchange, body: exchange.answer(body),
    "in chunks": lambda exchange, body: chunked(exchange, body),
    "compressed": lambda exchange, body: exchange.answer(
        gzip.compress(body), Content_Encoding="gzip"
    ),
    "compressed in chunks": lambda exchange, body: chunked(
        exchange, gzip.compress(body), Content_Encoding="gzip"
    ),
    "compressed twice": lambda exchange, body: exchange.answer(
        gzip.compress(gzip.compress(body)), Content_Encoding="gzip, gzip"
    ),
    "deflated": lambda exchange, body: exchange.answer(
        zlib.compress(body), Content_Encoding="deflate"
    ),
    "until it hangs up": lambda exchange, body: hang_up_after(exchange, body),
}


def hang_up_after(exchange: Exchange, body: bytes) -> None:
    exchange.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + body)
    exchange.close_connection = True


@pytest.mark.parametrize("way", WAYS)
def test_the_limit_counts_what_is_read_and_not_what_is_sent(
    host: Host, client: GuardedClient, problem_of: Problems, way: str
) -> None:
    body = bytes(range(250)) * 4
    host.answers["/"] = lambda exchange: WAYS[way](exchange, body)
    assert fetched(client, host.url()) == body  # with a limit of just as many bytes
    host.answers["/"] = lambda exchange: WAYS[way](exchange, body + b"1")
    error = problem_of(host.url(), limit=1000)
    assert (error.problem, str(error)) == (Problem.TOO_LARGE, "Larger than 1,000 bytes.")


@pytest.mark.parametrize("way", ["compressed", "compressed in chunks", "compressed twice"])
def test_a_small_answer_that_unpacks_to_a_huge_one_costs_little(
    host: Host, problem_of: Problems, way: str
) -> None:
    packed = gzip.compress(bytes(200 * MEGABYTE), 1)
    if way == "compressed twice":
        packed = gzip.compress(packed)
    coding = "gzip, gzip" if way == "compressed twice" else "gzip"
    host.answers["/"] = (
        (lambda exchange: chunked(exchange, packed, Content_Encoding=coding))
        if way == "compressed in chunks"
        else (lambda exchange: exchange.answer(packed, Content_Encoding=coding))
    )
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        error = problem_of(host.url(), limit=2 * MEGABYTE)
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert error.problem == Problem.TOO_LARGE
    assert grown < 8 * MEGABYTE


def test_a_large_answer_is_read_in_small_pieces(host: Host, client: GuardedClient) -> None:
    host.answers["/"] = lambda exchange: exchange.answer(bytes(5 * MEGABYTE))
    with client.get(host.url(), limit=5 * MEGABYTE, seconds=10) as answer:
        sizes = [len(piece) for piece in answer.pieces()]
    assert (sum(sizes), max(sizes)) == (5 * MEGABYTE, 65536)


# ── Time ──────────────────────────────────────────────────────────────────────────────────────
def drip(exchange: Exchange, first: bytes, piece: bytes) -> None:
    exchange.close_connection = True
    exchange.wfile.write(first)
    try:
        for _ in range(200):
            time.sleep(0.05)
            exchange.wfile.write(piece)
    except OSError:
        pass  # what this is for


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 500\r\n\r\n", b"x"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
            gzip.compress(b"", mtime=0),  # as many members as it likes, and never a byte
        ),
    ],
)
def test_a_host_that_drips_is_left_in_time(
    host: Host, problem_of: Problems, first: bytes, piece: bytes
) -> None:
    host.answers["/"] = lambda exchange: drip(exchange, first, piece)
    began = time.monotonic()
    error = problem_of(host.url(), seconds=0.5)
    assert time.monotonic() - began < 5
    assert error.problem == Problem.TIMEOUT, str(error)
    assert error.problem.is_temporary


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_receiver_that_drips_is_left_in_time(
    host: Host, client: GuardedClient, first: bytes
) -> None:
    host.answers["/"] = lambda exchange: drip(exchange, first, b"x")
    began = time.monotonic()
    with pytest.raises(FetchError, match=r"^No answer within [\d.]+ seconds\.$"):
        client.post(host.url(), body=b"{}", headers={}, seconds=0.5)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    ],
)
def test_a_secure_host_that_drips_is_left_in_time(
    secure: Host, names: Names, first: bytes, piece: bytes
) -> None:
    names["shop.example"] = [["127.0.0.1"]]
    secure.answers["/"] = lambda exchange: drip(exchange, first, piece)
    began = time.monotonic()
    with (
        GuardedClient() as client,
        pytest.raises(FetchError) as caught,
        client.get(
            secure.url(name="shop.example", scheme="https"), limit=1000, seconds=1
        ) as answer,
    ):
        answer.read()
    assert time.monotonic() - began < 5
    assert caught.value.problem == Problem.TIMEOUT, str(caught.value)


def test_reading_has_a_time_of_its_own(host: Host) -> None:
    host.answers["/"] = lambda exchange: drip(exchange, b"HTTP/1.1 200 OK\r\nX: ", b"x")
    began = time.monotonic()
    with GuardedClient(read_seconds=0.3) as client, pytest.raises(FetchError) as caught:
        fetched(client, host.url())
    assert caught.value.problem == Problem.TIMEOUT
    assert time.monotonic() - began < 5


def test_a_host_that_never_says_hello_is_left_in_time() -> None:
    """Its TLS, that is: the port accepts, and nothing comes."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        GuardedClient(connect_seconds=0.3) as client,
        pytest.raises(FetchError) as caught,
    ):
        fetched(client, f"https://127.0.0.1:{silent.getsockname()[1]}/")
    assert caught.value.problem == Problem.TIMEOUT


def test_addresses_that_swallow_everything_share_the_time(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    names["shop.example"] = [["127.0.0.1", "127.0.0.2", "127.0.0.3"]]
    given: dict[str, float] = {}

    def swallow(address: tuple[str, int], timeout: float) -> socket.socket:
        given[address[0]] = timeout
        time.sleep(timeout)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", swallow)
    with GuardedClient(connect_seconds=0.6) as client, pytest.raises(FetchError) as caught:
        fetched(client, "http://shop.example/")
    assert list(given) == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert all(0 < seconds < 0.21 for seconds in given.values())
    assert str(caught.value).startswith("No connection to shop.example within ")


# ── Answers that are none ─────────────────────────────────────────────────────────────────────
EARLY = "No answer: what came ended early."
NO_HTTP = "No answer: what came is not HTTP."


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (b"", "No answer: the connection was closed."),
        (b"SSH-2.0-OpenSSH_9.6\r\n", NO_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", EARLY),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal", EARLY),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", NO_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nab", NO_HTTP),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nphoto",
            "The answer cannot be decompressed.",
        ),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", NO_HTTP),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", NO_HTTP),
    ],
)
def test_an_answer_that_breaks_off_or_is_none_is_no_answer(
    host: Host, problem_of: Problems, sent: bytes, sentence: str
) -> None:
    def answer(exchange: Exchange) -> None:
        exchange.close_connection = True
        exchange.wfile.write(sent)

    host.answers["/"] = answer
    error = problem_of(host.url())
    is_packed = b"gzip" in sent
    assert error.problem == (Problem.BAD_ANSWER if is_packed else Problem.CONNECTION)
    assert str(error) == sentence
