"""The queue by API: read, decide, skip, escalate, undo, and the record of decisions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from moderation.models import Analysis, Decision, Delivery, ReviewItem, Skip, Webhook
from moderation.services.queue import review, review_claims
from tests.support.factories import MakeItem, MakeUser, as_user

pytestmark = pytest.mark.django_db

CONFIRM = {"verdict": "confirm", "reason": "other_product", "wrong_side": "image", "note": "Bag."}
DISMISS = {"verdict": "dismiss", "reason": "matches"}


@pytest.fixture
def api(anna: User) -> Client:
    return as_user(anna)


def post(client: Client, path: str, body: Any = None, *, key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(
        f"/api/reviews/{path}", body or {}, content_type="application/json", headers=headers
    )


def listed(client: Client, query: str = "", *, path: str = "/api/reviews") -> list[Any]:
    answer = client.get(f"{path}{query}")
    assert answer.status_code == 200, answer.content
    found: list[Any] = answer.json()["results"]
    return found


# ── Reading ───────────────────────────────────────────────────────────────────────────────────
def test_open_items_are_listed_newest_first_in_pages_and_filtered(
    api: Client, make_item: MakeItem
) -> None:
    make_item("A", category="Toys", seller="zoe", similarity=0.2)
    make_item("B", category="Mugs", seller="zoe", similarity=0.1)
    make_item("C", category="toys", seller="bo", similarity=0.3)
    assert [row["product_id"] for row in listed(api)] == ["C", "B", "A"]
    assert [row["product_id"] for row in listed(api, "?category=TOYS")] == ["C", "A"]
    assert [row["product_id"] for row in listed(api, "?category=Toys&seller=zoe")] == ["A"]
    page = api.get("/api/reviews?page_size=2").json()
    assert [row["product_id"] for row in page["results"]] == ["C", "B"]
    assert [row["product_id"] for row in listed(api, path=page["next"])] == ["A"]


def test_an_item_has_what_its_page_shows(api: Client, anna: User, make_item: MakeItem) -> None:
    item = make_item("A", text="A red ball", category="Toys", similarity=0.1)
    review_claims.claim(item, moderator=anna)
    (row,) = listed(api)
    assert api.get(f"/api/reviews/{item.pk}").json() == row
    image = f"http://testserver{item.analysis.image_url}"
    assert (row["text"], row["image"]) == ("A red ball", image)
    assert (row["state"], row["claimed_by"], row["decision"]) == ("open", "anna", None)
    assert row["analysis"]["similarity_score"] == 0.1
    assert row["analysis"]["is_mismatch"] is True
    assert not row["is_blind"] and not row["is_escalated"]
    ReviewItem.objects.update(claimed_until=timezone.now())
    assert listed(api)[0]["claimed_by"] is None


def values(found: Any) -> list[Any]:
    if isinstance(found, dict | list):
        inner = found.values() if isinstance(found, dict) else found
        return [value for one in inner for value in values(one)]
    return [found]


def test_a_blind_item_tells_nothing_of_the_model(
    api: Client, make_item: MakeItem, make_user: MakeUser, settings: Any
) -> None:
    settings.AUDIT_FLAGGED_SHARE = 1.0
    item = make_item("A", similarity=0.1234)
    assert item.in_audit
    Analysis.objects.update(top_categories=[{"category": "Balls", "score": 0.62}])
    for row in (*listed(api), api.get(f"/api/reviews/{item.pk}").json()):
        assert row["is_blind"] and row["analysis"] is None
        assert not {0.1234, "Balls", "flagged", "audit", "bundled"} & set(values(row))
    post(api, f"{item.pk}/decide", DISMISS)
    # Who decided could still undo, and decide again what they have seen.
    assert api.get(f"/api/reviews/{item.pk}").json()["analysis"] is None
    other = as_user(make_user("ben")).get(f"/api/reviews/{item.pk}")
    assert other.json()["analysis"]["similarity_score"] == 0.1234


def test_a_second_opinion_is_blind_and_not_asked_of_the_same_person(
    api: Client, make_item: MakeItem, make_user: MakeUser, settings: Any
) -> None:
    settings.GOLD_SHARE = 1.0
    item, ben = make_item("A"), as_user(make_user("ben"))
    assert post(api, f"{item.pk}/decide", CONFIRM).status_code == 201
    assert listed(api) == []
    (row,) = listed(ben)
    assert row["is_blind"] and row["analysis"] is None and row["decision"] is None
    refused = post(api, f"{row['id']}/decide", CONFIRM)
    assert refused.status_code == 409 and "somebody else" in refused.json()["error"]
    assert post(ben, f"{row['id']}/decide", CONFIRM).status_code == 201


# ── Deciding ──────────────────────────────────────────────────────────────────────────────────
def test_a_decision_by_api_is_one_of_the_queue(
    api: Client, anna: User, make_item: MakeItem
) -> None:
    item = make_item("A")
    answer = post(api, f"{item.pk}/decide", CONFIRM)
    assert answer.status_code == 201, answer.content
    decision = Decision.objects.get()
    assert (decision.moderator, decision.mode, decision.item) == (anna, "api", item)
    told = answer.json()
    assert {name: told[name] for name in CONFIRM} == CONFIRM
    assert (told["id"], told["moderator_id"], told["mode"]) == (decision.pk, anna.pk, "api")
    assert told["content_hash"] == item.analysis.content_hash
    read = api.get(f"/api/reviews/{item.pk}").json()
    assert (read["state"], read["decision"]) == ("decided", told)
    assert listed(api) == []


def test_the_same_key_is_answered_the_same_and_decides_once(
    api: Client, make_item: MakeItem, make_user: MakeUser
) -> None:
    item, other = make_item("A"), make_item("B")
    first = post(api, f"{item.pk}/decide", CONFIRM, key="k-1")
    again = post(api, f"{item.pk}/decide", CONFIRM, key="k-1")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert Decision.objects.count() == 1
    for path, body in ((item.pk, CONFIRM | {"note": "Box."}), (other.pk, CONFIRM)):
        refused = post(api, f"{path}/decide", body, key="k-1")
        assert refused.status_code == 422
        assert "Idempotency-Key" in refused.json()["error"]
    # It is each person's own: somebody else's request is another one.
    late = post(as_user(make_user("ben")), f"{item.pk}/decide", CONFIRM, key="k-1")
    assert late.status_code == 409
    assert post(api, f"{other.pk}/decide", CONFIRM, key="k-2").status_code == 201


def test_a_refused_request_uses_no_key_up(api: Client, make_item: MakeItem) -> None:
    item = make_item("A")
    assert (
        post(api, f"{item.pk}/decide", CONFIRM | {"reason": "matches"}, key="k").status_code == 400
    )
    assert post(api, f"{item.pk}/decide", CONFIRM, key="k").status_code == 201


@pytest.mark.parametrize(("twin", "status"), [("same", 201), ("other", 422)])
def test_a_twin_request_that_is_done_in_between_decides_once(
    api: Client, make_item: MakeItem, monkeypatch: Any, twin: str, status: int
) -> None:
    """Both found the key unused, then one was faster: for the same item, or another."""
    item, other = make_item("A"), make_item("B")
    original, answers = review.decide, []

    def decide_after_the_twin(*args: Any, **named: Any) -> Decision:
        monkeypatch.setattr(review, "decide", original)
        at = item.pk if twin == "same" else other.pk
        answers.append(post(api, f"{at}/decide", CONFIRM, key="k-1"))
        return original(*args, **named)

    monkeypatch.setattr(review, "decide", decide_after_the_twin)
    late = post(api, f"{item.pk}/decide", CONFIRM, key="k-1")
    (first,) = answers
    assert (first.status_code, late.status_code) == (201, status)
    assert (first.content == late.content) is (twin == "same")
    assert Decision.objects.count() == 1


def test_who_was_faster_is_named(api: Client, make_item: MakeItem, make_user: MakeUser) -> None:
    ben, _ = make_user("ben"), make_user("lea", group="lead")
    decided, held = make_item("A"), make_item("B")
    review.decide(decided, moderator=ben, **DISMISS)
    review_claims.claim(held, moderator=ben)
    for path, sentence in (
        (f"{decided.pk}/decide", "ben has already decided this item"),
        (f"{held.pk}/decide", "ben has this item in hand now"),
        (f"{decided.pk}/skip", "ben has already decided this item"),
        (f"{decided.pk}/escalate", "ben has already decided this item"),
        (f"{held.pk}/escalate", "ben has this item in hand now"),
    ):
        body = CONFIRM if path.endswith("decide") else {}
        answer = post(api, path, body)
        assert answer.status_code == 409, path
        assert answer.json()["error"].startswith(sentence), path
        assert answer.json()["field"] is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"verdict": "undo"}, "verdict"),
        ({"verdict": None}, "verdict"),
        ({"reason": "matches"}, "reason"),
        ({"reason": ""}, "reason"),
        ({"wrong_side": "back"}, "wrong_side"),
        ({"note": "x" * 501}, "note"),
        ({"note": "a\0b"}, "note"),
    ],
)
def test_a_wrong_field_is_named(
    api: Client, make_item: MakeItem, changes: dict[str, Any], field: str
) -> None:
    answer = post(api, f"{make_item('A').pk}/decide", CONFIRM | changes)
    assert (answer.status_code, answer.json()["field"]) == (400, field), answer.content
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"verdict": "no"}, "verdict is “no”; send one of confirm, dismiss."),
        ({}, "verdict is missing; send one of confirm, dismiss."),
        ({"verdict": None}, "verdict is null; send one of confirm, dismiss."),
        (
            {"verdict": "dismiss", "wrong_side": "x" * 300},
            f"wrong_side is “{'x' * 40}”; send one of image, text, both, or leave it out.",
        ),
    ],
)
def test_a_refused_choice_lists_what_can_be_sent(
    api: Client, make_item: MakeItem, sent: dict[str, Any], sentence: str
) -> None:
    answer = post(api, f"{make_item('A').pk}/decide", {"reason": "matches"} | sent)
    assert answer.json()["error"] == sentence


@pytest.mark.parametrize("key", ["x" * 101, "a b", "ü"])
def test_a_wrong_key_is_named(api: Client, make_item: MakeItem, key: str) -> None:
    answer = post(api, f"{make_item('A').pk}/decide", CONFIRM, key=key)
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize("pk", [999, 10**30])
def test_an_unknown_review_is_404(api: Client, pk: int) -> None:
    assert api.get(f"/api/reviews/{pk}").status_code == 404
    for action in ("decide", "skip", "escalate"):
        answer = post(api, f"{pk}/{action}", CONFIRM if action == "decide" else {})
        assert (answer.status_code, answer.json()["field"]) == (404, None)


# ── Skip, escalate, undo ──────────────────────────────────────────────────────────────────────
def test_what_three_people_skip_goes_to_the_leads(make_item: MakeItem, make_user: MakeUser) -> None:
    item = make_item("A")
    for number, expected in enumerate([False, False, True]):
        api = as_user(make_user(f"mo{number}"))
        answer = post(api, f"{item.pk}/skip", {"reason": "language"})
        assert (answer.status_code, answer.json()) == (200, {"escalated": expected})
    assert {skip.reason for skip in item.skips.all()} == {"language"}
    assert post(api, f"{item.pk}/skip", {"reason": "bored"}).json()["field"] == "reason"


def test_an_escalated_item_is_a_lead_s(
    api: Client, make_item: MakeItem, make_user: MakeUser
) -> None:
    item, lead = make_item("A"), as_user(make_user("lea", group="lead"))
    answer = post(api, f"{item.pk}/escalate", {"note": "A forgery?"})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["is_escalated"], answer.json()["escalation_note"]) == (True, "A forgery?")
    assert len(listed(api, "?escalated=true")) == 1 and not listed(api, "?escalated=false")
    assert post(api, f"{item.pk}/decide", CONFIRM).status_code == 409
    assert post(as_user(make_user("mo")), f"{item.pk}/decide", CONFIRM).status_code == 409
    assert post(lead, f"{item.pk}/decide", CONFIRM).status_code == 201


def test_an_undo_reopens_and_a_repeated_one_takes_back_no_other(
    api: Client, make_item: MakeItem
) -> None:
    first = post(api, f"{make_item('A').pk}/decide", CONFIRM).json()
    second = post(api, f"{make_item('B').pk}/decide", CONFIRM).json()
    wish = {"decision": second["id"]}
    answer = post(api, "undo", wish)
    assert answer.status_code == 200, answer.content
    assert (answer.json()["product_id"], answer.json()["state"]) == ("B", "open")
    assert post(api, "undo", wish).status_code == 409
    assert [one.pk for one in Decision.objects.standing()] == [first["id"]]
    assert post(api, "undo").json()["product_id"] == "A"
    refused = post(api, "undo")
    assert refused.status_code == 409 and "nothing of yours" in refused.json()["error"]


def test_an_undo_takes_back_a_skip_too(api: Client, make_item: MakeItem) -> None:
    item = make_item("A")
    post(api, f"{item.pk}/skip")
    assert post(api, "undo").json()["product_id"] == "A"
    assert not item.skips.exists()
    assert post(api, "undo").status_code == 409


def test_an_undo_may_name_the_review_that_it_means(api: Client, make_item: MakeItem) -> None:
    first, second = make_item("A"), make_item("B")
    post(api, f"{first.pk}/skip")
    post(api, f"{second.pk}/skip")
    assert post(api, "undo", {"review": first.pk}).status_code == 409
    assert post(api, "undo", {"review": second.pk}).json()["product_id"] == "B"
    assert post(api, "undo", {"review": second.pk}).status_code == 409
    assert [skip.item_id for skip in Skip.objects.all()] == [first.pk]


def test_what_the_shop_was_told_is_not_undone(api: Client, make_item: MakeItem) -> None:
    Webhook.objects.create(name="shop", url="http://shop.example/")
    decision = post(api, f"{make_item('A').pk}/decide", CONFIRM).json()
    assert Delivery.objects.get().decision_id == decision["id"]
    Delivery.objects.update(state="sent", attempts=1)
    assert post(api, "undo").status_code == 409
    assert Decision.objects.count() == 1


# ── The record ────────────────────────────────────────────────────────────────────────────────
def test_decisions_are_listed_newest_first_with_their_corrections(
    api: Client, make_item: MakeItem
) -> None:
    for name in "ABC":
        post(api, f"{make_item(name).pk}/decide", CONFIRM)
    post(api, "undo")
    rows = listed(api, path="/api/decisions")
    assert [(row["product_id"], row["verdict"]) for row in rows] == [
        ("C", "undo"),
        ("C", "confirm"),
        ("B", "confirm"),
        ("A", "confirm"),
    ]
    assert rows[0]["corrects"] == rows[1]["id"]

    def found(query: str) -> list[str]:
        path = f"/api/decisions?{query}"
        return [f"{row['product_id']}{row['verdict'][0]}" for row in listed(api, path=path)]

    assert found("standing=true") == ["Bc", "Ac"]
    assert found("standing=false") == ["Cu", "Cc"]
    assert found("product_id=A") == ["Ac"]
    moment = Decision.objects.get(pk=rows[2]["id"]).created_at
    text = moment.isoformat().replace("+00:00", "Z")
    assert found(f"since={text}") == ["Cu", "Cc", "Bc"]
    later = (timezone.now() + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert found(f"since={later}") == []
    page = api.get("/api/decisions?page_size=3").json()
    assert len(listed(api, path=page["next"])) == 1
    wrong = api.get("/api/decisions?since=yesterday")
    assert (wrong.status_code, wrong.json()["field"]) == (400, "since")
    assert "since is not a time" in wrong.json()["error"]


@pytest.mark.parametrize("path", ["/api/reviews", "/api/decisions"])
def test_a_longer_list_takes_no_more_queries(
    api: Client, make_item: MakeItem, path: str, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        item = make_item(f"SKU-{number}", category="Toys")
        if path == "/api/decisions":
            post(api, f"{item.pk}/decide", CONFIRM)
    with django_assert_max_num_queries(7):
        assert len(listed(api, path=path)) == 6


# ── Rights ────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("closed", [False, True])
def test_nobody_unknown_reads_or_decides(make_item: MakeItem, settings: Any, closed: bool) -> None:
    settings.API_LOGIN_REQUIRED = closed
    item = make_item("A")
    for path in ("/api/reviews", f"/api/reviews/{item.pk}", "/api/decisions"):
        assert Client().get(path).status_code == 401, path
    for path in (f"{item.pk}/decide", f"{item.pk}/skip", f"{item.pk}/escalate", "undo"):
        answer = post(Client(), path, CONFIRM)
        assert answer.status_code == 401, path
        assert answer.json()["field"] is None
    assert not Decision.objects.exists()


def test_who_may_only_look_only_looks(make_item: MakeItem, make_user: MakeUser) -> None:
    item = make_item("A")
    viewer, shop = (as_user(make_user(name, group=name)) for name in ("viewer", "shop"))
    assert len(listed(viewer)) == 1
    assert viewer.get("/api/decisions").status_code == 200
    for path in (f"{item.pk}/decide", f"{item.pk}/skip", f"{item.pk}/escalate", "undo"):
        for client in (viewer, shop):
            answer = post(client, path, CONFIRM)
            assert answer.status_code == 403, path
            assert "group" in answer.json()["error"]
    for path in ("/api/reviews", f"/api/reviews/{item.pk}", "/api/decisions"):
        assert shop.get(path).status_code == 403, path
    assert not Decision.objects.exists() and not item.skips.exists()
