"""With FETCH_PROXY the proxy connects and looks names up; what is known as private is refused."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from moderation.services.integration.guarded_http import FetchError, GuardedClient, Problem
from tests.support.web_host import Host, hosting, tunnel

from .conftest import Names, context_of, fetched
from .test_redirects import redirect

PUBLIC = "93.184.215.14"


@pytest.fixture
def proxy(settings: Any) -> Iterator[Host]:
    """A proxy that answers for whatever it is asked for."""
    with hosting() as found:
        settings.FETCH_PROXY = found.url()
        yield found


def problem_of(url: str) -> FetchError:
    with GuardedClient() as client, pytest.raises(FetchError) as caught:
        fetched(client, url)
    return caught.value


def test_http_goes_to_the_proxy_by_name(proxy: Host, names: Names) -> None:
    names["shop.example"] = [[PUBLIC]]
    proxy.answers["http://shop.example/photo"] = lambda exchange: exchange.answer(b"photo")
    with GuardedClient() as client:
        assert fetched(client, "http://shop.example/photo") == b"photo"
        assert client.post("http://shop.example/hook", body=b"{}", headers={}, seconds=5) == 200
    assert [one.method for one in proxy.asked] == ["GET", "POST"]
    assert proxy.asked[0].headers["host"] == "shop.example"


def test_https_goes_through_a_tunnel_that_the_proxy_cannot_read(
    proxy: Host, names: Names, authority: trustme.CA
) -> None:
    names["shop.example"] = [[PUBLIC]]
    with hosting(tls=context_of(authority, "shop.example")) as shop:
        to = ("127.0.0.1", shop.port)
        proxy.answers["shop.example:443"] = lambda exchange: tunnel(exchange, to=to)
        with GuardedClient() as client:
            assert [fetched(client, "https://shop.example/") for _ in range(2)] == [b"ok", b"ok"]
        proxy.answers["other.example:443"] = proxy.answers["shop.example:443"]
        names["other.example"] = [[PUBLIC]]
        assert problem_of("https://other.example/").problem == Problem.CERTIFICATE
    assert [(one.method, one.path) for one in proxy.asked] == [
        ("CONNECT", "shop.example:443"),
        ("CONNECT", "other.example:443"),
    ]
    assert shop.names == ["shop.example", "other.example"]


def test_a_name_that_only_the_proxy_knows_is_its_affair(proxy: Host) -> None:
    proxy.answers["http://shop.invalid/"] = lambda exchange: exchange.answer(b"found")
    with GuardedClient() as client:
        assert fetched(client, "http://shop.invalid/") == b"found"


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:10.0.0.1]/",
        "http://inside.example/",
        "https://inside.example/",
        "http://both.example/",
        "http://localtest.example/",
        "http://shop.example/redirects",
    ],
)
def test_what_is_known_as_private_is_refused_before_the_proxy_is_asked(
    proxy: Host, names: Names, url: str
) -> None:
    names["inside.example"], names["both.example"] = [["192.168.1.1"]], [[PUBLIC, "10.0.0.1"]]
    names["localtest.example"], names["shop.example"] = [["::1"]], [[PUBLIC]]
    proxy.answers["http://shop.example/redirects"] = redirect("http://169.254.169.254/")
    assert problem_of(url).problem == Problem.HOST_REFUSED
    assert [one.path for one in proxy.asked if "redirects" not in one.path] == []


def test_what_is_private_and_allowed_is_asked_past_the_proxy(proxy: Host, host: Host) -> None:
    with GuardedClient() as client:
        assert fetched(client, host.url()) == b"ok"
    assert (len(host.asked), proxy.asked) == (1, [])


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("me:secret", "me:secret"),
        ("me%40shop.example:s%3A%2Fcret", "me@shop.example:s:/cret"),
        ("me:p%C3%A4ss", "me:päss"),
    ],
)
def test_a_proxy_may_want_a_login_and_nobody_else_gets_it(
    proxy: Host, host: Host, names: Names, settings: Any, written: str, sent: str
) -> None:
    names["shop.example"] = [[PUBLIC]]
    settings.FETCH_PROXY = proxy.url(name=f"{written}@127.0.0.1")
    with GuardedClient() as client:
        fetched(client, "http://shop.example/")
        fetched(client, host.url())
    login = "Basic " + base64.b64encode(sent.encode()).decode()
    assert proxy.asked[0].headers["proxy-authorization"] == login
    assert "proxy-authorization" not in host.asked[0].headers


def test_a_proxy_that_says_no_or_nothing_is_named(proxy: Host, names: Names, settings: Any) -> None:
    names["shop.example"] = [[PUBLIC]]
    proxy.answers["shop.example:443"] = lambda exchange: exchange.answer(status=403)
    error = problem_of("https://shop.example/")
    assert error.problem == Problem.PROXY
    assert str(error).startswith("The proxy makes no connection to shop.example: ")
    assert "403" in str(error)
    settings.FETCH_PROXY = "http://me:secret@127.0.0.1:1"
    for scheme in ("http", "https"):
        error = problem_of(f"{scheme}://shop.example/")
        assert error.problem == Problem.PROXY
        assert str(error) == ("The proxy makes no connection to shop.example: Connection refused.")


def test_proxies_of_the_environment_are_not_used(
    host: Host, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with GuardedClient() as client:
        assert fetched(client, host.url()) == b"ok"
