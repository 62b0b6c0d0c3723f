"""The queue's pages as plain forms and as JSON: who may, what is shown, what each answer does."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from moderation.admin import decision_form
from moderation.models import Decision, ReviewItem, Skip
from moderation.services.queue import queue_keys, review, review_claims
from tests.support.factories import MakeItem, MakeUser, as_user

pytestmark = pytest.mark.django_db

QUEUE = "/admin/queue/"
JSON = {"HTTP_ACCEPT": "application/json"}


@pytest.fixture
def page(anna: User) -> Client:
    """Anna's browser."""
    return as_user(anna)


def address(name: str, item: ReviewItem) -> str:
    return reverse(f"admin:{name}", args=[item.pk])


def decide(client: Client, item: ReviewItem, answer: str, **more: Any) -> Any:
    return client.post(address("queue_decide", item), {"answer": answer, **more})


# ── What is shown ─────────────────────────────────────────────────────────────────────────────
def test_the_page_shows_the_most_suspicious_listing_and_claims_it(
    make_item: MakeItem, page: Client, anna: User
) -> None:
    make_item("A1", similarity=0.4)
    worst = make_item("A2", similarity=-0.2, text="A <red> ball", seller="Ball & Co")

    html = page.get(QUEUE).content.decode()

    assert "A &lt;red&gt; ball" in html and "Ball &amp; Co" in html and "A2" in html
    assert worst.product.image.url in html
    assert "Do photo and text match?" in html and "−0.20" in html and "bundled" in html
    worst.refresh_from_db()
    assert worst.claimed_by == anna


def test_the_page_says_what_the_model_read_only_where_that_is_not_the_text(
    make_item: MakeItem, page: Client
) -> None:
    same = make_item("A1", text="A  RED ball")
    other = make_item("A2", text="A red ball - $12 <b>& more</b>")

    assert "The model read" not in page.get(address("queue_item", same)).content.decode()
    html = page.get(address("queue_item", other)).content.decode()
    assert "The model read: <q>A red ball - &amp; more</q>" in html

    ReviewItem.objects.filter(pk=other.pk).update(in_audit=True, stratum="audit")
    assert "The model read" not in page.get(address("queue_item", other)).content.decode()


def test_the_next_three_come_ahead_held_softly_and_only_once(
    make_item: MakeItem, page: Client, anna: User
) -> None:
    items = [make_item(f"A{number}", similarity=number / 100) for number in range(6)]
    page.get(QUEUE)
    held = {"have": [items[0].pk], "shown_item": items[0].pk}

    first = page.post("/admin/queue/ahead/", held, **JSON).json()

    assert [item["pk"] for item in first["items"]] == [item.pk for item in items[1:4]]
    assert items[1].product.image.url in first["items"][0]["html"]
    seen = ReviewItem.objects.held_by(anna).filter(shown_at__isnull=False)
    assert seen.get() == items[0]
    held["have"] = [item.pk for item in items[:4]]
    assert page.post("/admin/queue/ahead/", held, **JSON).json()["items"] == []


def test_what_a_page_left_just_now_gave_back_does_not_come_as_nobodys(
    make_item: MakeItem, page: Client, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, follower = make_item("A1", similarity=0.1), make_item("A2", similarity=0.2)
    page.get(QUEUE)
    reserve = review_claims.reserve

    def reserve_and_leave(*args: Any, **options: Any) -> list[ReviewItem]:
        items = reserve(*args, **options)
        review_claims.release(anna)
        return items

    with monkeypatch.context() as patch:
        patch.setattr(review_claims, "reserve", reserve_and_leave)
        news = page.post("/admin/queue/ahead/", {"have": [item.pk]}, **JSON).json()
    assert (news["items"], news["empty"]) == ([], "")

    news = page.post("/admin/queue/ahead/", {"have": [item.pk]}, **JSON).json()
    assert [item["pk"] for item in news["items"]] == [follower.pk]


def test_each_reason_is_one_button_with_its_own_keys() -> None:
    keys = queue_keys.usual()
    verdicts = (decision_form.CONFIRM, decision_form.DISMISS)
    buttons = [one for verdict in verdicts for one in decision_form.answers(verdict, keys=keys)]

    named = [button.keys for button in buttons if len(button.keys) > 1]
    assert (
        named == [("1", "m"), ("6", "o")]
        and [button.is_default for button in buttons].count(1) == 2
    )
    assert {button.reason: button.keys[0] for button in buttons} == {
        reason: reason.key for reason in Decision.Reason
    }


def test_the_empty_queue_says_so_and_shows_the_state_of_the_work(
    bundled: Any, page: Client
) -> None:
    html = page.get(QUEUE).content.decode()

    assert "All done" in html and "No worker has run yet" in html and "bundled" in html


def test_what_only_others_may_decide_is_named(
    make_item: MakeItem, page: Client, anna: User
) -> None:
    review.skip(make_item("A1"), moderator=anna)

    assert "1 item is still open" in page.get(QUEUE).content.decode()


def test_a_deep_link_takes_a_free_item_and_gives_back_the_other(
    make_item: MakeItem, page: Client, anna: User
) -> None:
    first, second = make_item("A1", similarity=-0.2), make_item("A2", similarity=0.3)
    page.get(QUEUE)

    assert "Do photo and text match?" in page.get(address("queue_item", second)).content.decode()
    first.refresh_from_db(), second.refresh_from_db()
    assert (first.claimed_by, second.claimed_by) == (None, anna)


def test_a_deep_link_to_a_decided_item_shows_who_decided(
    make_item: MakeItem, page: Client, make_user: MakeUser
) -> None:
    item = make_item("A1")
    review.decide(item, moderator=make_user("ben"), verdict="confirm", reason="other_colour")

    html = page.get(address("queue_item", item)).content.decode()

    assert "ben decided" in html and "Colour or pattern differs" in html
    assert 'name="answer"' not in html


def test_a_deep_link_to_what_somebody_holds_only_shows_it(
    make_item: MakeItem, page: Client, make_user: MakeUser
) -> None:
    item = make_item("A1")
    review_claims.claim(item, moderator=make_user("ben"))

    html = page.get(address("queue_item", item)).content.decode()

    assert "ben has this item in hand" in html and 'name="answer"' not in html


def test_showing_an_item_takes_few_queries(
    make_item: MakeItem, page: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        make_item(f"A{number}")
    page.get(QUEUE)

    with django_assert_max_num_queries(16):
        page.get(QUEUE)


# ── Plain forms ───────────────────────────────────────────────────────────────────────────────
def test_a_decision_is_recorded_and_the_next_item_follows(
    make_item: MakeItem, page: Client, anna: User
) -> None:
    first, second = make_item("A1", similarity=-0.2), make_item("A2")
    page.get(QUEUE)

    answer = decide(page, first, "confirm:other_colour", wrong_side="image", note=" Blue ")

    assert (answer.status_code, answer.url) == (302, QUEUE)
    row = Decision.objects.get()
    assert (row.moderator, row.verdict, row.reason) == (anna, "confirm", "other_colour")
    assert (row.wrong_side, row.note, row.item) == ("image", "Blue", first)
    shown = page.get(QUEUE)
    assert shown.context["item"] == second
    assert "Mismatch: colour or pattern differs." in shown.content.decode()
    assert shown.context["counts"].decided_today == 1


def test_a_dismissal_names_no_wrong_side(make_item: MakeItem, page: Client) -> None:
    decide(page, make_item("A1"), "dismiss:close_enough", wrong_side="text")

    assert Decision.objects.get().wrong_side == ""


def test_skip_passes_the_item_on_and_the_next_one_follows(
    make_item: MakeItem, page: Client
) -> None:
    item, other = make_item("A1", similarity=-0.2), make_item("A2")
    page.get(QUEUE)

    assert page.post(address("queue_skip", item)).url == QUEUE
    assert Skip.objects.get().item == item
    assert page.get(QUEUE).context["item"] == other


def test_undo_brings_the_item_back_into_the_same_hands(make_item: MakeItem, page: Client) -> None:
    item = make_item("A1", similarity=-0.2)
    make_item("A2")
    decide(page, item, "dismiss:matches")

    assert page.post("/admin/queue/undo/").status_code == 302
    assert page.get(QUEUE).context["item"] == item


def test_undo_without_a_decision_says_so(bundled: Any, page: Client) -> None:
    answer = page.post("/admin/queue/undo/")

    assert answer.status_code == 409
    assert "nothing of yours" in answer.content.decode()


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({}, "Choose a reason"),
        ({"answer": "destroy:matches"}, "“destroy” is not known"),
        ({"answer": "undo:"}, "“undo” is not known"),
        ({"answer": "confirm:"}, "does not go with this decision"),
        ({"answer": "confirm:matches"}, "does not go with this decision"),
        ({"answer": "dismiss:nonsense"}, "does not go with this decision"),
        ({"answer": "confirm:bad_text", "wrong_side": "left"}, "image, text or both"),
        ({"answer": "confirm:bad_text", "note": "x" * 501}, "at most 500"),
        ({"answer": "confirm:bad_text", "seconds": "long"}, "seconds must be a number"),
        ({"answer": "confirm:bad_text", "seconds": "nan"}, "seconds must be a number"),
    ],
)
def test_a_wrong_form_gets_a_sentence_and_changes_nothing(
    make_item: MakeItem, page: Client, form: dict[str, str], sentence: str
) -> None:
    item = make_item("A1")
    page.get(QUEUE)

    for headers in ({}, JSON):
        answer = page.post(address("queue_decide", item), form, **headers)
        said = answer.json()["message"] if headers else answer.content.decode()
        assert answer.status_code == 400 and sentence in said
    assert not Decision.objects.exists()
    item.refresh_from_db()
    assert item.state == "open"


# ── Too late ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("headers", [{}, JSON])
def test_a_late_decision_names_who_decided_and_shows_the_next(
    make_item: MakeItem, page: Client, make_user: MakeUser, headers: dict[str, str]
) -> None:
    late, following = make_item("A1", similarity=-0.2), make_item("A2", text="A green ball")
    page.get(QUEUE)
    ReviewItem.objects.filter(pk=late.pk).update(claimed_until=timezone.now() - timedelta(hours=1))
    review.decide(late, moderator=make_user("ben"), verdict="dismiss", reason="matches")

    answer = page.post(
        address("queue_decide", late), {"answer": "confirm:other_product"}, **headers
    )

    assert answer.status_code == 409
    text = json.dumps(answer.json()) if headers else answer.content.decode()
    assert "ben has already decided this item" in text
    assert following.product.text in text
    assert Decision.objects.count() == 1


def test_a_lost_claim_names_who_holds_the_item(
    make_item: MakeItem, page: Client, make_user: MakeUser
) -> None:
    item = make_item("A1")
    page.get(QUEUE)
    ReviewItem.objects.update(claimed_until=timezone.now() - timedelta(hours=1))
    review_claims.claim(item, moderator=make_user("ben"))

    for url in (address("queue_decide", item), address("queue_hold", item)):
        answer = page.post(url, {"answer": "confirm:bad_text"}, **JSON)
        assert answer.status_code == 409
        assert "ben has this item in hand now" in answer.json()["message"]


# ── In the background ─────────────────────────────────────────────────────────────────────────
def test_asked_for_json_the_next_item_comes_as_a_piece_of_page(
    make_item: MakeItem, page: Client
) -> None:
    item = make_item("A1", similarity=-0.2)
    make_item("A2", text="A green ball")
    page.get(QUEUE)

    answer = page.post(address("queue_decide", item), {"answer": "dismiss:matches"}, **JSON)

    assert answer.status_code == 200
    assert answer.json()["message"] == "Let pass: photo and text match."
    (following,) = answer.json()["items"]
    html = following["html"]
    assert "A green ball" in html and "<html" not in html and "csrfmiddlewaretoken" in html
    assert "1" in re.findall(r'data-count="open">(\d+)', answer.json()["bar"])


def test_the_heartbeat_keeps_and_retakes_the_claim(
    make_item: MakeItem, page: Client, anna: User
) -> None:
    item = make_item("A1")
    page.get(QUEUE)
    ReviewItem.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))

    assert page.post(address("queue_hold", item)).status_code == 204
    assert ReviewItem.objects.held_by(anna).get() == item


def test_leaving_gives_the_item_back(make_item: MakeItem, page: Client) -> None:
    item = make_item("A1")
    page.get(QUEUE)

    assert page.post("/admin/queue/leave/").status_code == 204
    assert ReviewItem.objects.unclaimed().get() == item


# ── Skip, escalate, keys ──────────────────────────────────────────────────────────────────────
def test_escalating_takes_the_note_and_goes_on(
    make_item: MakeItem, page: Client, make_user: MakeUser
) -> None:
    item = make_item("A1")
    make_user("lea", group="lead")

    page.post(address("queue_escalate", item), {"note": " Is it ours? "})

    item.refresh_from_db()
    assert (item.escalation, item.escalation_note) == ("asked", "Is it ours?")
    assert "Escalated. A lead decides it." in page.get(QUEUE).content.decode()


def test_the_leads_desk_shows_who_asked_and_is_closed_to_others(
    make_item: MakeItem, page: Client, anna: User, make_user: MakeUser
) -> None:
    lead = as_user(make_user("lea", group="lead"))
    review.escalate(make_item("A1"), moderator=anna, note="Is it ours?")

    html = lead.get(f"{QUEUE}?desk=leads").content.decode()

    assert "anna asks a lead" in html and "Is it ours?" in html and 'name="answer"' in html
    assert page.get(f"{QUEUE}?desk=leads").status_code == 403
    assert "Nothing left for you" in page.get(QUEUE).content.decode()


def test_a_filter_in_the_address_hands_out_only_what_it_names(
    make_item: MakeItem, page: Client, anna: User
) -> None:
    make_item("A1", similarity=-0.3, seller="Ball & Co")
    wanted = make_item("A2", similarity=0.2, seller="Shoes Ltd")

    shown = page.get(f"{QUEUE}?seller=Shoes+Ltd")

    assert shown.context["item"] == wanted
    answer = decide(page, wanted, "dismiss:matches")
    assert answer.url == QUEUE
    address_of_it = address("queue_decide", wanted) + "?seller=Shoes+Ltd"
    late = page.post(address_of_it, {"answer": "dismiss:matches"})
    assert "Nothing left here" in late.content.decode()


def test_keys_are_changed_and_switched_off_for_one_person(
    make_item: MakeItem, page: Client, make_user: MakeUser
) -> None:
    make_item("A1"), make_item("A2")
    keys = "/admin/queue/keys/"

    page.post(keys, {"key confirm": "J", "keys_on": "on"})
    html = page.get(QUEUE).content.decode()
    assert 'data-key="1 j"' in html and 'data-keys="on"' in html
    answer = page.post(keys, {"key confirm": "s"}, follow=True)
    assert "“s” is the key of “Mismatch, with the reason that stands out” and of “Skip" in (
        answer.content.decode()
    )
    page.post(keys, {"key confirm": "j"})
    assert 'data-keys="off"' in page.get(QUEUE).content.decode()
    page.post(keys, {"usual": "1"})
    assert 'data-key="1 m"' in page.get(QUEUE).content.decode()
    assert 'data-key="1 m"' in as_user(make_user("ben")).get(QUEUE).content.decode()


def test_a_blind_item_stays_blind_to_who_could_still_undo_it(
    make_item: MakeItem, page: Client, make_user: MakeUser
) -> None:
    item = make_item("A1")
    ReviewItem.objects.update(in_audit=True)
    decide(page, item, "dismiss:matches")

    assert (
        "what was said of it is kept back" in page.get(address("queue_item", item)).content.decode()
    )
    ben = as_user(make_user("ben"))
    assert "What the model says" in ben.get(address("queue_item", item)).content.decode()


# ── Seconds ───────────────────────────────────────────────────────────────────────────────────
def stamp(item: ReviewItem, *, ago: float) -> str:
    shown = {"item": item.pk, "at": timezone.now().timestamp() - ago}
    return signing.dumps(shown, salt="moderation.shown")


@pytest.mark.parametrize(
    ("ago", "counted", "expected"),
    [
        (40, "", 40),
        (40, "12.5", 12.5),
        (40, "500", 40),  # more than has passed
        (40, "-3", 40),
        (90_000, "", decision_form.SECONDS_AT_MOST),
    ],
)
def test_seconds_are_what_was_counted_and_never_more_than_passed(
    make_item: MakeItem, page: Client, ago: float, counted: str, expected: float
) -> None:
    item = make_item("A1")

    decide(page, item, "dismiss:matches", shown=stamp(item, ago=ago), seconds=counted)

    assert Decision.objects.get().seconds == pytest.approx(expected, abs=2)


def test_seconds_without_a_true_stamp_are_not_recorded(make_item: MakeItem, page: Client) -> None:
    first, second = make_item("A1"), make_item("A2")

    decide(page, first, "dismiss:matches", shown="forged", seconds="3")
    decide(page, second, "dismiss:matches", shown=stamp(first, ago=5), seconds="3")

    assert list(Decision.objects.values_list("seconds", flat=True)) == [None, None]


# ── Rights ────────────────────────────────────────────────────────────────────────────────────
POSTS = ("queue_decide", "queue_skip", "queue_escalate", "queue_hold")
OTHER_POSTS = [f"/admin/queue/{name}/" for name in ("undo", "leave", "ahead", "keys")]


def test_nobody_gets_in_without_a_login_or_the_right(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    item = make_item("A1")
    viewer = make_user("vera")
    viewer.groups.clear()
    pages = [QUEUE, address("queue_item", item)]
    posts = [address(name, item) for name in POSTS]
    posts += OTHER_POSTS

    for client, status in ((Client(), 302), (as_user(viewer), 403)):
        assert {client.get(url).status_code for url in pages} == {status}
        assert {client.post(url).status_code for url in posts} == {status}
    assert not Decision.objects.exists()


def test_posts_ask_for_the_csrf_token_and_gets_change_nothing(
    make_item: MakeItem, anna: User, page: Client
) -> None:
    item = make_item("A1")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(anna)
    urls = [address(name, item) for name in POSTS] + OTHER_POSTS

    assert {strict.post(url, {"answer": "dismiss:matches"}).status_code for url in urls} == {403}
    assert {page.get(url).status_code for url in urls} == {405}
    assert page.get("/admin/queue/999999/").status_code == 404
