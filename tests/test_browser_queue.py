"""Walks through the queue in a real Chromium: keys, mouse, undo, zoom, no outside request."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect, sync_playwright

from moderation.models import Decision, ReviewItem, Skip
from moderation.services import review

pytestmark = [
    pytest.mark.browser,
    pytest.mark.any_database,
    pytest.mark.django_db(transaction=True),
]

Make = Callable[..., Any]
CHROMIUM = shutil.which("chromium")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install -y chromium")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's loop runs in this thread, and Django takes that for asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def anna(make_user: Make) -> User:
    return make_user("anna")


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
                if message.type in ("error", "warning") and "409" not in message.text
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


def ten_items(make_item: Make) -> list[ReviewItem]:
    return [
        make_item(f"A{number}", similarity=number / 100, text=f"Ball number {number}")
        for number in range(10)
    ]


def text(page: Page) -> Any:
    return page.locator(".listing-text")


def verdicts() -> list[tuple[str, str]]:
    return list(Decision.objects.order_by("id").values_list("verdict", "reason"))


def test_keys_decide_and_the_next_item_follows_without_a_reload(
    make_item: Make, open_page: Callable[..., Page]
) -> None:
    ten_items(make_item)
    page = open_page()
    page.evaluate("window.stayed = true")
    expected = {
        "2": ("confirm", "other_colour"),
        "5": ("confirm", "bad_text"),
        "m": ("confirm", "other_product"),
        "7": ("dismiss", "close_enough"),
        "8": ("dismiss", "unclear"),
        "O": ("dismiss", "matches"),
    }

    for number, key in enumerate(expected):
        expect(text(page)).to_have_text(f"Ball number {number}")
        page.keyboard.press(key)
    expect(text(page)).to_have_text("Ball number 6")

    assert verdicts() == list(expected.values())
    assert page.evaluate("window.stayed")
    assert all(0 <= row.seconds < 60 for row in Decision.objects.all())
    expect(page.locator("[data-count=open]")).to_have_text("4")
    expect(page.locator("[data-count=decided]")).to_have_text("6")


def test_skip_and_undo_by_key(make_item: Make, open_page: Callable[..., Page], anna: User) -> None:
    ten_items(make_item)
    page = open_page()

    page.keyboard.press("s")
    expect(text(page)).to_have_text("Ball number 1")
    page.keyboard.press("1")
    expect(text(page)).to_have_text("Ball number 2")
    page.keyboard.press("u")
    expect(text(page)).to_have_text("Ball number 1")
    expect(page.get_by_role("status")).to_contain_text("Undone")

    assert Skip.objects.get().item.product.external_id == "A0"
    assert not Decision.objects.standing().exists()


def test_the_mouse_does_the_same(make_item: Make, open_page: Callable[..., Page]) -> None:
    ten_items(make_item)
    page = open_page()

    page.get_by_text("Add a detail").click()
    page.get_by_text("Both", exact=True).click()
    page.get_by_label("Note").fill("m 1 2 3")  # keys in a field are text
    page.get_by_role("button", name="Colour or pattern differs").click()
    expect(text(page)).to_have_text("Ball number 1")
    page.get_by_role("button", name=re.compile("Photo and text match")).click()
    expect(text(page)).to_have_text("Ball number 2")

    first, second = Decision.objects.order_by("id")
    assert (first.verdict, first.wrong_side, first.note) == ("confirm", "both", "m 1 2 3")
    assert (second.verdict, second.wrong_side, second.note) == ("dismiss", "", "")


def test_side_keys_zoom_and_help_decide_nothing(
    make_item: Make, open_page: Callable[..., Page]
) -> None:
    ten_items(make_item)
    page = open_page()

    page.keyboard.press("t")
    expect(page.get_by_label("Text", exact=True)).to_be_checked()
    page.keyboard.press("t")
    expect(page.get_by_label("Text", exact=True)).not_to_be_checked()
    page.keyboard.press("z")
    expect(page.locator("#queue-zoom")).to_be_visible()
    page.keyboard.press("1")  # not meant for the picture
    page.keyboard.press("z")
    expect(page.locator("#queue-zoom")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()

    assert verdicts() == []


def test_a_late_decision_says_who_was_faster_and_goes_on(
    make_item: Make, open_page: Callable[..., Page], make_user: Make
) -> None:
    items = ten_items(make_item)
    page = open_page()
    expect(text(page)).to_have_text("Ball number 0")
    ben = make_user("ben")
    # The claim lapses and ben takes it in one step: no heartbeat of the page comes between.
    ReviewItem.objects.filter(pk=items[0].pk).update(
        claimed_by=ben, claimed_until=timezone.now() + timedelta(minutes=5)
    )
    review.decide(items[0], moderator=ben, verdict="dismiss", reason="matches")

    page.keyboard.press("1")

    expect(page.get_by_role("status")).to_contain_text("ben has already decided this item")
    expect(text(page)).to_have_text("Ball number 1")


def test_the_last_item_ends_in_the_empty_page_and_leaving_gives_back(
    make_item: Make, open_page: Callable[..., Page], anna: User
) -> None:
    make_item("A1"), make_item("A2")
    page = open_page()
    page.keyboard.press("o")
    expect(page.locator("[data-count=open]")).to_have_text("1")
    page.keyboard.press("o")
    expect(page.get_by_role("heading", name="All done")).to_be_visible()

    make_item("A3")
    page.get_by_role("link", name="Look again").click()
    expect(page.locator(".question")).to_be_visible()
    assert ReviewItem.objects.held_by(anna).exists()
    page.goto("/admin/")
    expect(page.get_by_role("link", name=re.compile(r"Review queue \(1\)"))).to_be_visible()
    for _ in range(100):  # the message travels beside the page
        if not ReviewItem.objects.held_by(anna).exists():
            break
        page.wait_for_timeout(100)
    assert not ReviewItem.objects.held_by(anna).exists()


def test_without_script_the_buttons_are_plain_forms(
    make_item: Make, open_page: Callable[..., Page]
) -> None:
    ten_items(make_item)
    page = open_page(java_script_enabled=False)

    page.get_by_role("button", name="Material, brand or detail differs").click()
    expect(text(page)).to_have_text("Ball number 1")
    expect(page.get_by_role("status")).to_contain_text("Mismatch: material, brand or detail")
    page.get_by_role("button", name="Skip").click()
    expect(text(page)).to_have_text("Ball number 2")
    page.get_by_role("button", name="Undo").click()
    expect(text(page)).to_have_text("Ball number 0")

    assert [verdict for verdict, _ in verdicts()] == ["confirm", "undo"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_narrow_phone(
    make_item: Make, open_page: Callable[..., Page], scheme: str
) -> None:
    make_item("A1", text="A very long listing title with many words " * 8, seller="s" * 90)
    page = open_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)

    for path in ("/admin/queue/", "/admin/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
