"""Where a request may lead: redirects, each checked anew, and TLS under the host's own name."""

from __future__ import annotations

import pytest
import trustme

from moderation.services.integration.guarded_http import FetchError, GuardedClient, Problem
from tests.support.web_host import Answer, Host, hosting

from .conftest import Names, Problems, context_of, fetched


def redirect(to: str, status: int = 302) -> Answer:
    return lambda exchange: exchange.answer(b"elsewhere", status=status, Location=to)


# ── Redirects ─────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("to", "problem"),
    [
        ("http://169.254.169.254/latest/meta-data/", Problem.HOST_REFUSED),
        ("//10.0.0.1/", Problem.HOST_REFUSED),
        ("http://inside.example/", Problem.HOST_REFUSED),
        ("http://[::ffff:169.254.169.254]/", Problem.HOST_REFUSED),
        ("http://no.invalid/", Problem.HOST_NOT_FOUND),
        ("file:///etc/passwd", Problem.BAD_ADDRESS),
        ("gopher://127.0.0.1/", Problem.BAD_ADDRESS),
        ("http://me:secret@127.0.0.1/", Problem.BAD_ADDRESS),
        ("http://[/", Problem.BAD_ADDRESS),
        ("/round", Problem.TOO_MANY_REDIRECTS),
        ("", Problem.UNEXPECTED_STATUS),
    ],
)
def test_each_redirect_is_checked_as_the_first_address_was(
    host: Host, names: Names, problem_of: Problems, to: str, problem: Problem
) -> None:
    names["inside.example"] = [["192.168.1.1"]]
    host.answers["/round"] = redirect(to)
    assert problem_of(host.url("/round")).problem == problem
    assert len(host.asked) == (6 if problem == Problem.TOO_MANY_REDIRECTS else 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_five_redirects_are_followed(host: Host, client: GuardedClient, status: int) -> None:
    for number in range(5):
        host.answers[f"/{number}"] = redirect(f"./{number + 1}", status)
    with client.get(host.url("/0"), limit=9, seconds=5) as answer:
        assert (answer.read(), answer.url) == (b"ok", host.url("/5"))
    assert host.connections == 1


def test_a_message_follows_no_redirect(host: Host, client: GuardedClient) -> None:
    host.answers["/hook"] = redirect("/elsewhere", 307)
    assert client.post(host.url("/hook"), body=b"{}", headers={}, seconds=5) == 307
    assert [one.path for one in host.asked] == ["/hook"]


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────
def test_https_is_asked_under_the_name_though_an_address_is_connected_to(
    secure: Host, names: Names
) -> None:
    names["shop.example"] = [["127.0.0.1"]]
    with GuardedClient() as client:
        for _ in range(3):
            url = secure.url(name="shop.example", scheme="https")
            assert fetched(client, url) == b"ok"
    assert secure.names == ["shop.example"]  # one connection
    assert secure.asked[0].headers["host"] == f"shop.example:{secure.port}"


def test_another_hosts_certificate_is_refused(secure: Host, names: Names) -> None:
    names["other.example"] = [["127.0.0.1"]]
    with GuardedClient() as client, pytest.raises(FetchError, match=r"of other\.example") as caught:
        fetched(client, secure.url(name="other.example", scheme="https"))
    assert caught.value.problem == Problem.CERTIFICATE
    assert not secure.asked


def test_a_certificate_that_nobody_vouches_for_is_refused(
    authority: trustme.CA, names: Names
) -> None:
    names["shop.example"] = [["127.0.0.1"]]
    with hosting(tls=context_of(trustme.CA(), "shop.example")) as host, GuardedClient() as client:
        with pytest.raises(FetchError) as caught:
            fetched(client, host.url(name="shop.example", scheme="https"))
        assert caught.value.problem == Problem.CERTIFICATE
        assert not host.asked


def test_https_is_not_left_by_a_redirect(host: Host, secure: Host, names: Names) -> None:
    names["shop.example"] = [["127.0.0.1"]]
    secure.answers["/down"] = redirect(host.url())
    host.answers["/up"] = redirect(secure.url(name="shop.example", scheme="https"))
    with GuardedClient() as client:
        assert fetched(client, host.url("/up")) == b"ok"
        with pytest.raises(FetchError) as caught:
            fetched(client, secure.url("/down", name="shop.example", scheme="https"))
    assert caught.value.problem == Problem.REDIRECT_REFUSED
    assert len(host.asked) == 1


def test_a_host_without_tls_is_no_secure_one(host: Host, problem_of: Problems) -> None:
    error = problem_of(host.url(scheme="https"))
    assert error.problem == Problem.CONNECTION
    assert str(error).startswith("No secure connection")
