"""`manage.py serve` comes up whatever host it listens on and whatever names it answers to."""

from __future__ import annotations

import http.client
import signal
import socket
from collections.abc import Callable

import pytest

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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    project = make_project(**environment)
    serving = project.start("serve", "--host", host, "--port", str(port))
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
