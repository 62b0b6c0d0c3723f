"""Walks through the queue in a real Chromium: keys, mouse, undo, zoom, no outside request."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from moderation.models import Decision, Explanation, ReviewItem, SimilarGroup, Skip
from moderation.services.queue import review
from tests.services.queue.test_review import change_text, score_again
from tests.support.factories import MakeItem, MakeUser
from tests.support.several_photos import make_misfit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.any_database,
    pytest.mark.django_db(transaction=True),
]


def ten_items(make_item: MakeItem) -> list[ReviewItem]:
    return [
        make_item(f"A{number}", similarity=number / 100, text=f"Ball number {number}")
        for number in range(10)
    ]


def press(page: Page, key: str) -> None:
    """Press a key as people do: they have seen the item; what comes faster is not heard."""
    page.wait_for_timeout(200)
    page.keyboard.press(key)


def text(page: Page) -> Any:
    return page.locator(".listing-text")


def verdicts(page: Page, *, count: int) -> list[tuple[str, str]]:
    """What was decided, once so many decisions have arrived: they travel behind the page."""
    for _ in range(200):
        if Decision.objects.count() >= count:
            break
        page.wait_for_timeout(50)
    return list(Decision.objects.order_by("id").values_list("verdict", "reason"))


def test_keys_decide_and_the_next_item_follows_without_a_reload(
    make_item: MakeItem, open_page: Callable[..., Page]
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
        press(page, key)
    expect(text(page)).to_have_text("Ball number 6")

    assert verdicts(page, count=6) == list(expected.values())
    assert page.evaluate("window.stayed")
    assert all(0 <= row.seconds < 60 for row in Decision.objects.all())
    expect(page.locator("[data-count=open]")).to_have_text("4")
    expect(page.locator("[data-count=decided]")).to_have_text("6")


def test_the_next_item_is_there_before_the_server_has_answered(
    make_item: MakeItem, open_page: Callable[..., Page]
) -> None:
    ten_items(make_item)
    page = open_page()
    expect(page.locator("#queue[data-ready='3']")).to_be_attached()
    held: list[Any] = []
    page.route("**/decide/", lambda route: held.append(route))

    for number in (1, 2, 3):
        press(page, "o")
        expect(text(page)).to_have_text(f"Ball number {number}")
        picture = page.locator(".photo img")
        assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    press(page, "o")  # the fourth has nothing ready to follow: it waits for the server
    press(page, "o")  # and this one is not meant for what is not there yet
    assert not Decision.objects.exists()
    page.unroute("**/decide/")  # which lets go what was held

    expect(text(page)).to_have_text("Ball number 4")
    assert verdicts(page, count=4) == [("dismiss", "matches")] * 4


def test_what_the_server_refuses_comes_back_with_a_sentence(
    make_item: MakeItem, open_page: Callable[..., Page]
) -> None:
    ten_items(make_item)
    page = open_page()
    expect(page.locator("#queue[data-ready='3']")).to_be_attached()
    page.route("**/decide/", lambda route: route.abort(), times=1)

    press(page, "o")

    expect(page.get_by_role("status")).to_contain_text("The server did not answer")
    expect(text(page)).to_have_text("Ball number 1")  # what is being looked at stays
    press(page, "2")
    expect(text(page)).to_have_text("Ball number 0")
    press(page, "o")
    expect(text(page)).to_have_text("Ball number 2")
    assert verdicts(page, count=2) == [("confirm", "other_colour"), ("dismiss", "matches")]


def test_an_answer_that_breaks_off_stops_nothing(
    make_item: MakeItem, open_page: Callable[..., Page]
) -> None:
    ten_items(make_item)
    page = open_page()
    expect(page.locator("#queue[data-ready='3']")).to_be_attached()
    page.route(
        "**/decide/",
        lambda route: route.fulfill(body='{"items": [', content_type="application/json"),
        times=1,
    )

    press(page, "o")
    expect(page.get_by_role("status")).to_contain_text("The server did not answer")
    press(page, "o")
    expect(text(page)).to_have_text("Ball number 0")

    assert verdicts(page, count=1) == [("dismiss", "matches")]


def test_an_undo_behind_a_decision_that_fails_takes_back_nothing_else(
    make_item: MakeItem, open_page: Callable[..., Page]
) -> None:
    ten_items(make_item)
    page = open_page()
    expect(page.locator("#queue[data-ready='3']")).to_be_attached()
    press(page, "o")
    assert len(verdicts(page, count=1)) == 1
    held: list[Any] = []
    page.route("**/decide/", lambda route: held.append(route), times=1)

    press(page, "m")
    page.keyboard.press("u")
    page.wait_for_timeout(100)
    held[0].abort()

    expect(page.get_by_role("status")).to_contain_text("what you did last is something else")
    assert verdicts(page, count=1) == [("dismiss", "matches")]


def test_what_was_decided_arrives_though_the_page_is_left(
    make_item: MakeItem, open_page: Callable[..., Page], anna: User
) -> None:
    ten_items(make_item)
    page = open_page()
    expect(page.locator("#queue[data-ready='3']")).to_be_attached()

    press(page, "o")
    press(page, "m")
    page.goto("about:blank")

    found = verdicts(page, count=2)
    assert found == [("dismiss", "matches"), ("confirm", "other_product")]
    # An answer under way may have fetched further items ahead: nobody sees them, and they come
    # back soon, since no page gives a sign of life.
    held = ReviewItem.objects.held_by(anna)
    for _ in range(60):  # the message of leaving travels beside the decisions
        if not held.filter(shown_at__isnull=False).exists():
            break
        page.wait_for_timeout(50)
    assert not held.filter(shown_at__isnull=False).exists()
    assert not held.filter(claimed_until__gt=timezone.now() + timedelta(seconds=90)).exists()


def test_a_double_click_decides_one_item(
    make_item: MakeItem, open_page: Callable[..., Page]
) -> None:
    ten_items(make_item)
    page = open_page()
    expect(page.locator("#queue[data-ready='3']")).to_be_attached()
    page.wait_for_timeout(500)

    page.get_by_role("button", name="Close enough").dblclick()

    expect(text(page)).to_have_text("Ball number 1")
    page.wait_for_timeout(300)
    assert verdicts(page, count=1) == [("dismiss", "close_enough")]


def test_fifty_items_take_fifty_presses(
    make_item: MakeItem, open_page: Callable[..., Page]
) -> None:
    for number in range(50):
        make_item(f"A{number}", similarity=number / 100, text=f"Ball number {number}")
    page = open_page()

    for number in range(50):
        expect(text(page)).to_have_text(f"Ball number {number}")
        press(page, "mo"[number % 2])

    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    decided = verdicts(page, count=50)
    assert decided == [("confirm", "other_product"), ("dismiss", "matches")] * 25


def test_escalating_asks_for_a_note_and_keys_can_be_changed(
    make_item: MakeItem, open_page: Callable[..., Page], make_user: MakeUser
) -> None:
    items = ten_items(make_item)
    make_user("lea", group="lead")
    page = open_page()

    press(page, "e")
    page.get_by_label("What should they know?").fill("Is it ours? 1 2 3")
    press(page, "Control+Enter")
    expect(text(page)).to_have_text("Ball number 1")
    expect(page.get_by_role("status")).to_contain_text("Escalated")
    items[0].refresh_from_db()
    assert items[0].escalation_note == "Is it ours? 1 2 3"

    press(page, "?")
    page.get_by_role("button", name="Change keys").click()
    page.get_by_label("Key for: They match").fill("k")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Your keys are saved")
    press(page, "o")  # no key any longer
    press(page, "k")
    expect(text(page)).to_have_text("Ball number 2")
    assert verdicts(page, count=1) == [("dismiss", "matches")]

    press(page, "?")
    page.get_by_label("Keys are on").click()
    expect(page.get_by_role("status")).to_contain_text("Your keys are saved")
    press(page, "k")
    page.wait_for_timeout(450)
    page.get_by_role("button", name=re.compile("Close enough")).click()
    expect(text(page)).to_have_text("Ball number 3")
    assert verdicts(page, count=2)[1] == ("dismiss", "close_enough")


def test_a_finger_swipes_left_for_a_mismatch_and_right_for_a_match(
    make_item: MakeItem, open_page: Callable[..., Page]
) -> None:
    ten_items(make_item)
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    expect(page.locator("#queue[data-ready='3']")).to_be_attached()

    swipe(page, by=-40)  # too short to mean anything
    swipe(page, by=-200)
    expect(text(page)).to_have_text("Ball number 1")
    swipe(page, by=200)
    expect(text(page)).to_have_text("Ball number 2")

    assert verdicts(page, count=2) == [("confirm", "other_product"), ("dismiss", "matches")]


def test_a_flag_is_explained_and_a_blind_item_is_not(
    make_item: MakeItem, open_page: Callable[..., Page]
) -> None:
    item, blind = make_item("A1", similarity=-0.2), make_item("A2")
    found = {
        "wrong": {
            "word": "red",
            "spans": [[2, 5]],
            "kind": "colour",
            "looks_like": ["blue"],
            "shares": [["blue", 0.9], ["red", 0.01]],
        },
        "suggestion": "A blue ball",
    }
    for one in (item, blind):
        Explanation.objects.create(analysis=one.analysis, found=found)
    ReviewItem.objects.filter(pk=blind.pk).update(in_audit=True)
    page = open_page()

    expect(page.locator(".listing-text mark")).to_have_text("red")
    why = page.get_by_role("region", name="Why it was flagged")
    expect(why).to_contain_text("“red” does not fit: the photo looks blue.")
    expect(why).to_contain_text("A blue ball")
    press(page, "2")
    expect(page.get_by_text("Judge by photo and text alone")).to_be_visible()
    expect(page.locator("mark, .why")).to_have_count(0)


def test_similar_items_are_decided_with_one_key_and_undone_with_one(
    make_item: MakeItem, open_page: Callable[..., Page]
) -> None:
    items = ten_items(make_item)
    group = SimilarGroup.objects.create()
    ReviewItem.objects.filter(pk__in=[item.pk for item in items[:4]]).update(group=group)
    page = open_page()

    press(page, "g")
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(3)
    page.get_by_role("checkbox", name="Ball number 2").uncheck()
    press(page, "2")
    expect(text(page)).to_have_text("Ball number 2")  # 1 and 3 were decided with it
    expect(page.get_by_role("status")).to_contain_text("2 of 2 similar items followed")
    assert len(verdicts(page, count=3)) == 3
    expect(page.locator("[data-count=open]")).to_have_text("7")
    press(page, "u")

    expect(text(page)).to_have_text("Ball number 0")
    expect(page.locator("[data-count=open]")).to_have_text("10")
    assert not Decision.objects.standing().exists()


def test_a_changed_text_comes_back_with_both_versions_and_nothing_else_does(
    make_item: MakeItem, open_page: Callable[..., Page], make_user: MakeUser
) -> None:
    item = make_item("A1", text="A red ball")
    review.decide(item, moderator=make_user("ben"), verdict="dismiss", reason="matches")
    page = open_page()
    expect(page.get_by_role("heading", name="All done")).to_be_visible()

    score_again(change_text("A1", "A green ball"), similarity=0.1)
    page.goto("/admin/queue/")

    changed = page.get_by_role("region", name="What changed since it was decided")
    expect(changed).to_contain_text("The text changed")
    expect(changed).to_contain_text("A red ball")
    expect(changed).to_contain_text("A green ball")
    expect(changed).to_contain_text("ben decided")


def swipe(page: Page, *, by: int) -> None:
    """A finger moves over the photo, sideways."""
    page.wait_for_timeout(200)
    touch = page.context.new_cdp_session(page)
    steps = [("touchStart", 0), ("touchMove", by // 2), ("touchMove", by), ("touchEnd", None)]
    for kind, across in steps:
        points = [] if across is None else [{"x": 180 + across, "y": 220}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_skip_and_undo_by_key(
    make_item: MakeItem, open_page: Callable[..., Page], anna: User
) -> None:
    ten_items(make_item)
    page = open_page()

    press(page, "s")
    expect(page.get_by_role("dialog", name="Why do you skip it?")).to_be_visible()
    press(page, "3")
    expect(text(page)).to_have_text("Ball number 1")
    press(page, "1")
    expect(text(page)).to_have_text("Ball number 2")
    press(page, "u")
    expect(text(page)).to_have_text("Ball number 1")
    expect(page.get_by_role("status")).to_contain_text("Undone")

    skip = Skip.objects.get()
    assert (skip.item.product.external_id, skip.reason) == ("A0", "language")
    assert not Decision.objects.standing().exists()

    press(page, "u")
    expect(text(page)).to_have_text("Ball number 0")
    assert not Skip.objects.exists()
    press(page, "1")
    expect(text(page)).to_have_text("Ball number 1")


def test_the_mouse_does_the_same(make_item: MakeItem, open_page: Callable[..., Page]) -> None:
    ten_items(make_item)
    page = open_page()

    page.get_by_text("Add a detail").click()
    page.get_by_text("Both", exact=True).click()
    page.get_by_role("textbox", name="Note", exact=True).fill("m 1 2 3")  # keys in a field are text
    page.get_by_role("button", name="Colour or pattern differs").click()
    expect(text(page)).to_have_text("Ball number 1")
    page.wait_for_timeout(450)  # a faster click is taken for the second half of a double one
    page.get_by_role("button", name=re.compile("Photo and text match")).click()
    expect(text(page)).to_have_text("Ball number 2")

    assert len(verdicts(page, count=2)) == 2
    first, second = Decision.objects.order_by("id")
    assert (first.verdict, first.wrong_side, first.note) == ("confirm", "both", "m 1 2 3")
    assert (second.verdict, second.wrong_side, second.note) == ("dismiss", "", "")


def test_side_keys_zoom_and_help_decide_nothing(
    make_item: MakeItem, open_page: Callable[..., Page]
) -> None:
    ten_items(make_item)
    page = open_page()

    press(page, "t")
    expect(page.get_by_label("Text", exact=True)).to_be_checked()
    press(page, "t")
    expect(page.get_by_label("Text", exact=True)).not_to_be_checked()
    press(page, "z")
    expect(page.locator("#queue-zoom")).to_be_visible()
    press(page, "1")  # not meant for the picture
    press(page, "z")
    expect(page.locator("#queue-zoom")).to_be_hidden()
    press(page, "?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    press(page, "Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()

    assert verdicts(page, count=0) == []


def test_a_late_decision_says_who_was_faster_and_goes_on(
    make_item: MakeItem, open_page: Callable[..., Page], make_user: MakeUser
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

    press(page, "1")

    expect(page.get_by_role("status")).to_contain_text("ben has already decided this item")
    expect(text(page)).to_have_text("Ball number 1")
    press(page, "o")  # an undo means this one, not what came too late
    expect(text(page)).to_have_text("Ball number 2")
    press(page, "u")
    expect(text(page)).to_have_text("Ball number 1")


def test_the_last_item_ends_in_the_empty_page_and_leaving_gives_back(
    make_item: MakeItem, open_page: Callable[..., Page], anna: User
) -> None:
    make_item("A1", text="One", similarity=-0.2), make_item("A2", text="Two")
    page = open_page()
    press(page, "o")
    expect(text(page)).to_have_text("Two")
    press(page, "o")
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
    make_item: MakeItem, open_page: Callable[..., Page]
) -> None:
    ten_items(make_item)
    page = open_page(java_script_enabled=False)

    page.get_by_role("button", name="Material, brand or detail differs").click()
    expect(text(page)).to_have_text("Ball number 1")
    expect(page.get_by_role("status")).to_contain_text("Mismatch: material, brand or detail")
    page.get_by_role("button", name="Skip").click()
    expect(text(page)).to_have_text("Ball number 2")
    page.get_by_role("button", name="Undo").click()
    expect(text(page)).to_have_text("Ball number 1")
    assert not Skip.objects.exists()
    page.get_by_role("button", name="Undo").click()
    expect(text(page)).to_have_text("Ball number 0")

    assert [verdict for verdict, _ in verdicts(page, count=2)] == ["confirm", "undo"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_narrow_phone(
    make_item: MakeItem, open_page: Callable[..., Page], scheme: str
) -> None:
    make_item("A1", text="A very long listing title with many words " * 8, seller="s" * 90)
    page = open_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)

    for path in ("/admin/queue/", "/admin/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).bounding_box()
    assert found is not None
    return found


@pytest.mark.parametrize("width", [1100, 1280, 1920])
def test_what_is_said_of_a_decision_covers_no_figure(
    make_item: MakeItem, open_page: Callable[..., Page], width: int
) -> None:
    make_item("A1"), make_item("A2")
    page = open_page(viewport={"width": width, "height": 800})

    press(page, "4")  # the longest of the reasons
    expect(page.locator("#queue-message")).not_to_be_empty()

    said = box(page, "#queue-message")
    assert said["x"] + said["width"] < box(page, "#user-tools")["x"]
    assert said["x"] > box(page, "#site-name")["x"] + box(page, "#site-name")["width"]
    for figures in (".queue-counts", ".queue-tools"):
        assert said["y"] + said["height"] <= box(page, figures)["y"]


def test_on_a_phone_what_the_model_read_stands_clear_of_the_title(
    make_item: MakeItem, open_page: Callable[..., Page]
) -> None:
    make_item(
        "A1", text="A red ball with <b>white dots</b> for the garden and for the house, 19,99 €"
    )
    page = open_page(viewport={"width": 390, "height": 844})

    title, read = box(page, ".listing-text"), box(page, ".listing-read")
    assert title["height"] > 40  # two lines
    assert read["y"] >= title["y"] + title["height"]


def test_the_next_photo_is_shown_large_and_a_mismatch_is_said_of_it(
    bundled: Any, open_page: Callable[..., Page]
) -> None:
    item = make_misfit("A1", misfit=3, of=4)
    urls = [item.analysis.image_url, *(one.image_url for one in item.analysis.further_photos)]
    page = open_page()
    large = page.locator(".photo img")
    expect(large).to_have_attribute("src", urls[2])
    press(page, "v")
    expect(large).to_have_attribute("src", urls[3])
    press(page, "v")
    expect(large).to_have_attribute("src", urls[0])
    page.get_by_alt_text("Photo 2 of 4").click()
    expect(large).to_have_attribute("src", urls[1])
    expect(page.locator("[data-shown-photo]")).to_have_text("2")
    press(page, "1")
    assert verdicts(page, count=1) == [("confirm", "other_product")]
    assert Decision.objects.get().photo_number == 2
