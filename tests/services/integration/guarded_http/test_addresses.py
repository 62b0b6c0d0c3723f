"""Which addresses are asked: of the internet, or allowed; whatever a name or a redirect says."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from moderation.services.integration.guarded_http import FetchError, GuardedClient, Problem
from moderation.services.integration.guarded_http.addresses import is_public
from tests.support.web_host import Host, hosting

from .conftest import Names, Problems


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("2001:4860:4860::8888", True),
        ("64:ff9b::808:808", True),  # 8.8.8.8 behind a NAT64
        ("::ffff:8.8.8.8", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::808:808", False),
        ("::7f00:1", False),
        ("::808:808", False),
        ("::", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("100::1", False),
        ("5f00::1", False),
        ("2001::1", False),
        ("2001:db8::1", False),
        ("3fff::1", False),
        ("192.0.0.8", False),
        ("192.0.0.10", False),
        ("192.0.2.1", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("198.51.100.1", False),
        ("203.0.113.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("100.100.100.200", False),  # where clouds answer with their keys: Alibaba,
        ("fd00:ec2::254", False),  # Amazon over IPv6,
        ("::ffff:169.254.169.254", False),  # and all others
        ("64:ff9b::a9fe:a9fe", False),
        ("::ffff:0:127.0.0.1", False),  # translated (RFC 2765)
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),  # Teredo
        ("ff0e::1", False),
        ("4000::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0.0.0.0",
        "127.0.0.1%E3%80%82",  # an ideographic full stop is a dot to some
    ],
)
def test_this_machine_is_not_asked_by_any_of_its_names(
    host: Host, settings: Any, name: str
) -> None:
    settings.FETCH_ALLOW = []
    for method in ("get", "post"):
        with GuardedClient() as client, pytest.raises(FetchError) as caught:
            if method == "post":
                client.post(host.url(name=name), body=b"", headers={}, seconds=5)
            else:
                with client.get(host.url(name=name), limit=9, seconds=5):
                    pass
        assert caught.value.problem in (Problem.HOST_REFUSED, Problem.HOST_NOT_FOUND)
    assert not host.asked


@pytest.mark.parametrize(
    ("allow", "name", "is_asked"),
    [
        ([], "shop.internal", False),
        (["shop.internal"], "shop.internal", True),
        (["Shop.Internal"], "SHOP.internal.", True),
        (["shop.internal"], "cdn.shop.internal", False),
        (["shop.internal"], "127.0.0.1", False),
        (["127.0.0.1"], "shop.internal", True),
        (["127.0.0.0/8"], "shop.internal", True),
        (["127.0.0.0/8"], "[::ffff:127.0.0.1]", True),
        (["127.0.0.2", "10.0.0.0/8"], "shop.internal", False),
        (["::/0"], "shop.internal", False),
    ],
)
def test_what_is_private_is_asked_where_it_is_listed(
    host: Host, names: Names, settings: Any, allow: list[str], name: str, is_asked: bool
) -> None:
    for one in ("shop.internal", "SHOP.internal.", "shop.internal.", "cdn.shop.internal"):
        names[one] = [["127.0.0.1"]]
    settings.FETCH_ALLOW = allow
    with GuardedClient() as client:
        if is_asked:
            with client.get(host.url(name=name), limit=9, seconds=5) as answer:
                assert answer.read() == b"ok"
        else:
            with (
                pytest.raises(FetchError, match="list it in FETCH_ALLOW") as caught,
                client.get(host.url(name=name), limit=9, seconds=5),
            ):
                pass
            assert caught.value.problem == Problem.HOST_REFUSED
    assert bool(host.asked) is is_asked


@pytest.mark.parametrize("found", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]])
def test_one_refused_address_refuses_the_host(
    host: Host, names: Names, problem_of: Problems, found: list[str]
) -> None:
    names["shop.example"] = [found]
    error = problem_of(host.url(name="shop.example"))
    assert error.problem == Problem.HOST_REFUSED
    assert "shop.example is in a private network (10.0.0.1)" in str(error)
    assert not host.asked


def test_a_name_that_means_another_address_later_leads_nowhere_else(
    host: Host, names: Names, client: GuardedClient, problem_of: Problems
) -> None:
    names["shop.example"] = [["127.0.0.1"], ["10.0.0.1"]]
    for _ in range(2):  # one look-up: the second goes over the connection of the first
        with client.get(host.url(name="shop.example"), limit=9, seconds=5) as answer:
            assert answer.read() == b"ok"
    assert host.connections == 1
    assert {one.headers["host"] for one in host.asked} == {f"shop.example:{host.port}"}
    client.close()
    assert problem_of(host.url(name="shop.example")).problem == Problem.HOST_REFUSED


def test_a_kept_connection_serves_its_own_name_alone(
    host: Host, names: Names, client: GuardedClient, problem_of: Problems
) -> None:
    names["shop.example"], names["other.example"] = [["127.0.0.1"]], [["10.0.0.1"]]
    with client.get(host.url(name="shop.example"), limit=9, seconds=5) as answer:
        answer.read()
    assert problem_of(host.url(name="other.example")).problem == Problem.HOST_REFUSED


def test_an_address_that_does_not_answer_leaves_the_turn_to_the_next(
    host: Host, names: Names, client: GuardedClient
) -> None:
    names["shop.example"] = [["127.0.0.9", "127.0.0.1"]]  # the server listens on the second
    with client.get(host.url(name="shop.example"), limit=9, seconds=5) as answer:
        assert answer.read() == b"ok"


def test_a_host_is_asked_over_ipv6(settings: Any) -> None:
    settings.FETCH_ALLOW = ["::1"]
    with (
        hosting(address="::1") as host,
        GuardedClient() as client,
        client.get(host.url(name="[::1]"), limit=9, seconds=5) as answer,
    ):
        assert answer.read() == b"ok"
        assert host.asked[0].headers["host"] == f"[::1]:{host.port}"


@pytest.mark.parametrize(
    ("url", "port"), [("https://[2606:4700::1111]/x", 443), ("http://[2606:4700::1111]/x", 80)]
)
def test_a_numeric_address_is_asked_at_the_port_of_its_scheme(
    problem_of: Problems, monkeypatch: pytest.MonkeyPatch, url: str, port: int
) -> None:
    asked = []

    def refuse(address: tuple[str, int], *args: Any) -> socket.socket:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert problem_of(url).problem == Problem.CONNECTION
    assert asked == [("2606:4700::1111", port)]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", Problem.BAD_ADDRESS),
        ("photo.jpg", Problem.BAD_ADDRESS),
        ("//shop.example/x", Problem.BAD_ADDRESS),
        ("http:///x", Problem.BAD_ADDRESS),
        ("ftp://shop.example/x", Problem.BAD_ADDRESS),
        ("file:///etc/passwd", Problem.BAD_ADDRESS),
        ("gopher://127.0.0.1:6379/_FLUSHALL", Problem.BAD_ADDRESS),
        ("http://me:secret@127.0.0.1/", Problem.BAD_ADDRESS),
        ("http://me@127.0.0.1/", Problem.BAD_ADDRESS),
        ("http://127.0.0.1:99999/", Problem.BAD_ADDRESS),
        ("http://127.0.0.1:port/", Problem.BAD_ADDRESS),
        ("http://[::1/", Problem.BAD_ADDRESS),
        ("http://shop example/", Problem.BAD_ADDRESS),
        ("http://shop.example\\@127.0.0.1/", Problem.HOST_NOT_FOUND),
        ("http://no.invalid/", Problem.HOST_NOT_FOUND),
        (f"http://{'a' * 64}.example/", Problem.HOST_NOT_FOUND),
        ("http://169.254.169.254/latest/meta-data/", Problem.HOST_REFUSED),
        ("http://127.0.0.1:1/", Problem.CONNECTION),
    ],
)
def test_an_address_that_cannot_be_asked_says_why(
    problem_of: Problems, url: str, problem: Problem
) -> None:
    error = problem_of(url)
    assert error.problem == problem, str(error)
    assert str(error).endswith(".") and "secret" not in str(error)
