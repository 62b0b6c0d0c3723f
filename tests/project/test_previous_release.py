"""Hosts are upgraded one after the other: the last release's code runs on this one's tables."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.paths import ROOT
from tests.support.photos import photo
from tests.support.ports import free_port
from tests.support.previous_release import PREVIOUS, of_previous_release
from tests.support.receiver import Receiver, receiving
from tools.live_project import LiveProject

WEBHOOKS = "/admin/moderation/webhook/"
SCHEDULES = "SELECT func FROM django_q_schedule ORDER BY func"
PEOPLE = """
from django.contrib.auth.models import Group, User
user = User.objects.create_superuser("anna", password="correct horse")
user.groups.add(Group.objects.get(name="moderator"))
"""


@pytest.fixture
def previous_code(tmp_path: Path) -> Path:
    folder = tmp_path / "previous"
    folder.mkdir()
    archive = of_previous_release("archive", PREVIOUS)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


@pytest.fixture
def project(db: None, tmp_path: Path, previous_code: Path) -> Iterator[LiveProject]:
    """An installation of the last release, whose tables were migrated by this one."""
    project = LiveProject(
        tmp_path,
        environment={
            # Each release brings a bundled model of its own; here both read one folder.
            "CLIP_MODEL_PATH": str(ROOT / "moderation" / "clip" / "bundled"),
            "CLIP_SIMILARITY_THRESHOLD": "1",  # all enters the queue
            "API_RATE": "600/min",  # which both count in the cache
            "WEBHOOK_ALLOW_PRIVATE": "true",
        },
        code=previous_code,
    )
    try:
        project.manage("migrate", "-v", "0")
        project.manage("setup")
        project.manage("shell", "-c", PEOPLE)
        schedules = project.rows(SCHEDULES)
        project.code = ROOT
        project.manage("migrate", "-v", "0")
        project.manage("setup")
        assert project.rows(SCHEDULES) == schedules  # what the last release's workers wait for
        yield project
    finally:
        project.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """The shop's end of the webhook."""
    with receiving() as found:
        yield found


class Shop:
    """A clipmod whose web server and worker run either release's code."""

    def __init__(self, project: LiveProject) -> None:
        self.project = project
        self.token = project.manage("create_token", "anna").stdout.strip()

    def runs(self, code: Path) -> httpx.Client:
        """Start web server and worker of that code beside what runs; a browser logged in there."""
        port = free_port()
        self.project.code = code
        self.project.start("serve", "--port", str(port))
        address = f"http://127.0.0.1:{port}"
        self.project.wait_until(
            lambda: f"clipmod runs at {address}/" in self.project.logs(),
            seconds=120,
            what="the site was up",
        )
        browser = httpx.Client(base_url=address, timeout=60, follow_redirects=True)
        browser.get("/admin/login/")
        browser.post(
            "/admin/login/",
            data={
                "username": "anna",
                "password": "correct horse",
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
                "next": "/admin/",
            },
        ).raise_for_status()
        browser.headers["Authorization"] = f"Token {self.token}"
        return browser

    def imports(self, *names: str) -> None:
        """By the code that was started last; and waits until they are analysed."""
        lines = [f"{name},{name}.jpg,A red ball by the name of {name}\n" for name in names]
        for name in names:
            (self.project.folder / f"{name}.jpg").write_bytes(photo(mark=ord(name)))
        catalogue = self.project.folder / "catalogue.csv"
        catalogue.write_text("product_id,image_path,text\n" + "".join(lines))
        self.project.manage("import_products", str(catalogue))
        self.project.wait_until(
            lambda: self.project.count("status IN ('pending', 'running')") == 0,
            seconds=60,
            what="all were analysed",
        )


def decide(browser: httpx.Client) -> str:
    """Look at the queue and judge an item; the id of its product."""
    assert "Do photo and text match?" in browser.get("/admin/queue/").raise_for_status().text
    (item,) = browser.get("/api/reviews?page_size=1").raise_for_status().json()["results"]
    browser.post(
        f"/api/reviews/{item['id']}/decide",
        json={"verdict": "confirm", "reason": "other_product", "wrong_side": "image"},
    ).raise_for_status()
    return str(item["product_id"])


def decided(browser: httpx.Client) -> set[str]:
    answer = browser.get("/api/decisions?standing=true").raise_for_status()
    return {row["product_id"] for row in answer.json()["results"]}


def post(browser: httpx.Client, path: str, **fields: str) -> str:
    """The page that answers a form of the admin."""
    fields["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
    return browser.post(path, data=fields).raise_for_status().text


def new_secret(browser: httpx.Client, path: str, **fields: str) -> str:
    """The secret of a webhook, shown once."""
    found = re.search(r"whsec_[\w+/=]+", post(browser, path, **fields))
    assert found is not None
    return found[0]


def signs_with(secret: str, browser: httpx.Client, receiver: Receiver) -> bool:
    """Whether that host's message to the only webhook is signed with the secret."""
    post(browser, f"{WEBHOOKS}1/ping/")
    return receiver.messages.pop().is_signed_with(secret)


@pytest.mark.slow
@pytest.mark.postgresql  # several hosts share that; with SQLite there is one, which stands still
def test_both_releases_work_side_by_side_on_the_new_tables(
    project: LiveProject, previous_code: Path, receiver: Receiver
) -> None:
    """As in a rolling deploy: migrated first, old hosts at work, a new one comes, the old go."""
    shop = Shop(project)
    old = shop.runs(previous_code)
    secret = new_secret(old, f"{WEBHOOKS}add/", name="shop", url=receiver.url, is_active="on")
    shop.imports("a", "b", "c")
    first = decide(old)
    new = shop.runs(ROOT)
    shop.imports("d", "e")
    second = decide(new)
    third = decide(old)
    assert signs_with(secret, old, receiver) and signs_with(secret, new, receiver)
    secret = new_secret(new, f"{WEBHOOKS}1/rotate/")
    assert signs_with(secret, old, receiver) and signs_with(secret, new, receiver)

    for browser in (old, new):
        assert decided(browser) == {first, second, third}
        assert browser.get("/clip/health").raise_for_status().json()["status"] == "healthy"
        for name in "abcde":
            browser.get(f"/api/products/{name}/analyses").raise_for_status()
            product = browser.get(f"/api/products/{name}").raise_for_status().json()
            assert product["analysis"]["status"] == "done"
    old.close()
    project.manage("encrypt_secrets")  # the last host is upgraded
    assert signs_with(secret, new, receiver)
    assert project.rows("SELECT secret FROM moderation_webhook") == [("",)]
    new.close()
    assert project.count("status = 'done'") == 5
    assert "Traceback" not in project.logs()
