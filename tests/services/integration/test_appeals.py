"""Appeals: filed by the shop, decided by somebody else, with the evidence as it was."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Appeal, Decision, Delivery, Product, ReviewItem, Webhook
from moderation.services.catalogue import intake
from moderation.services.integration import appeal_filing, appeals, webhooks
from moderation.services.queue import review, review_undo
from moderation.services.release import automatic_undo
from tests.support.factories import MakeItem, MakeUser, as_user
from tests.support.photos import photo

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop_user(make_user: MakeUser) -> User:
    user: User = make_user("shop", group="shop")
    return user


@pytest.fixture
def decision(make_item: MakeItem, make_user: MakeUser) -> Decision:
    item = make_item("SKU-1", text="A red ball", similarity=0.1, category="Balls", seller="zoe")
    return review.decide(
        item,
        moderator=make_user("anna"),
        verdict="confirm",
        reason="other_colour",
        wrong_side="image",
        note="It is orange.",
    )


def file(decision: Decision, reference: str = "A-1", statement: str = "It is red!") -> Appeal:
    appeal, _ = appeal_filing.file(
        decision, reference=reference, statement=statement, filed_by=None
    )
    return appeal


def change(text: str) -> None:
    intake.take(intake.Listing(external_id="SKU-1", text=text, image=None), source="api")


# ── Filing ────────────────────────────────────────────────────────────────────────────────────
def test_the_evidence_is_kept_as_it_was(decision: Decision) -> None:
    file(decision)
    change("A blue ball")
    kept, analysis = Appeal.objects.get().evidence, decision.analysis
    version = analysis.model_version
    assert kept == {
        "product_id": "SKU-1",
        "category": "Balls",
        "seller": "zoe",
        "text": "A red ball",
        "text_read": "A red ball",
        "preparation": PREPARATION,
        "unreadable": "",
        "image": analysis.image,
        "image_sha256": analysis.image_sha256,
        "content_hash": analysis.content_hash,
        "similarity": 0.1,
        "p_mismatch": analysis.p_mismatch,
        "threshold": 0.99,
        "is_mismatch": True,
        "precision": analysis.precision,
        "model_version": "bundled",
        "weights_sha256": version.weights_sha256,
        "verdict": "confirm",
        "reason": "other_colour",
        "wrong_side": "image",
        "photo": 1,
        "note": "It is orange.",
        "mode": "queue",
        "stratum": "flagged",
        "picked_by": "chosen",
        "sampling_probability": 1.0,
        "decided_at": decision.created_at.isoformat(),
        "moderator_id": decision.moderator_id,
    }


def test_to_file_twice_is_harmless_and_a_reference_is_used_once(
    decision: Decision, make_item: MakeItem
) -> None:
    first = file(decision)
    assert appeal_filing.file(decision, reference="A-1", statement="It is red!", filed_by=None) == (
        first,
        False,
    )
    for statement, reference, told in (
        ("It is red!", "A-2", "has an open appeal"),
        ("Another", "A-1", "belongs to another"),
    ):
        with pytest.raises(appeals.AppealConflict, match=told):
            file(decision, reference, statement)
    assert Appeal.objects.count() == 1


def test_an_undone_decision_is_not_appealed(decision: Decision) -> None:
    review_undo.undo(moderator=decision.moderator)
    with pytest.raises(appeals.AppealConflict, match="undone or corrected"):
        file(decision)
    with pytest.raises(appeals.AppealConflict, match="undone or corrected"):
        file(decision.corrected_by, "A-2")


def test_what_is_appealed_is_not_undone(decision: Decision) -> None:
    file(decision)
    with transaction.atomic():
        assert not webhooks.take_back([decision])
    with pytest.raises(review.ReviewError):
        review_undo.undo(moderator=decision.moderator)


def test_a_second_opinion_is_not_appealed(
    make_item: MakeItem, make_user: MakeUser, settings: Any
) -> None:
    settings.GOLD_SHARE = 1.0
    wish = {"verdict": "dismiss", "reason": "matches"}
    anna, ben = make_user("anna"), make_user("ben")
    first = review.decide(make_item("SKU-2"), moderator=anna, **wish)
    second = review.decide(first.item.second_opinion, moderator=ben, **wish)
    with pytest.raises(appeals.AppealConflict, match="second opinion"):
        file(second)
    file(first)


@pytest.mark.parametrize("statement", ["", "  ", "x" * 2001])
def test_a_statement_is_needed_and_limited(decision: Decision, statement: str) -> None:
    with pytest.raises(appeals.AppealError) as refused:
        file(decision, statement=statement)
    assert refused.value.field == "statement"


# ── Deciding ──────────────────────────────────────────────────────────────────────────────────
def test_an_overturned_decision_is_corrected_by_a_new_one(
    decision: Decision, lead: User, make_user: MakeUser
) -> None:
    appeal = appeals.decide(
        file(decision), by=lead, overturn=True, answer="You are right.", reason="matches"
    )
    assert (appeal.state, appeal.answer, appeal.decided_by) == (
        "overturned",
        "You are right.",
        lead,
    )
    new = appeal.outcome
    assert new is not None
    assert (new.verdict, new.reason, new.mode, new.corrects) == (
        "dismiss",
        "matches",
        "appeal",
        decision,
    )
    assert (new.stratum, new.sampling_probability) == ("flagged", 1.0)
    assert list(Decision.objects.standing()) == [new]
    assert decision.item.state == ReviewItem.State.DECIDED
    decision.refresh_from_db()
    assert decision.verdict == "confirm"
    # The appeal was an answer, not a verdict of the queue: it is not the lead's to undo.
    assert review_undo.last_act(lead) is None
    # And what corrected it can be appealed in its turn, by whom neither decided.
    again = file(new, "A-2")
    for person in (lead, decision.moderator):
        person.user_permissions.add(*lead.groups.get().permissions.all())
        with pytest.raises(appeals.AppealError, match="took part"):
            appeals.decide(again, by=User.objects.get(pk=person.pk), overturn=False, answer="No.")
    appeals.decide(again, by=make_user("max", group="lead"), overturn=False, answer="No.")


def test_an_upheld_decision_stands(decision: Decision, lead: User) -> None:
    appeal = appeals.decide(file(decision), by=lead, overturn=False, answer="It is orange.")
    assert (appeal.state, appeal.outcome) == ("upheld", None)
    assert list(Decision.objects.all()) == [decision]
    file(decision, "A-2")  # another objection may come


def test_changed_content_is_no_obstacle(decision: Decision, lead: User) -> None:
    appeal = file(decision)
    change("A blue ball")
    appeals.decide(appeal, by=lead, overturn=True, answer="Yes.", reason="close_enough")
    assert Decision.objects.standing().get().analysis == decision.analysis


def test_nobody_decides_about_their_own_decision(
    make_item: MakeItem, lead: User, make_user: MakeUser
) -> None:
    own = review.decide(make_item("SKU-2"), moderator=lead, verdict="dismiss", reason="matches")
    appeal = file(own)
    with pytest.raises(appeals.AppealError, match="you are the only one who may decide appeals"):
        appeals.decide(appeal, by=lead, overturn=False, answer="No.")
    make_user("max", group="lead")
    with pytest.raises(appeals.AppealError, match="is decided by another person"):
        appeals.decide(appeal, by=lead, overturn=False, answer="No.")
    assert Appeal.objects.get().state == "open"


def test_only_who_has_the_right_decides(decision: Decision, make_user: MakeUser) -> None:
    with pytest.raises(appeals.AppealError, match="may not decide appeals"):
        appeals.decide(file(decision), by=make_user("mo"), overturn=False, answer="No.")


def test_an_appeal_is_decided_once(decision: Decision, lead: User, make_user: MakeUser) -> None:
    appeal = file(decision)
    stale = Appeal.objects.get(pk=appeal.pk)
    appeals.decide(appeal, by=lead, overturn=False, answer="No.")
    with pytest.raises(appeals.AppealConflict, match="lena has already decided this appeal"):
        appeals.decide(
            stale, by=make_user("max", group="lead"), overturn=True, answer="Y", reason="matches"
        )
    assert Decision.objects.count() == 1


def test_a_decision_that_fell_meanwhile_is_not_overturned(decision: Decision, lead: User) -> None:
    appeal = file(decision)
    Decision.objects.create(
        item=decision.item,
        analysis=decision.analysis,
        moderator=decision.moderator,
        verdict="undo",
        corrects=decision,
    )
    with pytest.raises(appeals.AppealConflict, match="stands no longer"):
        appeals.decide(appeal, by=lead, overturn=True, answer="Yes.", reason="matches")
    assert Appeal.objects.get().state == "open"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"answer": " "}, "answer"),
        ({"answer": "x" * 1001}, "answer"),
        ({"reason": ""}, "reason"),
        ({"reason": "other_colour"}, "reason"),
        ({"wrong_side": "everything"}, "wrong_side"),
    ],
)
def test_a_wrong_answer_changes_nothing(
    decision: Decision, lead: User, changes: dict[str, str], field: str
) -> None:
    wish = {"overturn": True, "answer": "Yes.", "reason": "matches"} | changes
    with pytest.raises(appeals.AppealError) as refused:
        appeals.decide(file(decision), by=lead, **wish)
    assert refused.value.field == field
    assert (Appeal.objects.get().state, Decision.objects.count()) == ("open", 1)


def test_the_shop_is_told_how_it_ended(decision: Decision, lead: User) -> None:
    Webhook.objects.create(name="shop", url="http://shop.example/")
    appeal = appeals.decide(file(decision), by=lead, overturn=True, answer="Yes.", reason="matches")
    corrected, ended = Delivery.objects.order_by("pk")
    assert (corrected.event, ended.event) == ("decision.corrected", "appeal.decided")
    assert corrected.payload["data"]["corrects"] == decision.pk
    assert corrected.payload["data"]["verdict"] == "dismiss"
    assert ended.payload["data"] == {
        "reference": "A-1",
        "product_id": "SKU-1",
        "decision_id": decision.pk,
        "state": "overturned",
        "answer": "Yes.",
        "outcome_id": corrected.decision_id,
        "decided_at": appeal.decided_at.isoformat().replace("+00:00", "Z"),
        "decided_by_id": lead.pk,
    }
    # Nobody undoes an appeal, so nothing waits for that.
    assert corrected.due_at < corrected.created_at and ended.due_at < ended.created_at


def test_what_the_shop_was_not_told_yet_is_not_told_after_its_correction(
    decision: Decision, lead: User
) -> None:
    for name in ("told", "waiting"):
        Webhook.objects.create(name=name, url="http://shop.example/")
    webhooks.announce([decision])
    Delivery.objects.filter(webhook__name="told").update(state="sent", attempts=1)
    appeals.decide(file(decision), by=lead, overturn=True, answer="Yes.", reason="matches")
    rows = Delivery.objects.order_by("pk").values_list("webhook__name", "event", "state")
    assert set(rows) == {
        ("told", "decision.made", "sent"),
        ("told", "decision.corrected", "waiting"),
        ("told", "appeal.decided", "waiting"),
        ("waiting", "decision.made", "cancelled"),
        ("waiting", "decision.corrected", "waiting"),
        ("waiting", "appeal.decided", "waiting"),
    }


def test_what_is_upheld_is_still_told(decision: Decision, lead: User) -> None:
    Webhook.objects.create(name="shop", url="http://shop.example/")
    webhooks.announce([decision])
    appeals.decide(file(decision), by=lead, overturn=False, answer="No.")
    assert set(Delivery.objects.values_list("event", "state")) == {
        ("decision.made", "waiting"),
        ("appeal.decided", "waiting"),
    }


# ── A decision that was taken back meanwhile ──────────────────────────────────────────────────
def fall(decision: Decision) -> None:
    """As a rollback, or a lead who takes the automatic decisions back, does it."""
    with transaction.atomic():
        automatic_undo.undo(Decision.objects.filter(pk=decision.pk), by=None, why="Taken back.")


def test_an_appeal_whose_decision_fell_is_closed_and_the_shop_is_told(
    decision: Decision, lead: User
) -> None:
    appeal = file(decision)
    fall(decision)
    Webhook.objects.create(name="shop", url="http://shop.example/")
    for overturn in (False, True):
        with pytest.raises(appeals.AppealConflict, match="close the appeal"):
            appeals.decide(appeal, by=lead, overturn=overturn, answer="So.", reason="matches")
    with pytest.raises(appeals.AppealError, match="answer is empty"):
        appeals.close(appeal, by=lead, answer=" ")
    assert Appeal.objects.get().state == "open"

    appeals.close(appeal, by=lead, answer="The decision was taken back.")

    closed = Appeal.objects.get()
    assert (closed.state, closed.outcome, closed.decided_by) == ("overturned", None, lead)
    assert not Decision.objects.standing().exists()
    told = Delivery.objects.get().payload["data"]
    assert (told["state"], told["outcome_id"]) == ("overturned", None)
    assert told["answer"] == "The decision was taken back."
    with pytest.raises(appeals.AppealConflict, match="lena has already decided this appeal"):
        appeals.close(appeal, by=lead, answer="Again.")


def test_an_appeal_whose_decision_stands_is_not_closed(decision: Decision, lead: User) -> None:
    with pytest.raises(appeals.AppealConflict, match="uphold or overturn it"):
        appeals.close(file(decision), by=lead, answer="Yes.")
    assert Appeal.objects.get().state == "open"


def test_only_who_may_decide_closes_also_what_they_had_a_part_in(
    make_item: MakeItem, lead: User, make_user: MakeUser
) -> None:
    """Nothing is judged any more, and who turned the automatic action on takes it back, too."""
    own = review.decide(make_item("SKU-2"), moderator=lead, verdict="confirm", reason="bad_text")
    appeal = file(own)
    fall(own)
    with pytest.raises(appeals.AppealError, match="may not decide appeals"):
        appeals.close(appeal, by=make_user("mo"), answer="Yes.")
    assert appeals.close(appeal, by=lead, answer="Yes.").state == "overturned"


@pytest.mark.any_database
def test_a_lead_closes_it_on_the_page(decision: Decision, lead: User) -> None:
    appeal, browser = file(decision), as_user(lead)
    address = f"/admin/moderation/appeal/{appeal.pk}/"
    assert 'value="close"' not in browser.get(f"{address}change/").content.decode()
    wish = {"outcome": "close", "answer": "It was taken back."}
    assert browser.post(f"{address}decide/", wish).status_code == 409
    fall(decision)
    page = browser.get(f"{address}change/").content.decode()
    assert "has been taken back" in page and 'value="close"' in page
    assert 'value="uphold"' not in page and 'value="overturn"' not in page
    assert browser.post(f"{address}decide/", wish | {"answer": ""}).status_code == 400
    assert browser.post(f"{address}decide/", wish).status_code == 302
    page = browser.get(f"{address}change/").content.decode()
    assert "had been taken back before" in page and "It was taken back." in page
    assert 'value="close"' not in page


# ── By API ────────────────────────────────────────────────────────────────────────────────────
def post(client: Client, body: Any) -> Any:
    return client.post("/api/appeals", body, content_type="application/json")


def test_the_shop_files_an_appeal_and_reads_the_answer(
    decision: Decision, lead: User, shop_user: User
) -> None:
    shop = as_user(shop_user)
    body = {"reference": "A/1 ü", "decision": decision.pk, "statement": "It is red!"}
    filed = post(shop, body)
    assert filed.status_code == 201, filed.content
    assert filed.json()["state"] == "open"
    assert Appeal.objects.get().filed_by == shop_user
    assert (post(shop, body).status_code, post(shop, body).json()) == (200, filed.json())
    appeals.decide(Appeal.objects.get(), by=lead, overturn=True, answer="Yes.", reason="matches")
    read = shop.get("/api/appeals/A%2F1%20%C3%BC").json()
    assert (read["state"], read["answer"]) == ("overturned", "Yes.")
    assert read["outcome"] == Decision.objects.standing().get().pk
    assert shop.get("/api/appeals?state=overturned").json()["results"] == [read]
    assert shop.get("/api/appeals?state=open").json()["results"] == []
    assert "It is orange." not in str(read)  # a note for colleagues


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"decision": 10**18}, 400, "decision"),
        ({"decision": 10**30}, 400, "decision"),
        ({"decision": "x"}, 400, "decision"),
        ({"statement": ""}, 400, "statement"),
        ({"statement": "x" * 2001}, 400, "statement"),
        ({"reference": "x" * 101}, 400, "reference"),
        ({"reference": "A-2"}, 409, None),
    ],
)
def test_a_wrong_appeal_is_refused_in_a_sentence(
    decision: Decision, shop_user: User, changes: dict[str, Any], status: int, field: str | None
) -> None:
    file(decision)
    body = {"reference": "A-9", "decision": decision.pk, "statement": "No!"} | changes
    answer = post(as_user(shop_user), body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert answer.json()["error"].endswith(".")


def test_appeals_are_never_open_to_nobody(decision: Decision, make_user: MakeUser) -> None:
    body = {"reference": "A-1", "decision": decision.pk, "statement": "It is red!"}
    assert post(Client(), body).status_code == 401
    for path in ("/api/appeals", "/api/appeals/A-1"):
        assert Client().get(path).status_code == 401
        assert as_user(make_user(f"mo{len(path)}")).get(path).status_code == 403
    assert not Appeal.objects.exists()


def test_an_unknown_reference_is_404(shop_user: User) -> None:
    answer = as_user(shop_user).get("/api/appeals/none")
    assert (answer.status_code, answer.json()["field"]) == (404, None)


# ── In the admin ──────────────────────────────────────────────────────────────────────────────
@pytest.mark.any_database
def test_the_page_shows_what_was_judged_beside_what_there_is_now(
    decision: Decision, lead: User
) -> None:
    appeal = file(decision, statement="<b>It is red!</b>")
    former = decision.analysis.image_url
    listing = intake.Listing(external_id="SKU-1", text="A blue ball", image=photo("blue"))
    intake.take(listing, source="api")
    page = as_user(lead).get(f"/admin/moderation/appeal/{appeal.pk}/change/").content.decode()
    now = Product.objects.get().image.url
    assert now != former
    for shown in (
        *(former, now, "A red ball", "A blue ball", "&lt;b&gt;It is red!"),
        *("Mismatch confirmed", "Colour or pattern differs", "It is orange.", "anna"),
        *("0.10", "bundled", "The listing has changed since", "Close enough for a buyer"),
    ):
        assert shown in page, shown
    assert 'value="uphold"' in page and 'value="overturn"' in page
    assert (
        "A-1" in as_user(lead).get("/admin/moderation/appeal/?state__exact=open").content.decode()
    )


@pytest.mark.any_database
def test_a_lead_decides_on_the_page(decision: Decision, lead: User) -> None:
    address = f"/admin/moderation/appeal/{file(decision).pk}/decide/"
    browser = as_user(lead)
    wrong = browser.post(address, {"outcome": "overturn", "answer": "", "reason": "matches"})
    assert wrong.status_code == 400
    assert "The answer is empty" in wrong.content.decode()
    assert browser.post(address, {"answer": "x"}).status_code == 400
    wish = {"outcome": "overturn", "answer": "You are right.", "reason": "matches"}
    assert browser.post(address, wish).status_code == 302
    late = browser.post(address, wish)
    assert late.status_code == 409
    page = late.content.decode()
    assert "has already decided" in page and "You are right." in page
    assert 'value="overturn"' not in page


@pytest.mark.any_database
def test_who_may_not_decide_sees_why(make_item: MakeItem, lead: User, make_user: MakeUser) -> None:
    own = review.decide(make_item("SKU-2"), moderator=lead, verdict="dismiss", reason="matches")
    appeal = file(own)
    make_user("max", group="lead")
    page = as_user(lead).get(f"/admin/moderation/appeal/{appeal.pk}/change/").content.decode()
    assert "decided by another person" in page
    assert 'value="overturn"' not in page
    address = f"/admin/moderation/appeal/{appeal.pk}/decide/"
    assert as_user(lead).post(address, {"outcome": "uphold", "answer": "No"}).status_code == 400
    moderator = as_user(make_user("mo"))
    assert moderator.post(address, {"outcome": "uphold", "answer": "No"}).status_code == 403
    assert moderator.get("/admin/moderation/appeal/").status_code == 403
    assert Appeal.objects.get().state == "open"
