"""Every page for everybody: what axe finds, by keyboard alone, on a phone, under a strict CSP.

axe-core looks at each page in both themes; nothing serious or critical may stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from moderation.models import Decision, Explanation, ReviewItem, SimilarGroup, Skip
from moderation.services.integration import appeal_filing
from moderation.services.queue import review
from tests.support.factories import MakeItem, MakeUser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.any_database,
    pytest.mark.django_db(transaction=True),
]

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
ASK = "axe.run(document, {resultTypes: ['violations']})"


@pytest.fixture
def shop(make_item: MakeItem, make_user: MakeUser) -> dict[str, int]:
    """A queue with something of everything."""
    names = [f"A{number}" for number in range(8)]
    items = [
        make_item(name, similarity=place / 100, seller="Ball & Co", category="Balls")
        for place, name in enumerate(names)
    ]
    ben, _ = make_user("ben"), make_user("lou", group="lead")
    wrong = review.decide(items[0], moderator=ben, verdict="confirm", reason="other_colour")
    review.escalate(items[1], moderator=ben, note="Is it ours?")
    Skip.objects.create(item=items[2], moderator=ben)
    ReviewItem.objects.filter(pk=items[7].pk).update(in_audit=True)
    group = SimilarGroup.objects.create()
    ReviewItem.objects.filter(pk__in=[item.pk for item in items[3:6]]).update(group=group)
    appeal, _ = appeal_filing.file(
        wrong, reference="appeal-1", statement="It is red.", filed_by=ben
    )
    return {"blind": items[7].pk, "group": items[3].pk, "decided": items[0].pk, "appeal": appeal.pk}


@pytest.fixture
def open_as_lead(
    browser: Browser, live_server: Any, make_user: MakeUser
) -> Iterator[Callable[..., Page]]:
    """A page of a lead, logged in; at the end none has complained (the CSP would)."""
    make_user("lena", group="lead")
    complaints: list[str] = []

    def open(**options: Any) -> Page:
        page = browser.new_context(base_url=live_server.url, **options).new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        page.goto("/admin/login/?next=/admin/")
        page.get_by_label("Username").fill("lena")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Log in").click()
        return page

    yield open
    for context in browser.contexts:
        context.close()
    assert complaints == []


def pages(shop: dict[str, int]) -> list[str]:
    return [
        "/admin/",
        "/admin/queue/",
        "/admin/queue/?desk=leads",
        "/admin/queue/?seller=nobody",
        *(f"/admin/queue/{shop[name]}/" for name in ("blind", "group", "decided")),
        "/admin/queue/grid/",
        f"/admin/queue/grid/?category={ReviewItem.objects.get(pk=shop['group']).product.category_id}",
        "/admin/views/",
        "/admin/health/",
        "/admin/team/",
        "/admin/workers/",
        "/admin/sellers/",
        "/admin/sellers/Ball%20%26%20Co/",
        "/admin/moderation/appeal/",
        f"/admin/moderation/appeal/{shop['appeal']}/change/",
        "/admin/moderation/webhook/",
        "/admin/moderation/webhook/add/",
        "/admin/moderation/delivery/",
    ]


def serious(page: Page) -> list[str]:
    """What axe calls serious or critical on this page, each with where it is."""
    page.evaluate(AXE)
    found = page.evaluate(ASK)["violations"]
    return [
        f"{page.url}: {one['id']} at {one['nodes'][0]['target']} ({len(one['nodes'])})"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    shop: dict[str, int], open_as_lead: Callable[..., Page], scheme: str
) -> None:
    # axe measures with styles of its own, which the CSP of the pages would refuse it.
    page = open_as_lead(color_scheme=scheme, bypass_csp=True)
    problems = []

    for path in pages(shop):
        answer = page.goto(path)
        assert answer is not None and answer.status == 200, path
        problems += serious(page)
        if path == "/admin/queue/":
            for key in "?se":
                page.keyboard.press(key)
                problems += serious(page)
                page.keyboard.press("Escape")

    assert not problems, "\n".join(problems)


@pytest.mark.slow
def test_every_page_fits_a_phone_of_360_pixels(
    shop: dict[str, int], open_as_lead: Callable[..., Page]
) -> None:
    page = open_as_lead(viewport={"width": 360, "height": 740})
    wide = []

    for path in pages(shop):
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        wide += [f"{path}: {width}"] if width > 360 else []

    assert not wide, "\n".join(wide)


def test_the_queue_is_worked_by_keyboard_alone_without_its_keys(
    shop: dict[str, int], open_as_lead: Callable[..., Page]
) -> None:
    page = open_as_lead()
    page.goto("/admin/queue/")
    expect(page.locator("#queue[data-ready]")).to_be_attached()
    first = page.locator("[data-item]").get_attribute("data-item")

    page.locator("#question").focus()
    page.keyboard.press("Tab")  # from the question to its first answer
    expect(page.get_by_role("button", name="Photo shows another product")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator(f"[data-item='{first}']")).to_have_count(0)
    expect(page.locator("#question")).to_be_focused()  # the next item is where the reader is
    expect(page.get_by_role("status")).to_contain_text("Mismatch: colour or pattern differs.")
    assert Decision.objects.latest("pk").reason == "other_colour"
    assert not Explanation.objects.exists()


def test_a_lead_works_on_what_was_escalated_saves_a_view_and_answers_an_appeal(
    shop: dict[str, int], open_as_lead: Callable[..., Page]
) -> None:
    page = open_as_lead()

    page.get_by_role("link", name="Escalated (1)").click()
    expect(page.get_by_role("region", name="Why a lead is asked")).to_contain_text("Is it ours?")
    expect(page.locator("#queue[data-ready]")).to_be_attached()
    page.wait_for_timeout(200)
    page.keyboard.press("o")
    expect(page.get_by_role("heading", name="Nothing is escalated")).to_be_visible()

    page.goto("/admin/views/")
    page.get_by_label("Seller").fill("Ball & Co")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Balls only")
    page.get_by_role("button", name="Save this view").click()
    page.get_by_role("link", name="Balls only").click()
    expect(page.locator(".queue-desk")).to_contain_text("Ball & Co")
    expect(page.locator("#question")).to_be_visible()

    page.goto("/admin/")
    page.get_by_role("link", name="Appeals (1)").click()
    page.get_by_role("link", name="appeal-1").click()
    page.get_by_label("Answer to the seller").fill("You are right: it is red.")
    page.get_by_role("button", name="Overturn the decision").click()
    newest = Decision.objects.latest("pk")
    assert (newest.mode, newest.verdict) == ("appeal", "dismiss")
    assert newest.corrects.moderator.username == "ben"


def test_a_lead_takes_back_a_skip_of_what_comes_round_again(
    shop: dict[str, int], open_as_lead: Callable[..., Page]
) -> None:
    """The only escalated item is given again at once; undone, it is there once and not skipped."""
    page = open_as_lead()
    page.goto("/admin/queue/?desk=leads")
    name = page.locator(".listing-id").text_content()
    escalated = ReviewItem.objects.get(escalated_at__isnull=False)
    page.wait_for_timeout(300)  # a faster press is taken for a bounce

    page.keyboard.press("s")
    page.keyboard.press("1")
    expect(page.locator("#queue:not(.is-busy) .listing-id")).to_have_text(str(name))
    page.keyboard.press("u")
    expect(page.get_by_role("status")).to_contain_text("Undone")
    expect(page.locator(".listing-id")).to_have_text(str(name))
    assert not escalated.skips.exists() and Decision.objects.count() == 1
    expect(page.locator("#queue")).to_have_attribute("data-ready", "0")
