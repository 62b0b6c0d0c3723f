"""The grid: twelve listings of one category, preset as matching, decided with one press."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.test import Client
from django.utils.html import escape
from playwright.sync_api import expect, sync_playwright

from moderation.models import Category, Decision, ReviewItem, Skip
from moderation.services.queries import cache
from moderation.services.queue import review, review_claims, review_undo
from tests.support.factories import MakeItem, MakeUser

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

Make = Callable[..., Any]
GRID = "/admin/queue/grid/"
CHROMIUM = shutil.which("chromium")


@pytest.fixture
def page(anna: User, client: Client) -> Client:
    client.force_login(anna)
    return client


@pytest.fixture
def mugs(make_item: MakeItem) -> Callable[[int], str]:
    """Opens so many items of the category Mugs, the last the least suspicious; its address."""

    def make(count: int) -> str:
        for number in range(count):
            make_item(f"M{number}", similarity=number / 100, text=f"Mug {number}", category="Mugs")
        return f"{GRID}?category={Category.objects.get(name='Mugs').pk}"

    return make


def item_of(external_id: str) -> ReviewItem:
    return ReviewItem.objects.get(product__external_id=external_id)


def shown(html: str) -> list[str]:
    """The names of the items on a page, in its order."""
    return [
        ReviewItem.objects.get(pk=pk).product.external_id
        for pk in re.findall(r'name="mismatch" value="(\d+)"', html)
    ]


def fields(html: str, *, mismatch: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> dict:
    """What the form of a page sends with these marked."""
    found = re.search(r'name="batch" value="([^"]+)"', html)
    assert found
    return {
        "batch": found[1],
        "reason": "other_colour",
        "mismatch": [item_of(name).pk for name in mismatch],
        "skip": [item_of(name).pk for name in skip],
    }


def test_a_batch_is_of_one_category_in_the_open_and_least_suspicious(
    page: Client, mugs: Make, make_item: MakeItem, make_user: MakeUser, anna: User, ben: User
) -> None:
    make_user("lea", group="lead")
    address = mugs(17)
    make_item("lamp", similarity=0.9, category="Lamps")
    make_item("plain", similarity=0.9)
    ReviewItem.objects.filter(pk=item_of("M16").pk).update(in_audit=True)
    review.escalate(item_of("M15"), moderator=ben)
    review_claims.claim(item_of("M14"), moderator=ben)
    Skip.objects.create(item=item_of("M13"), moderator=anna)

    html = page.get(address).content.decode()

    assert shown(html) == [f"M{number}" for number in range(12, 0, -1)]
    assert "Mug 12" in html
    assert "checked" not in html
    assert set(ReviewItem.objects.held_by(anna)) == {item_of(name) for name in shown(html)}
    assert shown(page.get(address).content.decode()) == shown(html)  # the same after a reload


def test_the_categories_are_offered_with_what_is_free(
    page: Client, mugs: Make, make_item: MakeItem, ben: User
) -> None:
    mugs(3)
    make_item("lamp", category="<Lamps>")
    blind = make_item("blind", category="Audited")
    ReviewItem.objects.filter(pk=blind.pk).update(in_audit=True)
    review_claims.claim(item_of("M0"), moderator=ben)
    html = page.get(GRID).content.decode()
    offered = re.findall(r'data-stays>([^<]+) <span class="quiet">(\d+)</span></a></li>', html)
    assert offered == [("&lt;Lamps&gt;", "1"), ("Mugs", "2")]


def test_another_category_gives_back_what_the_first_held(
    page: Client, mugs: Make, make_item: MakeItem, anna: User
) -> None:
    lamp = make_item("lamp", category="Lamps")
    page.get(mugs(3))
    page.get(f"{GRID}?category={lamp.product.category_id}")
    assert [item.pk for item in ReviewItem.objects.held_by(anna)] == [lamp.pk]
    page.get(GRID)
    assert not ReviewItem.objects.held_by(anna).exists()


def test_one_press_decides_each_by_itself(page: Client, mugs: Make, anna: User) -> None:
    address = mugs(12)
    html = page.get(address).content.decode()
    answer = page.post(address, fields(html, mismatch=("M2", "M7"), skip=("M5",)), follow=True)
    assert answer.redirect_chain == [(address, 302)]
    assert "9 let pass, 2 confirmed as mismatch, 1 left to others." in answer.content.decode()
    rows = {row.item.product.external_id: row for row in Decision.objects.all()}
    assert len(rows) == 11
    assert all(row.mode == "queue" and row.moderator == anna for row in rows.values())
    assert all(row.picked_by == "chosen" for row in rows.values())
    assert all(0 <= (row.seconds or 0) < 60 for row in rows.values())
    assert {name for name, row in rows.items() if row.verdict == "confirm"} == {"M2", "M7"}
    assert rows["M2"].reason == "other_colour"
    assert {row.reason for row in rows.values() if row.verdict == "dismiss"} == {"matches"}
    assert Skip.objects.get().item == item_of("M5")


def test_one_undo_takes_one_press_back(page: Client, mugs: Make, anna: User) -> None:
    address = mugs(15)
    for _ in range(2):
        html = page.get(address).content.decode()
        page.post(address, fields(html))
    acts = Decision.objects.order_by("pk").values_list("act", flat=True)
    assert len(acts) == 15 and None not in acts
    assert len(set(acts[:12])) == len(set(acts[12:])) == 1 and len(set(acts)) == 2
    review_undo.undo(moderator=anna)
    assert ReviewItem.objects.open().count() == 3
    review_undo.undo(moderator=anna)
    assert ReviewItem.objects.open().count() == 15


def test_what_came_too_late_is_told_and_the_rest_decided(
    page: Client, mugs: Make, ben: User
) -> None:
    address = mugs(3)
    html = page.get(address).content.decode()
    ReviewItem.objects.update(claimed_by=None, claimed_until=None)  # the claims ran out
    review.decide(item_of("M1"), moderator=ben, verdict="confirm", reason="bad_text")
    told = page.post(address, fields(html, mismatch=("M1",)), follow=True).content.decode()
    assert "2 let pass, 0 confirmed as mismatch." in told
    assert escape("M1: ben has already decided this item: Mismatch confirmed.") in told
    assert Decision.objects.get(item=item_of("M1")).moderator == ben
    again = page.post(address, fields(html), follow=True).content.decode()  # sent twice
    assert "0 let pass, 0 confirmed as mismatch." in again
    assert Decision.objects.count() == 3


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"batch": "made:up"}, "nothing was decided"),
        ({"reason": "matches"}, "choose a reason for the mismatches"),
        ({"reason": ""}, "choose a reason for the mismatches"),
    ],
)
def test_a_bad_form_decides_nothing_and_keeps_the_marks(
    page: Client, mugs: Make, changes: dict[str, str], sentence: str
) -> None:
    address = mugs(3)
    html = page.get(address).content.decode()
    answer = page.post(address, fields(html, mismatch=("M1",)) | changes)
    assert answer.status_code == 400
    html = answer.content.decode()
    assert sentence in html
    assert re.findall(r'value="(\d+)" data-key="\w" checked', html) == [str(item_of("M1").pk)]
    assert not Decision.objects.exists()


def test_an_item_that_was_not_on_the_page_is_not_decided(page: Client, mugs: Make) -> None:
    address = mugs(13)
    html = page.get(address).content.decode()
    page.post(address, fields(html, mismatch=("M0",)))
    assert item_of("M0").state == "open"
    assert Decision.objects.filter(verdict="dismiss").count() == 12


def test_a_page_keeps_what_it_holds_and_leaving_gives_it_back(
    page: Client, mugs: Make, anna: User
) -> None:
    address = mugs(3)
    batch = {"batch": fields(page.get(address).content.decode())["batch"]}
    ReviewItem.objects.update(claimed_by=None, claimed_until=None)
    assert page.post(f"{GRID}hold/", batch).status_code == 204
    assert ReviewItem.objects.held_by(anna).count() == 3
    assert page.post(f"{GRID}hold/", {"batch": "made:up"}).status_code == 204
    answer = page.post(f"{GRID}leave/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/queue/")
    assert not ReviewItem.objects.held_by(anna).exists()


def test_a_page_does_not_take_back_what_was_skipped_on_it(
    page: Client, mugs: Make, anna: User
) -> None:
    address = mugs(3)
    batch = {"batch": fields(page.get(address).content.decode())["batch"]}
    review.skip(item_of("M1"), moderator=anna)
    page.post(f"{GRID}hold/", batch)
    held_now = {item.product.external_id for item in ReviewItem.objects.held_by(anna)}
    assert held_now == {"M0", "M2"}


def test_in_a_large_queue_the_categories_are_counted_now_and_then(
    page: Client, mugs: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LONG", -1.0)
    monkeypatch.setattr(cache, "TIMES", 1e9)
    mugs(2)
    assert [choice.waiting for choice in page.get(GRID).context["choices"]] == [2]
    ReviewItem.objects.filter(pk=item_of("M0").pk).update(state="decided")
    assert [choice.waiting for choice in page.get(GRID).context["choices"]] == [2]
    caches["answers"].clear()
    assert [choice.waiting for choice in page.get(GRID).context["choices"]] == [1]


def test_only_who_may_decide_sees_it(client: Client, make_user: MakeUser, mugs: Make) -> None:
    address = mugs(1)
    assert client.get(address).status_code == 302
    client.force_login(User.objects.create_user("eve", is_staff=True))
    for answer in (client.get(address), client.post(address), client.post(f"{GRID}leave/")):
        assert answer.status_code == 403
    assert ReviewItem.objects.unclaimed().count() == 1


def test_an_empty_or_unknown_category_says_so(page: Client, mugs: Make) -> None:
    mugs(1)
    empty = Category.objects.create(name="Empty")
    html = page.get(f"{GRID}?category={empty.pk}").content.decode()
    assert "Nothing of this category is left for you." in html
    assert "Mugs" in html
    assert page.get(f"{GRID}?category=999999").status_code == 404
    assert page.get(f"{GRID}?category=mugs").status_code == 400


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_keys_mark_and_enter_decides(
    mugs: Make, anna: User, live_server: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install -y chromium")
    address = mugs(14)
    client.force_login(anna)
    session = client.cookies["sessionid"].value
    complaints: list[str] = []
    with sync_playwright() as playwright:
        # Playwright's loop runs in this thread, and Django takes that for asynchronous code.
        monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        context = browser.new_context(
            base_url=live_server.url, viewport={"width": 360, "height": 740}
        )
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        view = context.new_page()
        view.on("pageerror", lambda error: complaints.append(str(error)))
        view.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" else None,
        )
        view.goto(address)
        expect(view.locator("html.has-script")).to_be_attached()
        assert view.evaluate("document.documentElement.scrollWidth <= 360")
        view.keyboard.press("1")
        view.keyboard.press("C")
        view.keyboard.press("3")
        view.keyboard.press("3")
        expect(view.get_by_role("status")).to_have_text("2 mismatches marked")
        view.keyboard.press("r")
        view.keyboard.press("c")  # in the list of reasons: “Colour or pattern differs”
        view.keyboard.press("Escape")
        decide = view.get_by_role("button", name="Decide these 12")
        expect(decide).to_be_enabled()
        view.keyboard.press("Enter")
        expect(view.get_by_text("10 let pass, 2 confirmed as mismatch.")).to_be_visible()
        expect(view.locator(".tile")).to_have_count(2)
        view.keyboard.press("Enter")  # a second press, at once: nobody has seen these two
        expect(view.get_by_role("button", name="Decide these 2")).to_be_disabled()
        view.evaluate("document.getElementById('grid').requestSubmit()")
        expect(view.get_by_role("button", name="Decide these 2")).to_be_enabled()
        assert Decision.objects.count() == 12
        assert ReviewItem.objects.held_by(anna).count() == 2  # the next ones are not given back
        view.goto("/admin/")
        wait_until(lambda: not ReviewItem.objects.held_by(anna).exists())
        browser.close()
    assert complaints == []
    marked = Decision.objects.filter(verdict="confirm", reason="other_colour").order_by("pk")
    assert [row.item.product.external_id for row in marked] == ["M13", "M2"]
