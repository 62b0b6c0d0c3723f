"""What went wrong stands in the log, with what somebody quotes who met it; and who did what."""

from __future__ import annotations

import http.client
import json
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken

from clipmod import logs
from clipmod.requests import HEADER
from moderation.services.queue import review, review_undo
from moderation.services.registry import activation, registering
from tests.support.factories import MakeItem
from tests.support.ports import free_port
from tools.live_project import LiveProject

PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "k" * 50,
    "ALLOWED_HOSTS": "127.0.0.1",
    "HTTPS": "false",
    "API_LOGIN_REQUIRED": "false",
    "LOG_LEVEL": "INFO",
}


class Site:
    """`manage.py serve` in production, and what it wrote."""

    def __init__(self, project: LiveProject) -> None:
        self.port = free_port()
        self.project = project
        project.start("serve", "--port", str(self.port))
        project.wait_until(
            lambda: "The worker is ready" in self.text() and "clipmod runs" in self.text(),
            seconds=120,
            what="web server and worker said that they are ready",
        )

    def text(self) -> str:
        (log,) = self.project.folder.glob("serve-*.log")
        return log.read_text()

    def lines(self, logger: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]
        return [line for line in found if line["logger"] == logger]

    def ask(self, path: str, **headers: str) -> tuple[int, str, str]:
        """(status, id, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, answer.headers[HEADER], body


# ── A live site ───────────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
@pytest.mark.any_database
def test_a_live_site_tells_in_json_what_went_wrong(
    make_project: Callable[..., LiveProject],
) -> None:
    project = make_project(**PRODUCTION, LOG_FORMAT="json")
    site = Site(project)
    # A fault as real as any: tables that are gone.
    project.rows("ALTER TABLE moderation_category RENAME TO gone")
    project.rows("ALTER TABLE django_session RENAME TO gone_too")

    status, known, body = site.ask("/clip/categories")
    assert status == 500
    assert json.loads(body)["request_id"] == known
    assert json.loads(body).keys() == {"error", "field", "request_id"}
    (line,) = [one for one in site.lines("django.request") if one["request_id"] == known]
    assert line["level"] == "ERROR"
    assert "Traceback" in line["traceback"] and "moderation_category" in line["traceback"]
    (access,) = [one for one in site.lines("clipmod.access") if one["request_id"] == known]
    assert (access["method"], access["path"], access["status"]) == ("GET", "/clip/categories", 500)

    status, known, page = site.ask("/admin/", cookie="sessionid=" + "a" * 32)
    assert status == 500
    assert f"quote: <code>{known}</code>" in page
    assert len(page) < 1000
    assert [one for one in site.lines("django.request") if one["request_id"] == known]

    # A stranger's own mistake is a line, and no traceback to fill the disk with.
    status, known, _ = site.ask("/admin/login/", host="elsewhere.example")
    assert status == 400
    (line,) = site.lines("django.security.DisallowedHost")
    assert (line["level"], line["request_id"]) == ("WARNING", known)
    assert "elsewhere.example" in line["message"] and "traceback" not in line

    # Each request its own id, whatever thread answers it.
    with ThreadPoolExecutor(16) as pool:
        asked = list(pool.map(lambda n: site.ask(f"/api/none/{n}")[1], range(64)))
    told = {one["request_id"]: one["path"] for one in site.lines("clipmod.access")}
    assert [told[known] for known in asked] == [f"/api/none/{n}" for n in range(64)]
    # Nobody but a proxy may choose it.
    assert site.ask("/api/none", **{HEADER: "chosen-by-the-client"})[1] != "chosen-by-the-client"


@pytest.mark.slow
@pytest.mark.any_database
def test_a_live_site_tells_people_what_it_does(make_project: Callable[..., LiveProject]) -> None:
    project = make_project(**PRODUCTION)
    site = Site(project)
    assert re.search(r"^\S+ \S+ INFO clipmod.web: The web server is ready$", site.text(), re.M)
    project.rows("ALTER TABLE moderation_category RENAME TO gone")

    _, known, _ = site.ask("/clip/categories")

    told = f" ERROR django.request [request {known}]: Internal Server Error: /clip/categories\n"
    _, _, after = site.text().partition(told)
    assert after.startswith("Traceback (most recent call last):")


@pytest.mark.slow
@pytest.mark.any_database
def test_the_worker_names_its_task(
    make_project: Callable[..., LiveProject],
) -> None:
    project = make_project(LOG_LEVEL="INFO", LOG_FORMAT="json")
    worker = project.start("worker")
    project.manage("shell", "-c", _ONE_PRODUCT)
    project.wait_until(
        lambda: "Answered 1 analyses" in _text(project), seconds=120, what="it was analysed"
    )

    lines = [json.loads(one) for one in _text(project).splitlines() if one.startswith("{")]
    (answered,) = [one for one in lines if one["message"] == "Answered 1 analyses"]
    assert answered["task_id"].startswith("analyse_pending-")
    (ready,) = [one for one in lines if one["message"].startswith("The worker is ready")]
    assert "task_id" not in ready

    worker.terminate()
    assert worker.wait(timeout=60) == 0
    assert {doing for (doing,) in project.rows("SELECT doing FROM moderation_heartbeat")} == {
        "stopped in order"
    }


_ONE_PRODUCT = """
from moderation.models import Product
from moderation.services.catalogue import intake
from tests.support.photos import photo
listing = intake.Listing(external_id="A", text="A red ball", image=photo(mark=1))
intake.take(listing, source=Product.Source.IMPORT)
"""


def _text(project: LiveProject) -> str:
    return "\n".join(log.read_text() for log in project.folder.glob("worker-*.log"))


# ── Request ids ───────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("7f3a9c1e5b2d4806", True),
        ("123e4567-e89b-12d3-a456-426614174000", True),
        ("short", False),
        ("a" * 65, False),
        ("two words here", False),
        ("<script>alert(1)</script>", False),
    ],
)
def test_behind_a_proxy_its_id_is_taken_where_it_is_one(
    settings: Any, sent: str, taken: bool
) -> None:
    settings.BEHIND_PROXY = True
    answer = Client().get("/api/none", headers={HEADER: sent})

    assert (answer[HEADER] == sent) is taken
    assert re.fullmatch(r"[\w.-]{8,64}", answer[HEADER])


@pytest.mark.django_db
def test_after_the_answer_the_thread_belongs_to_no_request() -> None:
    Client().get("/api/none")

    assert logs.request_id.get() == ""


@pytest.mark.django_db
def test_the_access_log_names_who_asked_by_key_and_hides_the_query(
    settings: Any, lead: User, lead_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ACCESS_LOG = True
    token = AuthToken.objects.create(lead)[1]
    caplog.set_level(logging.INFO, "clipmod.access")
    lead_client.get("/admin/moderation/product/?q=somebody")
    Client().get("/api/decisions", headers={"authorization": f"Token {token}"})
    Client().get("/api/decisions")

    told = [one.fields for one in caplog.records if one.name == "clipmod.access"]  # type: ignore[attr-defined]
    assert [(one["path"], one["status"], one["user"]) for one in told] == [
        ("/admin/moderation/product/", 200, lead.pk),
        ("/api/decisions", 200, lead.pk),
        ("/api/decisions", 401, None),
    ]
    assert "somebody" not in caplog.text


# ── Lines ─────────────────────────────────────────────────────────────────────────────────────
def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("shop", logging.WARNING, "", 1, message, (), None)


def test_what_a_stranger_sent_makes_no_line_of_its_own() -> None:
    line = logs.Plain().format(record("Not found: /a\n2026 ERROR root: all is lost\x1b[2J"))

    assert "\n" not in line and "\x1b" not in line
    assert line.endswith(r"Not found: /a\n2026 ERROR root: all is lost\x1b[2J")


def test_a_json_line_is_valid_whatever_stands_in_it() -> None:
    line = logs.Json().format(record('a "quote"\n\ud800 é \u2028'))

    assert line.isascii() and "\n" not in line
    assert json.loads(line)["message"] == 'a "quote"\n\ud800 é \u2028'


# ── Who did what ──────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "moderation.acts")
    return lambda: [one.getMessage() for one in caplog.records if one.name == "moderation.acts"]


@pytest.mark.django_db
def test_decisions_stand_in_the_log_with_their_keys(
    make_item: MakeItem,
    anna: User,
    told: Callable[[], list[str]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    item = make_item("A1")
    with django_capture_on_commit_callbacks(execute=True):
        decision = review.decide(item, moderator=anna, verdict="confirm", reason="other_product")
        review_undo.undo(moderator=anna)

    assert told() == [
        f"decided: user={anna.pk} decision={decision.pk} item={item.pk} verdict=confirm "
        "reason=other_product mode=queue taken_over=[]",
        f"took back: user={anna.pk} decisions=[{decision.pk}]",
    ]


@pytest.mark.django_db
def test_what_is_rolled_back_is_not_told(
    make_item: MakeItem, anna: User, told: Callable[[], list[str]]
) -> None:
    review.decide(make_item("A1"), moderator=anna, verdict="confirm", reason="other_product")

    assert told() == []  # this test's transaction is never committed


@pytest.mark.django_db
def test_an_activation_stands_in_the_log(
    lead: User, told: Callable[[], list[str]], django_capture_on_commit_callbacks: Any
) -> None:
    version = registering.register(registering.BUNDLED)
    with django_capture_on_commit_callbacks(execute=True):
        event = activation.activate(version, by=lead)

    assert event is not None
    assert told() == [
        f"version activated: user={lead.pk} version={version.pk} replaced=None event={event.pk}"
    ]


@pytest.mark.django_db
def test_a_failed_login_is_told_without_what_was_typed(
    anna: User, told: Callable[[], list[str]]
) -> None:
    for name in ("anna", "my password, typed into the wrong field"):
        Client().post("/admin/login/", {"username": name, "password": "wrong"})

    assert told() == [
        f"login failed: tried={anna.pk} address=127.0.0.1",
        "login failed: tried=None address=127.0.0.1",
    ]
