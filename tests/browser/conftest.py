"""One Chromium for all tests of pages in a browser, and the queue opened in it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect, sync_playwright

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install -y chromium")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's loop runs in this thread, and Django takes that for asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(
    browser: Browser, live_server: Any, anna: User, settings: Any
) -> Iterator[Callable[..., Page]]:
    """Opens the queue as Anna; at the end no page has complained or asked another host."""
    complaints: list[str] = []

    def check(url: str) -> None:
        if not url.startswith((live_server.url, "data:", "blob:")):
            complaints.append(f"asked {url}")

    def open(*, path: str = "/admin/queue/", **options: Any) -> Page:
        page = browser.new_context(base_url=live_server.url, **options).new_page()
        page.on("request", lambda request: check(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type in ("error", "warning")
                and not re.search(r"409|ERR_FAILED", message.text)  # what tests bring about
                else None
            ),
        )
        page.goto("/admin/login/?next=" + path)
        page.get_by_label("Username").fill("anna")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Log in").click()
        if options.get("java_script_enabled", True):
            expect(page.locator("html.has-script")).to_be_attached()  # keys are heard from here on
        return page

    yield open
    for context in browser.contexts:
        context.close()
    assert complaints == []
