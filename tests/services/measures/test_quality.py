"""Quality over time: what the page says of audits, agreement and drift."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from moderation.clip.statistics.labelled_scores import TOLD_FROM
from moderation.models import Analysis, Decision, ModelVersion, Product, ReviewItem
from moderation.services.measures import quality
from tests.support.factories import MakeUser

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]
PAGE = "/admin/quality/"


@pytest.fixture
def judged(bundled: ModelVersion, anna: User) -> Make:
    """Makes items of one kind, `weeks` weeks old; of the first `judged`, `wrong` are confirmed."""
    numbers = itertools.count()

    def make(
        count: int, *, judged: int, wrong: int, p: float | None = None, weeks: int = 0
    ) -> list[ReviewItem]:
        """`p` None: flagged and blind; else drawn with this probability of what passed."""
        names = [f"Q{next(numbers)}" for _ in range(count)]
        products = Product.objects.bulk_create(
            Product(external_id=name, text="A ball", content_hash="c") for name in names
        )
        rows = Analysis.objects.bulk_create(
            Analysis(product=one, model_version=bundled, status="done", content_hash="c")
            for one in products
        )
        items = ReviewItem.objects.bulk_create(
            ReviewItem(
                product=row.product,
                analysis=row,
                in_audit=True,
                stratum="flagged" if p is None else "audit",
                sampling_probability=1.0 if p is None else p,
                suspicion=0.5,
                state="decided" if number < judged else "open",
            )
            for number, row in enumerate(rows)
        )
        ReviewItem.objects.filter(pk__in=[item.pk for item in items]).update(
            opened_at=timezone.now() - timedelta(weeks=weeks)
        )
        verdicts = ["confirm"] * wrong + ["dismiss"] * (judged - wrong)
        decisions = [
            Decision(item=item, analysis_id=item.analysis_id, moderator=anna, verdict=verdict)
            for item, verdict in zip(items, verdicts, strict=False)
        ]
        Decision.objects.bulk_create(decisions)
        return items

    return make


# ── The figures ───────────────────────────────────────────────────────────────────────────────
def test_each_judged_product_stands_for_those_of_its_stratum(judged: Make) -> None:
    judged(100, judged=50, wrong=40)  # 80 of 100 flagged
    judged(20, judged=20, wrong=2, p=0.1)  # 20 of 200 near
    judged(40, judged=40, wrong=1, p=0.05)  # 20 of 800 far away

    overall = quality.quality().overall
    assert overall.precision.value == pytest.approx(0.8)
    assert overall.recall.value == pytest.approx(80 / 120)
    assert overall.prevalence.value == pytest.approx(120 / 1100)
    assert overall.recall.low < 0.6 < 0.75 < overall.recall.high


def test_weeks_stand_side_by_side_and_few_labels_make_no_figure(judged: Make) -> None:
    judged(20, judged=20, wrong=10, weeks=2), judged(30, judged=30, wrong=3, p=0.1, weeks=2)
    judged(20, judged=20, wrong=18), judged(5, judged=5, wrong=0, p=0.1)

    former, between, now = quality.quality().weeks
    assert former.estimate.recall.value == pytest.approx(10 / 40)
    assert between.estimate.precision is None and between.judged == 0
    assert now.estimate.precision.value == pytest.approx(0.9)
    assert now.estimate.recall is None and now.judged_passed < TOLD_FROM


def test_only_flagged_labels_leave_recall_unknown(judged: Make) -> None:
    judged(20, judged=20, wrong=10), judged(8, judged=0, wrong=0, p=0.1)

    overall = quality.quality().overall
    assert overall.precision.value == pytest.approx(0.5)
    assert overall.recall is overall.prevalence is None
    assert "say nothing of what was missed" in overall.why


def test_what_is_no_fair_sample_does_not_count(judged: Make, anna: User) -> None:
    """Neither what people chose to decide, nor what a band decided, nor what nobody could tell."""
    in_the_open = judged(10, judged=10, wrong=10)
    ReviewItem.objects.filter(pk__in=[i.pk for i in in_the_open]).update(in_audit=False)
    judged(30, judged=20, wrong=5)
    unclear = judged(1, judged=0, wrong=0)[0]
    Decision.objects.create(
        item=unclear, analysis=unclear.analysis, moderator=anna, verdict="dismiss", reason="unclear"
    )

    week = quality.quality().weeks[-1]
    assert (week.flagged, week.judged) == (41, 20)
    assert week.estimate.precision.value == pytest.approx(0.25)


def test_agreement_counts_pairs_of_standing_verdicts(judged: Make, make_user: MakeUser) -> None:
    ben = make_user("ben")
    items = judged(20, judged=20, wrong=10)
    for number, item in enumerate(items):
        second = ReviewItem.objects.create(
            product=item.product,
            analysis=item.analysis,
            second_of=item,
            state="decided",
            suspicion=0,
        )
        verdict = "confirm" if number < 8 or number == 19 else "dismiss"
        Decision.objects.create(item=second, analysis=item.analysis, moderator=ben, verdict=verdict)

    found = quality.quality().agreement
    assert (found.pairs, found.alike) == (20, 17)
    assert found.kappa.value == pytest.approx(0.7)
    assert 0.2 < found.kappa.low < 0.5 and found.kappa.high > 0.85
    assert quality.quality().weeks[-1].judged == 20  # the second opinions count nothing twice


def test_what_one_of_two_could_not_tell_is_no_agreement(
    judged: Make, make_user: MakeUser, anna: User, lead_client: Client
) -> None:
    """It is filed as a dismissal, and says that it is neither."""
    ben = make_user("ben")
    for number, item in enumerate(judged(30, judged=20, wrong=10)):
        if number >= 20:
            # Five the second could not tell, and five that neither could.
            Decision.objects.create(
                item=item,
                analysis=item.analysis,
                moderator=anna,
                verdict="dismiss",
                reason="unclear" if number >= 25 else "matches",
            )
        second = ReviewItem.objects.create(
            product=item.product,
            analysis=item.analysis,
            second_of=item,
            state="decided",
            suspicion=0,
        )
        Decision.objects.create(
            item=second,
            analysis=item.analysis,
            moderator=ben,
            verdict="confirm" if number < 10 else "dismiss",
            reason="unclear" if number >= 20 else "",
        )

    found = quality.quality().agreement

    assert (found.pairs, found.alike, found.unclear) == (20, 20, 10)
    assert (
        "10 more are left out: one of the two could not tell"
        in lead_client.get(PAGE).content.decode()
    )


def test_an_alarm_is_raised_when_more_listings_are_wrong(judged: Make) -> None:
    for weeks in (0, 6):
        judged(100, judged=100, wrong=80, weeks=weeks)
    judged(300, judged=300, wrong=3, p=0.1, weeks=6)
    judged(300, judged=300, wrong=60, p=0.1)

    found = quality.quality()
    assert found.is_watched
    (alarm,) = found.alarms
    assert "share of wrong listings has risen" in alarm


def test_an_alarm_is_raised_when_new_products_score_otherwise(
    bundled: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "RECENT_SCORES", 200)
    monkeypatch.setattr(quality, "FORMER_SCORES", 400)

    def add(prefix: str, shift: float) -> None:
        for number in range(300):
            product = Product.objects.create(external_id=f"{prefix}{number}", text="A ball")
            product.analysis = Analysis.objects.create(
                product=product,
                model_version=bundled,
                status="done",
                similarity=(number % 50) / 100 + shift,
            )
            product.save()

    add("A", 0.0), add("B", 0.0)
    assert quality.quality().alarms == []
    add("C", -0.2)
    assert "score otherwise" in quality.quality().alarms[0]


# ── The page ──────────────────────────────────────────────────────────────────────────────────
def test_the_page_draws_the_figures_with_their_intervals(judged: Make, lead_client: Client) -> None:
    for weeks in range(3):
        judged(40, judged=40, wrong=30, weeks=weeks)
        judged(40, judged=40, wrong=2, p=0.1, weeks=weeks)

    html = lead_client.get(PAGE).content.decode()
    assert html.count("chart-band") == html.count("chart-line") == 3
    assert html.count("chart-dot") == 9
    assert "No alarm" in html and "75%" in html and "unknown" not in html
    assert ' style="' not in html and "<script>" not in html


def test_a_few_judgements_are_no_figures_and_no_all_clear(
    judged: Make, lead_client: Client
) -> None:
    judged(10, judged=1, wrong=0), judged(5, judged=1, wrong=1, p=0.1)

    html = lead_client.get(PAGE).content.decode()

    for name in ("Wrong listings are", "Precision is", "Recall is"):
        assert f"{name} unknown" in html
    assert "Judged blind of the flagged products: 1. From 20 on" in html
    assert "%" not in html.split('class="quality-chart"', 1)[1].split("<section", 1)[0]
    assert "No alarm" not in html


def test_without_an_audit_the_page_says_that_recall_is_unknown_and_what_to_do(
    judged: Make, lead_client: Client, settings: Any
) -> None:
    judged(30, judged=30, wrong=20)
    html = lead_client.get(PAGE).content.decode()
    assert "Recall is unknown" in html and "say nothing of what was missed" in html
    assert "AUDIT_SHARE" in html and "67%" in html

    settings.AUDIT_SHARE = 0.02
    judged(7, judged=0, wrong=0, p=0.02)
    assert "7 products of the audit wait in the queue" in lead_client.get(PAGE).content.decode()


def test_the_empty_page_and_its_rights(
    bundled: ModelVersion, lead_client: Client, anna: User
) -> None:
    assert "Nothing was judged twice yet" in lead_client.get(PAGE).content.decode()
    assert 'href="/admin/quality/"' in lead_client.get("/admin/").content.decode()
    assert Client().get(PAGE).status_code == 302
    anna.groups.clear()
    other = Client()
    other.force_login(User.objects.get(pk=anna.pk))
    assert other.get(PAGE).status_code == 403
    assert 'href="/admin/quality/"' not in other.get("/admin/").content.decode()


def test_the_page_takes_few_queries(
    judged: Make, lead_client: Client, django_assert_max_num_queries: Any
) -> None:
    for weeks in range(12):
        judged(4, judged=4, wrong=3, weeks=weeks)
    lead_client.get(PAGE)
    with django_assert_max_num_queries(14):
        lead_client.get(PAGE)
