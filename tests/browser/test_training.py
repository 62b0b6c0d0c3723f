"""A training in a real Chromium: started, watched live, cancelled, and its end shown by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from moderation.models import TrainingRun
from moderation.services.registry import versions
from tests.support.factories import MakeUser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.any_database,
    pytest.mark.django_db(transaction=True),
]
Status = TrainingRun.Status
CURVE = [{"step": 10 * n, "train": 1 / (n + 1), "validation": 1.2 / (n + 1)} for n in range(6)]


@pytest.fixture
def open_page(
    browser: Browser,
    live_server: Any,
    make_user: MakeUser,
    bundled: Any,
    settings: Any,
    tmp_path: Path,
) -> Iterator[Callable[..., Page]]:
    """Opens a page as a lead; at the end none has complained or asked another host."""
    settings.CLIP_CHECKPOINT_DIR = tmp_path / "checkpoints"
    make_user("lena", group="lead")
    complaints: list[str] = []

    def open(path: str, **options: Any) -> Page:
        page = browser.new_context(base_url=live_server.url, **options).new_page()
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith(live_server.url) else complaints.append(request.url)
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        page.goto("/admin/login/?next=" + path)
        page.get_by_label("Username").fill("lena")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Log in").click()
        return page

    yield open
    for context in browser.contexts:
        context.close()
    assert complaints == []


def change(**fields: Any) -> None:
    TrainingRun.objects.update(heartbeat_at=timezone.now(), **fields)


def test_a_training_is_started_watched_and_cancelled(open_page: Callable[..., Page]) -> None:
    page = open_page("/admin/moderation/trainingrun/")
    page.get_by_role("link", name="Train a new version").click()
    page.get_by_label("Minutes at most").fill("5")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator(".training-state")).to_contain_text("Waiting for the worker")

    started = {"status": Status.RUNNING, "claimed_by": "elsewhere/1/1/"}
    change(**started, started_at=timezone.now(), doing="Training, epoch 1 of 8", progress=0.3)
    expect(page.locator(".training-state")).to_contain_text("Training, epoch 1 of 8")
    assert page.locator("progress").get_attribute("value") == "30"

    change(curve=CURVE, progress=0.6, log="epoch 6: train 0.17\n")
    expect(page.locator(".training-curve svg")).to_be_visible()
    expect(page.locator(".training-log")).to_contain_text("epoch 6")
    expect(page.get_by_text("Validation loss 0.200")).to_be_visible()

    page.get_by_role("button", name="Cancel training").click()
    expect(page.get_by_role("button", name="Stopping …")).to_be_disabled()
    change(status=Status.CANCELLED, live=None, finished_at=timezone.now())
    expect(page.locator(".training-state")).to_contain_text("Cancelled")
    expect(page.locator("progress")).to_have_count(0)


def test_the_end_shows_itself_with_what_was_made(open_page: Callable[..., Page]) -> None:
    page = open_page("/admin/")
    page.get_by_role("button", name="Improve the model").click()
    expect(page.locator(".training-state")).to_contain_text("Queued")

    version = versions.current()
    change(
        status=Status.DONE,
        live=None,
        finished_at=timezone.now(),
        version=version,
        curve=CURVE,
        reasons=["120 labels and a small model: all weights are trained."],
        log="The queue held 12 products and holds 9.\n",
    )
    expect(page.get_by_text("all weights are trained")).to_be_visible()
    expect(page.get_by_role("link", name=version.name).first).to_be_visible()
    expect(page.locator("pre.training-log")).to_contain_text("holds 9")


def test_without_script_a_reload_shows_the_same(open_page: Callable[..., Page]) -> None:
    page = open_page("/admin/", java_script_enabled=False)
    page.get_by_role("button", name="Improve the model").click()
    expect(page.locator(".training-state")).to_contain_text("Waiting for the worker")

    change(status=Status.RUNNING, claimed_by="elsewhere/1/1/", doing="Evaluating", progress=0.8)
    page.reload()
    expect(page.locator(".training-state")).to_contain_text("Evaluating")
    page.get_by_role("button", name="Cancel training").click()
    expect(page.get_by_text("It stops at its next step.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(open_page: Callable[..., Page], scheme: str) -> None:
    page = open_page("/admin/", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.get_by_role("button", name="Improve the model").click()
    change(status=Status.DONE, live=None, curve=CURVE, log="x" * 300 + "\n", reasons=["y" * 200])
    expect(page.locator(".training-curve svg")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
