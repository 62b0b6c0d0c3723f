"""The queue's keys on keyboards of other languages, as Chromium reports their presses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import CDPSession, Page, expect

from moderation.models import Skip
from moderation.services.queue import queue_keys
from tests.browser.test_queue import text, verdicts
from tests.support.factories import MakeItem

pytestmark = [
    pytest.mark.browser,
    pytest.mark.any_database,
    pytest.mark.django_db(transaction=True),
]
SHIFT = 8

# What is typed, the key's place, Shift, and the reason it decides by.
PRESSES = [
    ("6", "Digit6", 0, "matches"),
    ("-", "Digit6", 0, "matches"),  # the top row of AZERTY
    ("é", "Digit2", 0, "other_colour"),
    ("6", "Digit6", SHIFT, "matches"),
    ("щ", "KeyO", 0, "matches"),
    ("Щ", "KeyO", SHIFT, "matches"),
    ("ο", "KeyO", 0, "matches"),  # a Greek one
    ("۷", "Digit7", 0, "close_enough"),
    ("۶", "Numpad6", 0, "matches"),
    ("６", "Digit6", 0, "matches"),
    ("Ｏ", "KeyO", SHIFT, "matches"),
    ("Process", "KeyO", 0, "matches"),  # an input method took it
    ("o", "KeyS", 0, "matches"),  # Dvorak
]
# What decides nothing: another key of a Latin keyboard, or a sign that was meant.
OTHERS = [
    (",", "KeyM", 0),  # AZERTY
    ("r", "KeyO", 0),  # Dvorak
    ("^", "Digit6", SHIFT),
    ("End", "Numpad1", 0),
    ("²", "Backquote", 0),
    ("º", "Backquote", 0),
    ("ö", "KeyM", 0),
]


def press(page: Page, devices: CDPSession, key: str, code: str, shift: int = 0) -> None:
    """Somebody has seen the item and presses the key; what comes faster is not heard."""
    page.wait_for_timeout(250)
    about = {"key": key, "code": code, "modifiers": shift}
    typed = {"text": key} if len(key) == 1 else {}
    devices.send("Input.dispatchKeyEvent", {"type": "keyDown", **about, **typed})
    devices.send("Input.dispatchKeyEvent", {"type": "keyUp", **about})


@pytest.fixture
def queue(make_item: MakeItem, open_page: Callable[..., Page]) -> tuple[Page, CDPSession]:
    """A page with more items than a test decides, and what reports presses to it."""
    for number in range(len(PRESSES) + 1):
        make_item(f"A{number}", similarity=number / 100, text=f"Ball number {number}")
    page = open_page()
    return page, page.context.new_cdp_session(page)


def test_a_key_that_types_another_sign_is_known_by_its_place(
    queue: tuple[Page, CDPSession],
) -> None:
    page, devices = queue
    for number, (key, code, shift, _) in enumerate(PRESSES):
        expect(text(page)).to_have_text(f"Ball number {number}")
        press(page, devices, key, code, shift)
    expect(text(page)).to_have_text(f"Ball number {len(PRESSES)}")

    decided = [reason for _, reason in verdicts(page, count=len(PRESSES))]
    assert decided == [reason for *_, reason in PRESSES]


def test_on_a_latin_keyboard_only_what_is_typed_counts(queue: tuple[Page, CDPSession]) -> None:
    page, devices = queue
    for press_of in OTHERS:
        press(page, devices, *press_of)
    expect(page.locator("dialog[open]")).to_have_count(0)
    press(page, devices, "6", "Digit6")

    expect(text(page)).to_have_text("Ball number 1")
    assert verdicts(page, count=1) == [("dismiss", "matches")]


def test_own_keys_go_before_places(anna: User, queue: tuple[Page, CDPSession]) -> None:
    page, devices = queue
    queue_keys.save(anna, keys={"dismiss": "é", "zoom": "щ", "skip": "＄"}, on=True)
    page.reload()
    expect(page.locator("html.has-script")).to_be_attached()

    press(page, devices, "é", "Digit2")
    expect(text(page)).to_have_text("Ball number 1")
    press(page, devices, "щ", "KeyO")
    expect(page.locator("#queue-zoom[open]")).to_be_visible()
    press(page, devices, "щ", "KeyO")
    expect(page.locator("#queue-zoom[open]")).to_have_count(0)
    press(page, devices, "＄", "Digit4")
    expect(page.locator("#queue-skip[open]")).to_be_visible()
    press(page, devices, "&", "Digit1")  # the window's reasons are keys too
    expect(text(page)).to_have_text("Ball number 2")

    assert verdicts(page, count=1) == [("dismiss", "matches")]
    for _ in range(200):  # it travels behind the page, as decisions do
        if Skip.objects.exists():
            break
        page.wait_for_timeout(50)
    assert Skip.objects.count() == 1


def test_the_grid_hears_places_too(make_item: MakeItem, open_page: Callable[..., Page]) -> None:
    items = [make_item(f"A{number}", category="Balls") for number in range(11)]
    page = open_page(path=f"/admin/queue/grid/?category={items[0].product.category_id}")
    devices = page.context.new_cdp_session(page)

    for key, code in (("é", "Digit2"), ("ф", "KeyA")):
        press(page, devices, key, code)

    expect(page.locator("[name=mismatch]:checked")).to_have_count(2)
    assert [box.get_attribute("data-key") for box in page.locator(":checked").all()][:2] == [
        "2",
        "a",
    ]
