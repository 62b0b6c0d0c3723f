"""Web server and worker together, as two child processes that live and die with this one."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

from django.conf import settings

STOP_WITHIN = 45.0  # seconds: the worker finishes its batch within 30


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class SiteError(Exception):
    """The site could not be started; `str(error)` says why."""


@dataclass
class Site:
    """`start` both, `wait_until_up`, then `run` until Ctrl-C, SIGTERM or the death of one."""

    port: int
    host: str = "127.0.0.1"
    threads: int = 32
    stopping: threading.Event = field(default_factory=threading.Event)
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where to reach it; a host that stands for all addresses is reached on this machine."""
        path = settings.FORCE_SCRIPT_NAME or ""
        return f"http://{_netloc(self._reached_at, self.port)}{path}"

    @property
    def _reached_at(self) -> str:
        return "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host

    @property
    def is_started(self) -> bool:
        return bool(self._children)

    def start(self) -> None:
        self._spawn(
            "web server",
            *("-m", "gunicorn", "clipmod.wsgi", "--bind", _netloc(self.host, self.port)),
            *("--worker-class", "gthread", "--workers", "1", "--threads", str(self.threads)),
            *("--timeout", "120", "--log-level", "warning", "--chdir", str(settings.BASE_DIR)),
        )
        self.start_worker()

    def start_worker(self) -> None:
        """The worker, which needs no web server."""
        self._spawn("worker", str(settings.BASE_DIR / "manage.py"), "worker")

    def _spawn(self, name: str, *arguments: str) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        # A session of its own: Ctrl-C reaches this process alone, which stops the others in order.
        self._children[name] = subprocess.Popen(
            [sys.executable, *arguments],
            env={"CLIP_PRELOAD": "true", **os.environ},
            start_new_session=True,
        )

    def wait_until_up(self, *, seconds: float = 60.0) -> None:
        """Return when the web server answers. Raises `SiteError`, with both stopped."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.stopping.is_set() and not self.dead():
            if self._answers():
                return
            time.sleep(0.1)
        if not self.stopping.is_set():
            self.stop()
            raise SiteError(f"The web server did not come up on port {self.port}; see above.")

    def _answers(self) -> bool:
        """Whether it speaks HTTP; what it says to this host name, its settings decide."""
        connection = http.client.HTTPConnection(self._reached_at, self.port, timeout=5)
        try:
            connection.request("GET", "/admin/login/")
            return connection.getresponse().status > 0
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def dead(self) -> str:
        """The name of a child that ended by itself, or an empty text."""
        return next((name for name, c in self._children.items() if c.poll() is not None), "")

    def run(self) -> None:
        """Wait for Ctrl-C, SIGTERM or the death of a child, then stop both."""
        while not self.stopping.wait(0.5):
            if name := self.dead():
                self.stop()
                raise SiteError(f"The {name} ended by itself; see its messages above.")
        self.stop()

    def stop(self) -> None:
        self.stopping.set()
        for child in self._children.values():
            child.terminate()
        for child in self._children.values():
            try:
                child.wait(timeout=STOP_WITHIN)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
