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
from typing import Any

import psutil
import pytest

from moderation.clip.finetune.refusals import MIN_OF_EACH
from moderation.models import Product
from moderation.services.running import demo
from tests.support.paths import ROOT
from tests.support.ports import free_port
from tools.live_project import LiveProject

pytestmark = [pytest.mark.slow, pytest.mark.any_database]


EDIT = """
from moderation.models import Product
Product.objects.filter(external_id="demo-00005").delete()
Product.objects.filter(external_id="demo-00001").update(seller="edited by hand")
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[LiveProject]:
    live = LiveProject(tmp_path, environment={"AUDIT_SHARE": "0.02"})  # as shipped
    yield live
    live.close()


def test_the_demo_runs_reports_stops_and_runs_again(project: LiveProject) -> None:
    port = free_port()
    running = project.start("demo", "--port", str(port))
    log = project.folder / "demo-0.log"
    project.wait_until(
        lambda: "Ctrl-C stops everything" in log.read_text(), seconds=240, what="the demo was up"
    )

    shown = log.read_text()
    planted = re.search(r"(\d+) of 36 planted mismatches caught", shown)
    assert planted is not None
    by_kind = re.findall(r"^  (colour|other type|sibling type) +(\d+) of (\d+)$", shown, re.M)
    assert len(by_kind) == 3
    assert sum(int(caught) for _, caught, _ in by_kind) == int(planted[1])
    assert sum(int(of) for *_, of in by_kind) == 36
    missed = re.findall(r"^  missed  demo-\d+ .+”: its similarity is .+ is flagged$", shown, re.M)
    assert len(missed) == 36 - int(planted[1])
    assert re.search(r"^\d+ of 144 true listings flagged falsely[.:]$", shown, re.M)
    assert "To see the model learn, put" not in shown
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    counts = re.findall(r"^  ((?:colour|other type|sibling type) +)… (of \d+)$", readme, re.M)
    assert {(kind.strip(), f"of {of}") for kind, _, of in by_kind} == {
        (kind.strip(), of) for kind, of in counts
    }
    flagged = re.search(r"180 products analysed, (\d+) flagged", shown)
    assert flagged is not None
    more = re.search(r"A threshold of 0\.\d\d would flag the (\d+) most suspicious", shown)
    assert (more is not None) == (int(flagged[1]) < 27), "told where it flags less than that"
    assert more is None or more[1] == "27"
    queue = re.search(r"holds (\d+) products, (\d+) of them drawn at random: http", shown)
    assert queue is not None
    assert int(queue[1]) == int(flagged[1]) + int(queue[2])
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/login/") as answer:
        assert answer.status == 200

    family = psutil.Process(running.pid).children(recursive=True)
    beside = project.manage("demo", "--port", str(port), "--once", "--verbose")
    assert "All planted mismatches, and the text that is true" in beside.stdout
    assert project.rows("SELECT count(*) FROM moderation_heartbeat") == [(1,)]  # no second worker
    running.send_signal(signal.SIGINT)  # Ctrl-C
    assert running.wait(timeout=60) == 0
    assert "clipmod has stopped" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert psutil.wait_procs(family, timeout=10)[1] == []

    project.manage("shell", "-v", "0", "-c", EDIT)
    again = project.manage("demo", "--once", "--verbose")  # with a worker: nobody else has one
    assert "1 products new, 179 there already" in again.stdout
    listed = re.findall(r"^  (caught|missed)  demo-\d+ .+ true: “.+”$", again.stdout, re.M)
    assert len(listed) == 36
    assert listed.count("caught") == int(planted[1])
    learns = r"put about 135 of the most suspicious in the queue, (\d+) of them"
    lesson = re.search(learns, again.stdout)
    assert lesson is not None
    assert int(lesson[1]) > 1.25 * MIN_OF_EACH  # some are kept for judging
    set_to = r"^  python manage.py set_threshold --value 0\.\d{3}$"
    assert re.search(set_to, again.stdout, re.M)
    assert project.rows("SELECT count(*) FROM moderation_product") == [(180,)]
    assert project.rows("SELECT count(*) FROM moderation_analysis") == [(180,)]
    edited = "SELECT seller FROM moderation_product WHERE external_id = 'demo-00001'"
    assert project.rows(edited) == [("edited by hand",)]

    removed = project.manage("demo", "--remove", "--yes").stdout
    assert removed.startswith("Removed of the demo shop: products 180, analyses 180, ")
    assert project.rows("SELECT count(*) FROM moderation_product") == [(0,)]
    assert project.manage("demo", "--remove", "--yes").stdout == "There is no demo shop.\n"


def test_bringing_the_demo_in_again_keeps_what_people_edited(
    bundled: Any, settings: Any, tmp_path: Path
) -> None:
    settings.DEMO_DIR = tmp_path / "demo"
    demo.draw(count=6)
    assert demo.bring_in() == (6, 0)
    gone, edited = Product.objects.order_by("pk")[:2]
    gone.delete()
    Product.objects.filter(pk=edited.pk).update(text="Edited by hand")

    assert demo.bring_in() == (1, 5)
    assert Product.objects.get(pk=edited.pk).text == "Edited by hand"
    assert demo.bring_in() == (0, 6)


def test_ctrl_c_before_the_site_starts_is_said_in_one_sentence(project: LiveProject) -> None:
    running = project.start("demo", "--port", str(free_port()))
    log = project.folder / "demo-0.log"
    project.wait_until(
        lambda: "Drawing products" in log.read_text(), seconds=240, what="products were drawn"
    )
    running.send_signal(signal.SIGINT)

    assert running.wait(timeout=60) == 130
    assert "Stopped. Run the command again to go on." in log.read_text()
    assert "Traceback" not in log.read_text()


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
