"""The audit by lot, second opinions and automatic action: what enters the queue and how."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from moderation.models import (
    Analysis,
    AutomaticAction,
    Decision,
    ModelVersion,
    Product,
    ReviewItem,
)
from moderation.services.catalogue import intake
from moderation.services.queue import review, review_claims, review_undo
from moderation.services.registry import activation
from moderation.services.rules import sampling
from moderation.services.scoring import analyze, results
from tests.support.factories import MakeProduct, MakeUser

pytestmark = pytest.mark.django_db

THRESHOLD = 0.2


@pytest.fixture(autouse=True)
def shares(settings: Any) -> Any:
    settings.AUDIT_SHARE, settings.AUDIT_FLAGGED_SHARE = 0.02, 0.1
    return settings


def an_id(*, low: float = 0.0, high: float = 1.0, gold: bool = False) -> str:
    """A product id whose random number lies in this range."""
    return next(
        name
        for name in (f"P{number}" for number in range(10_000))
        if low <= sampling.random_number(name) < high
        and (sampling._number("gold", name) < 0.1) == gold
    )


def score(product: Product, similarity: float) -> Analysis:
    """A finished analysis of the product as it is now."""
    analyze.request([product])
    row = product.analyses.select_related("product", "model_version").latest("id")
    row.threshold_override = THRESHOLD
    results.apply_score(row, similarity)
    row.save()
    results.settle([row])
    return row


def only_item() -> ReviewItem:
    return ReviewItem.objects.open().get()


def decide(item: ReviewItem, moderator: User, verdict: str = "confirm") -> Decision:
    reason = "other_product" if verdict == "confirm" else "matches"
    return review.decide(item, moderator=moderator, verdict=verdict, reason=reason)


# ── The random sample ─────────────────────────────────────────────────────────────────────────
def test_a_random_number_never_changes_and_they_are_spread_evenly() -> None:
    assert sampling.random_number("A1") == pytest.approx(0.4988, abs=1e-4)
    names = [f"product {number}" for number in range(20_000)]

    assert sum(sampling.random_number(n) < 0.02 for n in names) == pytest.approx(400, abs=70)
    drawn = [n for n in names if sampling.random_number(n) < 0.1]
    assert sum(sampling.random_order(n) < 0.5 for n in drawn) == pytest.approx(
        len(drawn) / 2, abs=80
    )


def test_what_passed_enters_by_lot_with_its_probability(make_product: MakeProduct) -> None:
    drawn, left = make_product(an_id(high=0.02)), make_product(an_id(low=0.1))
    score(drawn, 0.9), score(left, 0.9)

    item = only_item()
    assert (item.product, item.stratum, item.in_audit) == (drawn, "audit", True)
    assert item.sampling_probability == pytest.approx(0.02)
    assert item.random_order == pytest.approx(sampling.random_order(drawn.external_id))


def test_what_passed_near_the_threshold_is_drawn_more_often(make_product: MakeProduct) -> None:
    product = make_product(an_id(low=0.03, high=0.08))
    score(product, THRESHOLD + 0.01)
    assert only_item().sampling_probability == pytest.approx(0.08)

    far = make_product(an_id(low=0.02, high=0.03))
    score(far, 0.9)
    assert only_item().product == product


def test_without_a_calibration_near_goes_by_similarity(
    make_product: MakeProduct, bundled: Any
) -> None:
    bundled.platt_a = bundled.platt_b = None
    bundled.save()
    assert sampling.near_margin(bundled) == sampling.NEAR_UNCALIBRATED
    score(make_product(an_id(low=0.03, high=0.08)), THRESHOLD + 0.04)

    item = only_item()
    assert item.stratum == "audit" and 0.7 < item.uncertainty < 0.8


def test_near_lies_on_both_sides_of_the_threshold(bundled: ModelVersion) -> None:
    band, at = sampling.Band.of(bundled), bundled.threshold
    curve = bundled.calibrated
    assert curve is not None and band.above == sampling.near_margin(bundled)
    p, share = curve.as_fitted.p_mismatch, sampling.NEAR_SHARE_OF_P
    assert p(at + band.above) == pytest.approx(share * p(at), rel=1e-3)
    assert 1 - p(at - band.below) == pytest.approx(share * (1 - p(at)), rel=1e-3)

    def holds(away: float) -> bool:
        return band.holds(Analysis(similarity=at + away, threshold_used=at))

    edges = (-band.below - 1e-6, -band.below + 1e-6, band.above - 1e-6, band.above + 1e-6)
    assert [holds(away) for away in edges] == [False, True, True, False]
    assert not band.holds(Analysis(similarity=None, threshold_used=None))


def test_a_share_of_the_flagged_is_judged_blind_too(make_product: MakeProduct) -> None:
    score(make_product(an_id(high=0.1)), 0.0), score(make_product(an_id(low=0.1)), 0.0)

    drawn, other = ReviewItem.objects.order_by("product_id")
    assert (drawn.stratum, drawn.in_audit, drawn.sampling_probability) == ("flagged", True, 1.0)
    assert (other.stratum, other.in_audit) == ("flagged", False)


def test_the_audit_survives_a_new_score_and_follows_the_flag(make_product: MakeProduct) -> None:
    product = make_product(an_id(low=0.03, high=0.08))
    score(product, THRESHOLD + 0.01)
    item = only_item()

    row = score(product, 0.9)  # far away now: it would not be drawn, but it was
    item.refresh_from_db()
    assert (item.state, item.analysis, item.stratum) == ("open", row, "audit")
    assert item.sampling_probability == pytest.approx(0.08)

    score(product, 0.0)
    item.refresh_from_db()
    assert (item.stratum, item.sampling_probability, item.in_audit) == ("flagged", 1.0, True)

    score(product, 0.9)  # no longer flagged, and not among the drawn of that score
    item.refresh_from_db()
    assert item.state == "withdrawn"


def test_a_drawn_product_that_is_no_longer_flagged_stays(make_product: MakeProduct) -> None:
    product = make_product(an_id(high=0.02))
    score(product, 0.0), score(product, 0.9)

    item = only_item()
    assert (item.stratum, item.in_audit) == ("audit", True)
    assert item.sampling_probability == pytest.approx(0.02)


def test_a_decided_audit_item_never_comes_back(
    make_product: MakeProduct, make_user: MakeUser
) -> None:
    product = make_product(an_id(high=0.02))
    score(product, 0.9)
    decide(only_item(), make_user("anna"), "dismiss")
    score(product, 0.9), score(product, 0.0)

    assert not ReviewItem.objects.open().exists()


def test_a_decision_keeps_how_its_item_came_into_the_queue(
    make_product: MakeProduct, make_user: MakeUser, shares: Any
) -> None:
    shares.QUEUE_AUDIT_SHARE = 1.0
    score(make_product(an_id(high=0.02)), 0.9)
    anna = make_user("anna")
    item = review_claims.claim_next(anna)

    row = decide(item, anna, "dismiss")
    assert (row.stratum, row.picked_by, row.mode) == ("audit", "audit", "queue")
    assert row.sampling_probability == pytest.approx(0.02)


def test_a_changed_listing_reopens_with_the_decision_on_the_former(
    make_product: MakeProduct, make_user: MakeUser
) -> None:
    product = make_product(an_id(low=0.1))
    score(product, 0.0)
    first = decide(only_item(), make_user("anna"))
    listing = intake.Listing(external_id=product.external_id, text="Another text", image=None)
    score(intake.take(listing, source="import")[0], 0.0)

    assert only_item().reopens == first


# ── Second opinions ───────────────────────────────────────────────────────────────────────────
@pytest.fixture
def gold_item(make_product: MakeProduct, shares: Any) -> ReviewItem:
    """An open flagged item of a product that two moderators shall judge."""
    shares.GOLD_SHARE = 0.1
    score(make_product(an_id(low=0.1, gold=True)), 0.0)
    return only_item()


def test_gold_asks_somebody_else_blind(gold_item: ReviewItem, make_user: MakeUser) -> None:
    anna, ben = make_user("anna"), make_user("ben")
    decide(gold_item, anna)

    second = only_item()
    assert (second.second_of, second.is_blind) == (gold_item, True)
    assert (second.stratum, second.in_audit) == (gold_item.stratum, gold_item.in_audit)
    assert review_claims.claim_next(anna) is None
    assert not review_claims.claim(second, moderator=anna)
    with pytest.raises(review.ReviewError, match="somebody else's"):
        decide(second, anna)
    assert review_claims.claim_next(ben) == second
    assert decide(second, ben).picked_by == "second"
    assert not ReviewItem.objects.open().exists()  # and no third


def test_a_second_opinion_outlives_a_new_score_but_not_a_new_text(
    gold_item: ReviewItem, make_user: MakeUser
) -> None:
    anna, _ben = make_user("anna"), make_user("ben")
    decide(gold_item, anna)
    score(gold_item.product, 0.9)
    assert only_item().second_of == gold_item

    listing = intake.Listing(external_id=gold_item.product.external_id, text="New", image=None)
    intake.take(listing, source="import")
    assert not ReviewItem.objects.open().exists()


def test_an_undo_takes_the_question_for_a_second_opinion_back(
    gold_item: ReviewItem, make_user: MakeUser
) -> None:
    anna, ben = make_user("anna"), make_user("ben")
    decide(gold_item, anna)
    second = review_claims.claim_next(ben)
    assert review_undo.undo(moderator=anna) == gold_item

    with pytest.raises(review.AlreadyDecided):
        decide(second, ben)
    assert only_item() == gold_item
    decide(gold_item, anna, "dismiss")
    assert only_item() == second  # asked again
    decide(second, ben)


def test_either_opinion_can_be_undone_and_the_other_stands(
    gold_item: ReviewItem, make_user: MakeUser
) -> None:
    anna, ben = make_user("anna"), make_user("ben")
    first = decide(gold_item, anna)
    second = only_item()
    decide(second, ben)

    assert review_undo.undo(moderator=ben) == second
    assert list(Decision.objects.standing()) == [first]
    again = decide(second, ben, "dismiss")
    assert review_undo.undo(moderator=anna) == gold_item
    score(gold_item.product, 0.0)  # the first is open; the second's verdict does not close it
    assert only_item() == gold_item
    with pytest.raises(review.ReviewError, match="in the queue again"):
        review_undo.undo(moderator=ben)
    assert list(Decision.objects.standing()) == [again]


def test_an_audit_item_of_gold_asks_for_a_second_opinion_too(
    make_product: MakeProduct, make_user: MakeUser, shares: Any
) -> None:
    shares.GOLD_SHARE = 0.1
    score(make_product(an_id(high=0.02, gold=True)), 0.9)
    anna, _ben = make_user("anna"), make_user("ben")
    decide(only_item(), anna, "dismiss")

    assert (only_item().stratum, only_item().second_of is not None) == ("audit", True)


# ── Automatic action ──────────────────────────────────────────────────────────────────────────
def test_clear_mismatches_wait_for_people_until_a_lead_says_otherwise(
    make_product: MakeProduct, make_user: MakeUser, bundled: Any, shares: Any
) -> None:
    shares.GOLD_SHARE = 0.1
    bundled.clear_threshold = 0.1
    bundled.save()
    lead = make_user("lea", group="lead")
    score(make_product("waits" + an_id(low=0.2)), -0.1)
    assert not Decision.objects.exists()

    AutomaticAction.objects.create(is_on=True, by=lead, reason="Nobody disagreed for a month.")
    clear, doubtful = make_product(an_id(low=0.1)), make_product(an_id(low=0.2))
    blind, gold = make_product(an_id(high=0.1)), make_product(an_id(low=0.1, gold=True))
    score(clear, 0.05), score(doubtful, 0.15), score(blind, 0.05), score(gold, 0.05)

    row = Decision.objects.get()
    assert (row.item.product, row.item.state) == (clear, "decided")
    assert (row.mode, row.verdict, row.reason) == ("automatic", "confirm", "other_product")
    assert (row.moderator, row.stratum, row.picked_by) == (lead, "flagged", "")
    assert review_undo.last_act(lead) is None  # not one of theirs to undo
    assert not ReviewItem.objects.filter(second_of__isnull=False).exists()

    AutomaticAction.objects.create(is_on=False, by=lead)
    other = make_product("P-other")
    score(other, 0.05)
    assert ReviewItem.objects.get(product=other).state == "open"


def test_a_late_answer_of_a_replaced_version_changes_nothing(
    make_product: MakeProduct, bundled: Any, shares: Any
) -> None:
    """Its question was asked before, and answered after, that of the version which took over."""
    product = make_product(an_id(low=0.2))
    analyze.request([product])
    late = product.analyses.select_related("product", "model_version").get()
    other = ModelVersion.objects.create(name="other", source="folder", threshold=0.2)
    newer = Analysis.objects.create(
        product=product,
        model_version=other,
        content_hash=product.content_hash,
        status="done",
        similarity=0.9,
        threshold_used=0.2,
        is_mismatch=False,
    )
    Product.objects.filter(pk=product.pk).update(analysis=newer)
    late.threshold_override = THRESHOLD
    results.apply_score(late, 0.0)
    late.save()
    results.settle([late])

    assert Product.objects.get().analysis == newer
    assert not ReviewItem.objects.exists()


def test_a_version_that_no_longer_answers_confirms_nothing_by_itself(
    make_product: MakeProduct, make_user: MakeUser, bundled: Any, shares: Any
) -> None:
    ModelVersion.objects.filter(pk=bundled.pk).update(clear_threshold=0.1)
    product = make_product(an_id(low=0.2))
    analyze.request([product])
    activation.activate(ModelVersion.objects.create(name="other", source="folder", threshold=0.2))
    lead = make_user("lea", group="lead")
    AutomaticAction.objects.create(is_on=True, by=lead, reason="For the other one.")

    row = product.analyses.select_related("product", "model_version").get()
    row.threshold_override = THRESHOLD
    results.apply_score(row, 0.05)
    row.save()
    results.settle([row])

    assert only_item().product == product
    assert not Decision.objects.exists()


def test_what_will_judge_a_model_is_kept_from_it_but_never_most_of_a_shop(settings: Any) -> None:
    settings.AUDIT_SHARE, settings.GOLD_SHARE = 1.0, 0.0
    names = [f"product-{number}" for number in range(2000)]
    kept = [name for name in names if sampling.kept_for_judging(name)]
    assert 0.08 < len(kept) / len(names) < 0.12
    settings.AUDIT_SHARE, settings.GOLD_SHARE = 0.0, 1.0
    assert all(sampling.kept_for_judging(name) for name in names)
