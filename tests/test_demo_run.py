"""What `make run` does, as real processes: set up, report, serve, stop, run again."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from .live_project import LiveProject

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def project(tmp_path: Path) -> Iterator[LiveProject]:
    live = LiveProject(tmp_path)
    yield live
    live.close()


def test_the_demo_runs_reports_stops_and_runs_again(project: LiveProject) -> None:
    port = free_port()
    demo = project.start("demo", "--port", str(port))
    log = project.folder / "demo-0.log"
    project.wait_until(
        lambda: "Ctrl-C stops everything" in log.read_text(), seconds=240, what="the demo was up"
    )

    shown = log.read_text()
    assert "180 products analysed" in shown
    planted = re.search(r"(\d+) of 18 planted mismatches caught", shown)
    assert planted is not None
    listed = re.findall(r"^  (caught|missed)  demo-\d+", shown, re.M)
    assert len(listed) == 18
    assert listed.count("caught") == int(planted[1])
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/login/") as answer:
        assert answer.status == 200

    family = psutil.Process(demo.pid).children(recursive=True)
    demo.send_signal(signal.SIGINT)  # Ctrl-C
    assert demo.wait(timeout=60) == 0
    assert "clipmod has stopped" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert psutil.wait_procs(family, timeout=10)[1] == []

    again = project.manage("demo", "--port", str(port), "--once")
    assert "0 products new, 180 there already" in again.stdout
    assert project.rows("SELECT count(*) FROM moderation_product") == [(180,)]
    assert project.rows("SELECT count(*) FROM moderation_analysis") == [(180,)]


def test_a_taken_port_is_said_in_one_sentence(project: LiveProject) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = project.manage("demo", "--port", str(port), check=False)
        preflight = subprocess.run(
            [sys.executable, "tools/preflight.py", "port"],
            env={**os.environ, "PORT": str(port)},
            capture_output=True,
            text=True,
        )

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"CommandError: Port {port} is taken; choose another one")
    assert preflight.stderr.startswith(f"Port {port} is taken; choose another one")


def test_the_demo_refuses_a_production_site(tmp_path: Path) -> None:
    project = LiveProject(
        tmp_path,
        environment={"DEBUG": "false", "SECRET_KEY": "k" * 50, "ALLOWED_HOSTS": "shop.example"},
    )
    try:
        answer = project.manage("demo", check=False)
    finally:
        project.close()

    assert "runs only with DEBUG=true" in answer.stderr
