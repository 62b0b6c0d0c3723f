"""Quality: what the page says of the catalogue, of agreement and of drift."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from moderation.clip.statistics.catalogue_estimate import AtLeast, Figure, Unknown
from moderation.models import Analysis, Decision, ModelVersion, Product, ReviewItem
from moderation.services.estimates import figures
from moderation.services.measures import drifting, quality
from tests.support.factories import MakeUser

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]
PAGE = "/admin/quality/"


@pytest.fixture
def judged(add: Make) -> Make:
    """Flagged products, all in the random sample, some judged; their items."""

    def make(count: int, *, judged: int, wrong: int) -> list[ReviewItem]:
        products = add(count, flagged=True, lot=count, judged=judged, wrong=wrong)
        return list(ReviewItem.objects.filter(product__in=products).order_by("pk"))

    return make


# ── The figures ───────────────────────────────────────────────────────────────────────────────
def test_what_is_judged_is_counted_and_the_rest_estimated_from_what_was_drawn_alike(
    add: Make,
) -> None:
    add(100, flagged=True, lot=20, judged=20, wrong=16, opened=80, opened_wrong=64)
    add(200, flagged=False, lot=20, judged=20, wrong=2, share=0.08)
    add(800, flagged=False, lot=40, judged=40, wrong=1)

    overall = figures.overall()
    assert overall.precision == Figure(0.8, 0.8, 0.8)
    assert isinstance(overall.recall, Figure) and overall.recall.low < 0.7 < 0.75
    assert overall.recall.value == pytest.approx(80 / 120, abs=0.02)
    assert isinstance(overall.prevalence, Figure)
    assert overall.prevalence.value == pytest.approx(120 / 1100, abs=0.01)
    counts = quality.quality().overall
    assert (counts.judged, counts.flagged, counts.wrong) == (100, 100, 80)
    assert (counts.passed_by_lot, counts.passed) == (60, 1000)


def test_a_week_is_of_the_products_that_came_in_in_it(add: Make) -> None:
    add(20, flagged=True, lot=20, judged=20, wrong=10, weeks=2)
    add(300, flagged=False, lot=30, judged=30, wrong=3, weeks=2)
    add(20, flagged=True, lot=20, judged=20, wrong=18)
    add(50, flagged=False, lot=5)

    former, between, now = quality.quality().weeks
    assert (former.products, former.judged) == (320, 50)
    assert isinstance(former.estimate.recall, Figure)
    assert former.estimate.recall.value == pytest.approx(10 / 40)
    assert isinstance(between.estimate.precision, Unknown) and between.judged == 0
    assert now.estimate.precision == Figure(0.9, 0.9, 0.9)
    assert isinstance(now.estimate.recall, Unknown)


def test_only_flagged_labels_leave_recall_unknown(add: Make) -> None:
    add(20, flagged=True, lot=20, judged=20, wrong=10), add(80, flagged=False, lot=8)

    overall = figures.overall()
    assert overall.precision == Figure(0.5, 0.5, 0.5)
    assert isinstance(overall.recall, Unknown)
    assert "says nothing of what was missed" in overall.recall.why


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


# ── Drift ─────────────────────────────────────────────────────────────────────────────────────
def test_an_alarm_is_raised_when_more_listings_are_wrong(add: Make) -> None:
    for weeks in (0, 6):
        add(100, flagged=True, lot=100, judged=100, wrong=80, weeks=weeks)
    add(1500, flagged=False, lot=300, judged=300, wrong=3, weeks=6)
    add(1500, flagged=False, lot=300, judged=300, wrong=60)

    watch = quality.quality().watch
    assert watch.is_watched
    (alarm,) = watch.alarms
    assert "share of wrong listings has risen" in alarm


def test_one_s_own_changes_raise_no_alarm(add: Make, bundled: ModelVersion) -> None:
    """Before, half of what is flagged now passed, and fewer were drawn: both count as now."""
    add(1000, flagged=False, lot=20, judged=20, wrong=1, share=0.02, weeks=6)
    former = add(200, flagged=False, lot=40, judged=40, wrong=20, share=0.2, weeks=6)
    add(1000, flagged=False, lot=200, judged=200, wrong=10, share=0.2)
    now = add(200, flagged=False, lot=40, judged=40, wrong=20, share=0.2)
    assert quality.quality().watch.alarms == []

    flagged = Analysis.objects.filter(product__in=[*former, *now])
    flagged.update(is_mismatch=True, threshold_used=0.5)
    assert quality.quality().watch.alarms == []


def test_a_small_shop_is_told_that_it_is_not_watched_and_from_when_on(
    add: Make, lead_client: Client
) -> None:
    for weeks in (0, 6):
        add(20, flagged=True, lot=20, judged=20, wrong=10, weeks=weeks)
        add(60, flagged=False, lot=5, judged=5, wrong=0, weeks=weeks)

    watch = quality.quality().watch
    wrong, _ = watch.noticed
    assert not wrong.is_watched and wrong.enough > watch.recent == 80
    html = " ".join(lead_client.get(PAGE).content.decode().split())
    assert "Not watched: a change by less than" in html
    assert f"Some {wrong.enough} new listings in 4 weeks would do; there were 80." in html
    assert "Scores are watched from 4000 scored listings on; there are 160." in html.replace(
        "4,000", "4000"
    )
    assert "No alarm" in html  # the precision of what is flagged is known of both


def test_an_alarm_is_raised_when_new_products_score_otherwise(
    bundled: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drifting, "RECENT_SCORES", 200)
    monkeypatch.setattr(drifting, "FORMER_SCORES", 400)

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
    assert quality.quality().watch.alarms == []
    add("C", -0.2)
    assert "score otherwise" in quality.quality().watch.alarms[0]


# ── The page ──────────────────────────────────────────────────────────────────────────────────
def test_the_page_draws_the_figures_with_their_intervals(add: Make, lead_client: Client) -> None:
    for weeks in range(3):
        add(40, flagged=True, lot=40, judged=30, wrong=24, weeks=weeks)
        add(400, flagged=False, lot=40, judged=40, wrong=3, weeks=weeks)

    html = lead_client.get(PAGE).content.decode()
    assert html.count("chart-band") == html.count("chart-line") == 3
    assert html.count("chart-dot") == 9
    assert "80% (" in html and "unknown" not in html
    assert "90 of 120 flagged were judged." in html
    assert ' style="' not in html and "<script>" not in html


def test_what_was_judged_whole_has_no_interval(add: Make, lead_client: Client) -> None:
    add(30, flagged=True, lot=5, judged=5, wrong=3, opened=25, opened_wrong=10)

    html = lead_client.get(PAGE).content.decode()
    assert "<b>43%</b>" in html
    assert "13 of 30 flagged, known: all were judged." in html


def test_no_miss_found_is_no_full_recall(add: Make, lead_client: Client) -> None:
    add(100, flagged=True, lot=20, judged=20, wrong=16)
    add(500, flagged=False, lot=40, judged=40, wrong=0)

    recall = figures.overall().recall
    assert isinstance(recall, AtLeast)
    html = lead_client.get(PAGE).content.decode()
    assert f"<b>at least {recall.low:.0%}</b>" in html and "<b>100%" not in html


def test_a_few_judgements_are_no_figures_and_no_all_clear(add: Make, lead_client: Client) -> None:
    add(10, flagged=True, lot=10, judged=1), add(50, flagged=False, lot=5, judged=1, wrong=1)

    html = lead_client.get(PAGE).content.decode()

    for name in ("Wrong listings are", "Precision is", "Recall is"):
        assert f"{name} unknown" in html
    assert "1 of 10 flagged were judged." in html
    assert "No alarm" not in html


def test_without_an_audit_the_page_says_that_recall_is_unknown_and_what_to_do(
    add: Make, lead_client: Client, settings: Any
) -> None:
    add(30, flagged=True, lot=30, judged=30, wrong=20), add(50, flagged=False)
    settings.AUDIT_SHARE = 0
    html = lead_client.get(PAGE).content.decode()
    assert "Recall is unknown" in html and "says nothing of what was missed" in html
    assert "AUDIT_SHARE" in html and "67%" in html

    settings.AUDIT_SHARE = 0.02
    add(70, flagged=False, lot=7)
    html = " ".join(lead_client.get(PAGE).content.decode().split())
    assert "7 products of the random sample wait in the queue" in html


def test_what_nobody_could_tell_is_said(add: Make, lead_client: Client) -> None:
    products = add(40, flagged=True, lot=20, judged=15, wrong=8)
    ReviewItem.objects.filter(product=products[15]).update(state="decided")

    html = " ".join(lead_client.get(PAGE).content.decode().split())
    assert "Of 1 product of the random sample nobody who was asked could tell." in html


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
    add: Make, lead_client: Client, django_assert_max_num_queries: Any
) -> None:
    for weeks in range(12):
        add(4, flagged=True, lot=4, judged=4, wrong=3, weeks=weeks)
    lead_client.get(PAGE)
    with django_assert_max_num_queries(18):
        lead_client.get(PAGE)
