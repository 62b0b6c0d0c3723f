"""What the second judge says in the queue: who comes first, who comes in, who sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse

from moderation.models import Analysis, Category, Decision, ModelVersion, ReviewItem, SecondVerdict
from moderation.services.estimates import present
from moderation.services.queue import review, review_claims, second_verdicts
from moderation.services.release import judged, judged_pairs
from moderation.services.rules import sampling
from moderation.services.scoring import reanalyze, results, second_judge
from tests.support.factories import MakeUser, as_user, make_product
from tests.support.second_judge import say

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

Scored = Callable[..., Analysis]
SECRET = "0.4321"  # a similarity of the second judge that stands nowhere else


@pytest.fixture
def first(bundled: ModelVersion) -> ModelVersion:
    return bundled


@pytest.fixture
def second(first: ModelVersion, settings: Any) -> ModelVersion:
    settings.CLIP_SECOND_JUDGE = "the second one"
    return ModelVersion.objects.create(
        name="the second one", source="folder", location="/nowhere", threshold=0.3
    )


@pytest.fixture
def scored(first: ModelVersion, second: ModelVersion) -> Scored:
    """A product scored so far from the threshold, and what the second judge said, if anything."""

    def make(name: str, away: float, says: bool | None = None, **changes: Any) -> Analysis:
        product = make_product(name, **changes)
        row = Analysis.objects.select_related("product__category", "model_version").get(
            product=product
        )
        results.apply_score(row, first.threshold + away)
        with transaction.atomic():
            row.save()
            results.settle([row])
        if says is not None:
            say(row, is_mismatch=says, version=second)
        return row

    return make


def item_of(row: Analysis) -> ReviewItem | None:
    return ReviewItem.objects.open().filter(product=row.product_id).first()


def handed_out(moderator: User) -> list[str]:
    order = []
    while (item := review_claims.claim_next(moderator)) is not None:
        order.append(item.product.external_id)
        review.decide(item, moderator=moderator, verdict="dismiss", reason="matches")
    return order


# ── Who comes first ───────────────────────────────────────────────────────────────────────────
def test_of_what_is_flagged_near_the_threshold_the_agreed_comes_first(
    scored: Scored, anna: User
) -> None:
    scored("far", -0.4)
    scored("disputed", -0.05, says=False)
    scored("agreed, closer", -0.01, says=True)
    scored("agreed", -0.03, says=True)
    scored("not asked yet", -0.02)
    assert handed_out(anna) == ["far", "agreed", "not asked yet", "agreed, closer", "disputed"]


def test_of_what_is_uncertain_the_disputed_comes_first(
    scored: Scored, anna: User, settings: Any
) -> None:
    settings.QUEUE_UNCERTAIN_SHARE = 1.0
    Category.objects.create(name="Balls")
    scored("even", -0.17, category="Balls")  # P(mismatch) of about a half
    scored("agreed", -0.15, says=True, category="Balls")
    scored("disputed", -0.01, says=False, category="Balls")
    scored("brought in", 0.01, says=True, category="Lamps")
    found = handed_out(anna)
    assert set(found[:2]) == {"disputed", "brought in"}
    assert set(found[2:]) == {"even", "agreed"}


def test_what_is_disputed_comes_before_any_category_that_is_served_less(
    scored: Scored, anna: User, settings: Any
) -> None:
    settings.QUEUE_UNCERTAIN_SHARE = 1.0
    scored("even", -0.17, category="Hats")
    scored("disputed", -0.02, says=False, category="Balls")
    scored("disputed too", -0.01, says=False, category="Balls")
    assert handed_out(anna) == ["disputed", "disputed too", "even"]


def test_without_a_second_judge_the_order_is_as_it_was(
    scored: Scored, anna: User, settings: Any
) -> None:
    scored("disputed", -0.05, says=False)
    scored("agreed", -0.03, says=True)
    settings.CLIP_SECOND_JUDGE = ""
    for row in Analysis.objects.select_related("product", "model_version"):
        with transaction.atomic():
            results.settle([row])
    assert handed_out(anna) == ["disputed", "agreed"]


# ── Who comes in ──────────────────────────────────────────────────────────────────────────────
def test_a_passed_one_that_the_second_calls_a_mismatch_comes_in_by_no_draw(
    scored: Scored, anna: User
) -> None:
    assert item_of(scored("fits", 0.01, says=False)) is None
    item = item_of(scored("wrong", 0.01, says=True))
    assert item is not None and item.stratum == "judge"
    assert (item.sampling_probability, item.in_audit) == (1.0, False)
    assert item.stratum in sampling.BY_NO_DRAW


def test_the_draw_goes_first_and_what_is_drawn_stays_blind(
    scored: Scored, settings: Any, second: ModelVersion
) -> None:
    settings.AUDIT_SHARE = 1.0
    row = scored("wrong", 0.01)
    before = item_of(row)
    assert before is not None and before.stratum == "audit"
    say(row, is_mismatch=True, version=second)
    item = item_of(row)
    assert item is not None and item.pk == before.pk
    assert (item.stratum, item.in_audit, item.sampling_probability) == ("audit", True, 1.0)
    assert item.random_order == before.random_order


def test_no_figure_is_made_from_what_came_in_by_its_word(
    scored: Scored, anna: User, first: ModelVersion
) -> None:
    row = scored("wrong", 0.01, says=True)
    item = item_of(row)
    assert item is not None
    review.decide(item, moderator=anna, verdict="confirm", reason="other_product")
    assert Decision.objects.get().stratum == "judge"
    assert judged.judged(first) == [] and judged_pairs.gold_and_audit() == []
    assert len(present.each_judged().products) == 0
    assert Decision.objects.labels().count() == 1  # a label all the same, to learn from


def test_what_it_says_divides_what_the_estimates_take_as_drawn_alike(
    scored: Scored, settings: Any
) -> None:
    settings.AUDIT_FLAGGED_SHARE = 1.0
    scored("agreed", -0.05, says=True)
    scored("disputed", -0.05, says=False)
    scored("not asked", -0.05)
    (reading,) = present.by_week().values()
    assert len(set(reading.listings.draws)) == 3
    assert reading.listings.sizes.sum() == reading.listings.lots.sum() == 3


def test_it_leaves_once_the_second_judge_lets_it_pass_or_is_named_no_longer(
    scored: Scored, first: ModelVersion, second: ModelVersion, settings: Any
) -> None:
    one, other = (scored(name, 0.01, says=True) for name in ("one", "other"))
    say(one, is_mismatch=False, version=second)
    assert item_of(one) is None and item_of(other) is not None
    settings.CLIP_SECOND_JUDGE = ""
    assert item_of(other) is not None  # nothing switches by itself
    reanalyze.run(reanalyze.Job(reanalyze.Which.STALE, first))
    assert item_of(other) is None


def test_it_stays_while_the_second_judge_is_asked_again(
    scored: Scored, first: ModelVersion, second: ModelVersion
) -> None:
    row = scored("wrong", 0.01, says=True)
    before = item_of(row)
    ModelVersion.objects.filter(pk=first.pk).update(threshold=first.threshold - 0.005)
    first.refresh_from_db()
    reanalyze.run(reanalyze.Job(reanalyze.Which.STALE, first))
    item = item_of(row)
    assert item is not None and before is not None and item.pk == before.pk
    assert item.analysis_id != row.pk and item.stratum == "judge"
    assert second_verdicts.shown(item.analysis) is None
    newest = Analysis.objects.select_related("model_version", "product").get(pk=item.analysis_id)
    say(newest, is_mismatch=False, version=second)
    assert item_of(row) is None


def test_what_was_decided_stays_decided(scored: Scored, anna: User, second: ModelVersion) -> None:
    row = scored("flagged", -0.05)
    item = item_of(row)
    assert item is not None
    review.decide(item, moderator=anna, verdict="dismiss", reason="matches")
    say(row, is_mismatch=True, version=second)
    assert item_of(row) is None


# ── Which word holds ──────────────────────────────────────────────────────────────────────────
def test_an_older_second_judge_is_not_quoted(
    scored: Scored, second: ModelVersion, settings: Any, first: ModelVersion
) -> None:
    row = scored("flagged", -0.05, says=False)
    row.refresh_from_db()
    assert second_verdicts.shown(row) is not None
    third = ModelVersion.objects.create(
        name="the third", source="folder", location="/elsewhere", threshold=0.2
    )
    settings.CLIP_SECOND_JUDGE = third.name
    assert second_verdicts.shown(row) is None
    assert second_verdicts.present_on([row.pk]) == {}
    found = second_judge.outdated([row.product_id], version=first)
    assert found.asked == [row.pk]


# ── Who sees it ───────────────────────────────────────────────────────────────────────────────
def page_of(item: ReviewItem, client: Any) -> str:
    return client.get(reverse("admin:queue_item", args=[item.pk])).content.decode()


def test_the_page_shows_it_beside_the_first(scored: Scored, anna: User) -> None:
    item = item_of(scored("flagged", -0.05, says=False))
    assert item is not None
    page = page_of(item, as_user(anna))
    assert "The second judge (the second one)" in page and "disagrees" in page
    assert "it lets the listing pass" in page and "12%" in page


def test_the_page_of_what_an_older_one_brought_in_says_so(
    scored: Scored, anna: User, settings: Any
) -> None:
    item = item_of(scored("passed", 0.01, says=True))
    assert item is not None
    settings.CLIP_SECOND_JUDGE = ""
    assert "What it said holds no longer" in page_of(item, as_user(anna))


@pytest.mark.parametrize("away", [-0.05, 0.01])
def test_of_what_is_judged_blind_nothing_of_it_is_told(
    away: float, scored: Scored, make_user: MakeUser, settings: Any, anna: User
) -> None:
    settings.AUDIT_SHARE = settings.AUDIT_FLAGGED_SHARE = 1.0
    row = scored("blind", away, says=away > 0)
    SecondVerdict.objects.filter(pk=row.pk).update(similarity=float(SECRET), p_mismatch=0.8765)
    item = item_of(row)
    assert item is not None and item.is_blind
    lead = make_user("lena", group="lead")
    for client in (as_user(anna), as_user(lead)):
        addresses = [
            reverse("admin:queue_item", args=[item.pk]),
            reverse("admin:moderation_analysis_changelist"),
            reverse("admin:moderation_analysis_change", args=[row.pk]),
            reverse("admin:moderation_product_changelist"),
            reverse("admin:moderation_product_change", args=[row.product_id]),
            reverse("admin:moderation_reviewitem_changelist"),
            reverse("admin:moderation_reviewitem_change", args=[item.pk]),
            f"/api/reviews/{item.pk}",
            "/api/reviews",
            "/api/products/blind",
            "/api/products/blind/analyses",
            "/api/products",
        ]
        for address in addresses:
            said = client.get(address, follow=True).content.decode()
            for word in (SECRET, "0.43", "0.8765", "88%", "The second judge (", "disagree"):
                assert word not in said, (address, word)


def test_the_api_tells_it_with_the_analysis(scored: Scored, make_user: MakeUser) -> None:
    item = item_of(scored("flagged", -0.05, says=False))
    other = item_of(scored("not asked", -0.05))
    assert item is not None and other is not None
    client = as_user(make_user("vera", group="viewer"))
    told = {
        "model_version": "the second one",
        "is_mismatch": False,
        "readable": True,
        "similarity_score": 0.31,
        "threshold_used": 0.3,
        "p_mismatch": 0.1234,
    }
    assert client.get(f"/api/reviews/{item.pk}").json()["analysis"]["second_verdict"] == told
    assert client.get("/api/products/flagged").json()["analysis"]["second_verdict"] == told
    (analysis,) = client.get("/api/products/flagged/analyses").json()["results"]
    assert analysis["second_verdict"] == told
    assert client.get(f"/api/reviews/{other.pk}").json()["analysis"]["second_verdict"] is None


def test_the_page_of_the_analysis_shows_it(scored: Scored, make_user: MakeUser) -> None:
    row = scored("flagged", -0.05, says=True)
    page = as_user(make_user("lena", group="lead")).get(
        reverse("admin:moderation_analysis_change", args=[row.pk])
    )
    assert "The second judge (the second one)" in page.content.decode()
    assert "agrees" in page.content.decode()


def test_lists_ask_the_database_no_more_often_for_it(
    scored: Scored, make_user: MakeUser, django_assert_max_num_queries: Any
) -> None:
    client = as_user(make_user("vera", group="viewer"))
    scored("A0", -0.05, says=True)
    client.get("/api/products")
    for number in range(1, 6):
        scored(f"A{number}", -0.05, says=True)
    with django_assert_max_num_queries(12):
        found = client.get("/api/products").json()["results"]
    assert sum(one["analysis"]["second_verdict"] is not None for one in found) == 6


def test_health_tells_how_it_is_doing_and_stays_well(
    scored: Scored, second: ModelVersion, client: Any
) -> None:
    scored("waits", -0.05)
    told = client.get("/clip/health").json()["second_judge"]
    assert told == {"model": second.name, "problem": "", "waiting": 1}
