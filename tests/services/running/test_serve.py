"""`manage.py serve` comes up whatever host it listens on and whatever names it answers to."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from moderation.services.running.site import Site
from tests.support.ports import free_port
from tools.live_project import LiveProject

pytestmark = [pytest.mark.slow, pytest.mark.any_database]

PRODUCTION = {"DEBUG": "false", "SECRET_KEY": "k" * 50, "ALLOWED_HOSTS": "shop.example"}


@pytest.mark.parametrize(
    ("host", "environment", "status"),
    [
        ("0.0.0.0", {}, 200),
        ("127.0.0.1", {"ALLOWED_HOSTS": "shop.example"}, 400),
        ("0.0.0.0", {**PRODUCTION, "HTTPS": "true"}, 400),
        ("127.0.0.1", {**PRODUCTION, "ALLOWED_HOSTS": "127.0.0.1"}, 301),
    ],
)
def test_it_is_up_with_any_host_and_settings(
    make_project: Callable[..., LiveProject], host: str, environment: dict[str, str], status: int
) -> None:
    port = free_port()
    project = make_project(**environment)
    public = [] if host == "127.0.0.1" else ["--public"]
    serving = project.start("serve", "--host", host, "--port", str(port), *public)
    project.wait_until(
        lambda: f"clipmod runs at http://127.0.0.1:{port}/" in project.logs(),
        seconds=120,
        what="the site said that it is up",
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/admin/login/")
    assert connection.getresponse().status == status
    connection.close()
    serving.send_signal(signal.SIGINT)
    assert serving.wait(timeout=60) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "shop.example"])
def test_it_is_not_reached_by_other_machines_without_a_word(host: str) -> None:
    with pytest.raises(CommandError, match="--public"):
        call_command("serve", "--host", host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_alone_reaches_it_without_one(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[str] = []
    monkeypatch.setattr(Site, "start", lambda site: served.append(site.host))
    monkeypatch.setattr(Site, "wait_until_up", lambda site: None)
    monkeypatch.setattr(Site, "run", lambda site: None)
    call_command("serve", "--host", host)
    assert served == [host]
