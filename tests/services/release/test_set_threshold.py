"""Thresholds and calibration of a version in the database: evidence, setting, log, commands."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from moderation.clip.statistics.catalogue_estimate import AtLeast, Figure, Unknown
from moderation.models import (
    Analysis,
    Category,
    Decision,
    ModelVersion,
    Product,
    ReviewItem,
    VersionEvent,
)
from moderation.services.estimates import figures, pace
from moderation.services.estimates.pace import ByLot
from moderation.services.registry import registering, versions
from moderation.services.release import calibrate, judged, threshold_targets
from moderation.services.release.threshold_targets import Target, ThresholdError
from moderation.services.rules.thresholds import Thresholds, traits
from moderation.services.scoring import results, stale
from tests.support.scored_shop import fill, judge

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(db: None) -> User:
    return User.objects.create(username="anna")


def command(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=out)
    return out.getvalue()


# ── Which labels count ────────────────────────────────────────────────────────────────────────
def test_a_label_counts_with_its_present_score_only(bundled: ModelVersion, anna: User) -> None:
    products = fill(bundled, count=40)
    judge(products, moderator=anna, audit_share=1.0)
    other = ModelVersion.objects.create(name="other", source="folder", threshold=0.2)
    assert len(judged.judged(bundled)) == 40
    assert judged.judged(other) == []

    rescored = Analysis.objects.create(
        product=products[0],
        model_version=other,
        content_hash=products[0].content_hash,
        status="done",
        similarity=0.77,
    )
    Product.objects.filter(pk=products[0].pk).update(analysis=rescored)
    assert [label.similarity for label in judged.judged(other)] == [0.77]
    Product.objects.filter(pk=products[0].pk).update(content_hash="new")
    Analysis.objects.filter(pk=rescored.pk).update(content_hash="new")
    assert judged.judged(other) == []  # what was decided was another content


def test_undone_unclear_and_automatic_verdicts_are_no_labels(
    bundled: ModelVersion, anna: User
) -> None:
    products = fill(bundled, count=4)
    judge(products, moderator=anna, audit_share=1.0)
    undone, *_ = Decision.objects.order_by("pk")
    Decision.objects.create(
        item=undone.item, analysis=undone.analysis, moderator=anna, verdict="undo", corrects=undone
    )
    for product, more in (
        (products[1], {"reason": "unclear"}),
        (products[2], {"mode": "automatic"}),
    ):
        item = ReviewItem.objects.get(product=product)
        Decision.objects.create(
            item=item, analysis=item.analysis, moderator=anna, verdict="dismiss", **more
        )

    assert [label.is_match for label in judged.judged(bundled)] == [
        products[3].text.startswith("right")
    ]


def test_an_audited_pass_stands_for_those_that_were_not_drawn(
    bundled: ModelVersion, anna: User
) -> None:
    judge(fill(bundled, count=80), moderator=anna, audit_share=0.25)

    labels = judged.judged(bundled)
    assert {label.weight for label in labels if label.similarity < bundled.threshold} == {1.0}
    assert {label.weight for label in labels if label.similarity >= bundled.threshold} == {4.0}


# ── Evidence and targets ──────────────────────────────────────────────────────────────────────
def test_the_evidence_counts_the_catalogue_as_it_would_be_flagged(bundled: ModelVersion) -> None:
    fill(bundled)
    found = threshold_targets.evidence(bundled)

    for threshold in (-0.2, 0.0, 0.251, 0.4):
        expected = Analysis.objects.filter(similarity__lt=threshold).count()
        assert found.effect(threshold).flagged == expected
    assert found.catalogue.total == 400
    assert found.arrivals == 400


def test_categories_with_a_threshold_of_their_own_are_left_out(
    bundled: ModelVersion, anna: User
) -> None:
    judge(fill(bundled, count=20, category="Toys"), moderator=anna, audit_share=1.0)
    judge(fill(bundled, count=30, prefix="T"), moderator=anna, audit_share=1.0)
    Category.objects.update(threshold=0.4)

    found = threshold_targets.evidence(bundled)
    assert (found.catalogue.total, found.judged, found.has_own) == (30, 30, True)


def test_offsets_move_a_categorys_threshold_and_the_evidence_follows(
    bundled: ModelVersion,
) -> None:
    fill(bundled, category="Toys")
    bundled.calibration = {"offsets": {"toys": 2.0}}
    bundled.save()
    toys = Category.objects.get(name="Toys")
    toy = traits(Product(category=toys))
    moved = Thresholds(bundled).of(toy)

    assert moved == pytest.approx(bundled.threshold + 2.0 / -bundled.platt_a, abs=1e-4)
    expected = Analysis.objects.filter(similarity__lt=moved).count()
    assert threshold_targets.evidence(bundled).effect(bundled.threshold).flagged == pytest.approx(
        expected, abs=2
    )
    Category.objects.filter(pk=toys.pk).update(threshold=0.3)
    assert Thresholds(bundled).of(toy) == 0.3  # by hand still takes precedence


def test_an_analysis_is_judged_by_its_categorys_threshold(bundled: ModelVersion) -> None:
    product = fill(bundled, count=1, category="Toys")[0]
    bundled.calibration = {"offsets": {"toys": 2.0}}
    bundled.clear_threshold = 0.1
    bundled.save()
    row = Analysis.objects.select_related("product__category", "model_version").get(product=product)
    score = bundled.threshold + 1.0 / -bundled.platt_a  # above its own, below the category's
    results.apply_score(row, score)

    assert row.is_mismatch
    assert row.threshold_used == pytest.approx(bundled.threshold + 2.0 / -bundled.platt_a, abs=1e-4)
    assert row.p_mismatch == bundled.p_mismatch(score, "Toys") > bundled.p_mismatch(score)
    assert Thresholds(bundled).clear_of(traits(product)) == pytest.approx(
        0.1 + 2.0 / -bundled.platt_a, abs=1e-4
    )


def test_the_clear_band_never_reaches_above_the_threshold(bundled: ModelVersion) -> None:
    assert Thresholds(bundled).clear_of() is None
    bundled.clear_threshold = 0.9

    assert Thresholds(bundled).clear_of() == bundled.threshold
    strict = Product(category=Category.objects.create(name="Strict", threshold=0.1))
    assert Thresholds(bundled).clear_of(traits(strict)) == 0.1


def test_setting_a_target_sets_both_bands_and_logs_what_they_replace(
    bundled: ModelVersion, anna: User
) -> None:
    judge(fill(bundled), moderator=anna, audit_share=1.0)
    old = bundled.threshold
    target = Target("recall", 0.8, clear_precision=0.8)
    proposal = threshold_targets.propose(threshold_targets.evidence(bundled), target)
    event = threshold_targets.set_thresholds(bundled, proposal, by=anna)

    bundled.refresh_from_db()
    assert bundled.threshold == proposal.threshold != old
    assert bundled.clear_threshold is not None
    assert bundled.clear_threshold <= bundled.threshold
    assert bundled.thresholds_from == {"kind": "recall", "amount": 0.8, "clear_precision": 0.8}
    assert (event.kind, event.by, event.before["threshold"]) == ("threshold", anna, old)
    assert event.after["clear_threshold"] == bundled.clear_threshold


def test_what_the_labels_do_not_warrant_sets_nothing(bundled: ModelVersion) -> None:
    fill(bundled)
    found = threshold_targets.evidence(bundled)

    for target in (Target("precision", 0.9), Target("recall", 0.9)):
        with pytest.raises(ThresholdError, match="Not enough labels"):
            threshold_targets.propose(found, target)
    kept = threshold_targets.propose(found, Target("budget", 40, clear_precision=0.95))
    assert kept.clear_threshold is None
    assert "No band of clear mismatches: Not enough labels" in kept.sentences[1]


def test_what_was_set_here_outlives_the_next_set_up(bundled: ModelVersion) -> None:
    found = threshold_targets.evidence(bundled)
    threshold_targets.set_thresholds(
        bundled, threshold_targets.propose(found, Target("value", 0.123))
    )

    assert registering.register(registering.BUNDLED).threshold == 0.123


# ── What is said of a threshold ───────────────────────────────────────────────────────────────
def test_what_was_judged_as_a_whole_is_counted(bundled: ModelVersion, anna: User) -> None:
    products = fill(bundled)
    judge(products, moderator=anna, audit_share=0.25)
    found = threshold_targets.evidence(bundled).effect(bundled.threshold)

    flagged = [one for one in products if one.analysis and one.analysis.is_mismatch]
    wrong = sum(one.text.startswith("wrong") for one in flagged)
    assert (found.judged, found.wrong) == (len(flagged), wrong)
    assert found.precision_words == f"{wrong} of {len(flagged)}, known"
    assert isinstance(found.precision, Figure) and found.precision.is_exact


def test_thresholds_with_unjudged_products_between_them_show_different_figures(
    bundled: ModelVersion, anna: User
) -> None:
    judge(fill(bundled), moderator=anna, audit_share=0.25)
    found = threshold_targets.evidence(bundled)

    said = [found.effect(bundled.threshold + more).precision_words for more in (0.0, 0.1, 0.15)]
    assert len(set(said)) == 3
    assert said[0].endswith("known")
    for words in said[1:]:
        assert re.fullmatch(r"\d+ of \d+ judged: \d+% \(\d+–\d+%\)", words), words


def test_a_recall_without_misses_is_never_certain(bundled: ModelVersion, anna: User) -> None:
    products = fill(bundled, mismatches=0.1)
    right = [one for one in products if one.text.startswith("right")]
    flagged = [one for one in products if one.analysis and one.analysis.is_mismatch]
    judge([*flagged, *right[::4]], moderator=anna, audit_share=1.0)
    found = threshold_targets.evidence(bundled).effect(bundled.threshold)

    assert isinstance(found.recall, AtLeast) and 0 < found.recall.low < 1
    assert found.recall_words == f"at least {found.recall.low:.0%}"


def test_of_what_cannot_be_told_only_the_reason_is_said(bundled: ModelVersion) -> None:
    fill(bundled)
    found = threshold_targets.evidence(bundled).effect(bundled.threshold)

    assert isinstance(found.precision, Unknown) and isinstance(found.recall, Unknown)
    assert found.precision_words == found.precision.why
    assert not re.search(r"\d", found.precision_words + found.recall_words)


def test_the_threshold_in_force_shows_the_very_figures_of_the_quality_page(
    bundled: ModelVersion, anna: User
) -> None:
    judge(fill(bundled), moderator=anna, audit_share=0.25)
    stale.refresh(bundled)
    found = threshold_targets.evidence(bundled)
    now, overall = found.effect(bundled.threshold), figures.overall()

    assert (now.precision, now.recall) == (overall.precision, overall.recall)
    Category.objects.create(name="Toys", threshold=0.4)  # now the page has other products
    assert threshold_targets.evidence(bundled).in_force is None


def test_a_threshold_that_is_set_hides_no_figures_of_the_one_in_force(
    bundled: ModelVersion, anna: User, lead_client: Client
) -> None:
    judge(fill(bundled), moderator=anna, audit_share=0.25)
    stale.refresh(bundled)
    old, overall = bundled.threshold, figures.overall()
    proposal = threshold_targets.Proposal(Target("value", 0.35), 0.35, None, ["By hand."])
    threshold_targets.set_thresholds(bundled, proposal)

    found = threshold_targets.evidence(bundled)
    assert found.still is not None
    now = found.still.effect
    assert (now.threshold, now.precision, now.recall) == (old, overall.precision, overall.recall)
    why = f"400 products are still flagged as before, below {old:.3f}: that is in force"
    assert found.still.why.startswith(why)
    assert found.effect(0.35).flagged > now.flagged
    page = " ".join(lead_client.get("/admin/thresholds/").content.decode().split())
    assert "Review, in force" in page and "Review, set" in page and why in page

    stale.refresh(bundled)
    found = threshold_targets.evidence(bundled)
    assert found.still is None and found.in_force is not None
    assert found.effect(0.35).precision == figures.overall().precision


def test_a_few_that_were_not_scored_anew_put_no_former_threshold_back(
    bundled: ModelVersion, anna: User
) -> None:
    judge(fill(bundled), moderator=anna, audit_share=0.25)
    left, failed = Analysis.objects.order_by("pk")[:2]
    for row in (left, failed):
        Analysis.objects.filter(pk=row.pk).update(threshold_used=0.9)
    Analysis.objects.create(
        product=failed.product, model_version=bundled, content_hash=failed.content_hash,
        text=failed.text, image=failed.image, status=Analysis.Status.FAILED,
    )  # fmt: skip

    assert stale.flagged_otherwise(bundled) == [(0.9, 1)], "what it cannot read stays so for good"
    found = threshold_targets.evidence(bundled)
    assert found.still is None and found.in_force is not None
    assert found.in_force.threshold == bundled.threshold


def test_other_probabilities_leave_the_threshold_in_force(
    bundled: ModelVersion, anna: User
) -> None:
    judge(fill(bundled), moderator=anna, audit_share=0.25)
    ModelVersion.objects.filter(pk=bundled.pk).update(platt_a=-9.0)
    bundled.refresh_from_db()

    assert stale.count(bundled)
    found = threshold_targets.evidence(bundled)
    assert found.still is None
    assert found.effect(bundled.threshold).recall == figures.overall().recall


def test_a_shop_of_ten_is_asked_to_judge_ten(bundled: ModelVersion, settings: Any) -> None:
    settings.AUDIT_SHARE = 0.02
    fill(bundled, count=10)
    found = threshold_targets.evidence(bundled)

    for target in (Target("precision", 0.9), Target("recall", 0.9)):
        with pytest.raises(ThresholdError, match="judge them all") as error:
            threshold_targets.propose(found, target)
        assert "To draw more: set AUDIT_SHARE to 1, and run" in str(error.value)
        assert max(map(int, re.findall(r"(\d+) more", str(error.value)))) <= 10


# ── How long a recall target takes ────────────────────────────────────────────────────────────
def test_a_recall_target_says_what_it_needs_in_numbers_of_this_shop(
    bundled: ModelVersion, anna: User, settings: Any
) -> None:
    settings.AUDIT_SHARE = 0.02
    judge(fill(bundled), moderator=anna, audit_share=0.05)
    there = Decision.objects.filter(item__stratum="audit").count()
    with pytest.raises(ThresholdError) as error:
        threshold_targets.propose(
            threshold_targets.evidence(bundled), Target("recall", 0.95, confidence=0.9)
        )

    said = str(error.value)
    assert f"judged by lot among what passed, there are {there}." in said
    assert f"{there} a week are judged by lot at your AUDIT_SHARE of 2%: some " in said
    assert "set AUDIT_SHARE to 0.1, and run python manage.py reanalyze --all." in said


@pytest.mark.parametrize(
    ("found", "more", "share", "sentence"),
    [
        (ByLot(12, 0, 1200), 36, 0.02, "12 a week are judged by lot at your AUDIT_SHARE of 2%: "
         "some 3 weeks; at 10%: less than a week. To draw more: set AUDIT_SHARE to 0.1, and run "
         "python manage.py reanalyze --all."),
        (ByLot(12, 0, 120), 36, 0.02, "12 a week are judged by lot at your AUDIT_SHARE of 2%: "
         "some 3 weeks. To draw more"),  # people do not decide more than that
        (ByLot(12, 50, 120), 36, 0.02, "some 3 weeks. 50 that were drawn wait in the queue, which "
         "gives 10% of its turns to them (QUEUE_AUDIT_SHARE)."),
        (ByLot(0, 0, 0), 36, 0.02, "How long that takes is unknown: none was judged by lot in the "
         "last 4 weeks. To draw more: set AUDIT_SHARE to 0.1"),
        (ByLot(0, 0, 0), 36, 0.0, "The setting AUDIT_SHARE is 0"),
        (ByLot(1, 0, 0), 2, 0.2, "1 a week is judged by lot at your AUDIT_SHARE of 20%: some 2 "
         "weeks. To draw more: set AUDIT_SHARE to 0.4"),
    ],
)  # fmt: skip
def test_the_pace_says_how_long_and_what_makes_it_sooner(
    settings: Any, found: ByLot, more: int, share: float, sentence: str
) -> None:
    settings.AUDIT_SHARE, settings.QUEUE_AUDIT_SHARE = share, 0.1

    assert sentence in found.words(more)


def test_the_pace_counts_what_passed_and_was_drawn(bundled: ModelVersion, anna: User) -> None:
    judge(fill(bundled), moderator=anna, audit_share=0.25)
    passed = Decision.objects.filter(item__stratum="audit")
    ReviewItem.objects.filter(pk=passed.order_by("pk")[:1].values("item")).update(
        picked_by=ReviewItem.Pick.CHOSEN
    )
    waiting = fill(bundled, count=50, prefix="T", seed=3, mismatches=0.0)[0]
    assert waiting.analysis is not None
    ReviewItem.objects.create(
        product=waiting, analysis=waiting.analysis, in_audit=True, stratum="audit", suspicion=0.1
    )
    found = pace.pace()

    assert (found.a_week, found.waiting) == (passed.count() - 1, 1)
    assert found.decisions == Decision.objects.count()


# ── Commands ──────────────────────────────────────────────────────────────────────────────────
def test_the_command_shows_sets_and_names_what_applies_it(
    bundled: ModelVersion, anna: User
) -> None:
    judge(fill(bundled), moderator=anna, audit_share=1.0)
    said = command("set_threshold", "--budget", "60", "--arrivals", "400")

    bundled.refresh_from_db()
    flagged = Analysis.objects.filter(similarity__lt=bundled.threshold).count()
    assert 50 < flagged <= 60
    assert f"{flagged} products ({flagged / 400:.1%} of the catalogue)\n  Precision: " in said
    assert f" of {flagged}, known\n  Recall: " in said
    assert "reanalyze --stale" in said
    assert VersionEvent.objects.filter(kind="threshold", by=None).count() == 1


def test_a_dry_run_sets_nothing(bundled: ModelVersion) -> None:
    fill(bundled)
    said = command("set_threshold", "--budget", "10", "--dry-run")

    assert "Nothing was set" in said
    assert "Precision: Unknown: of what is flagged nothing was judged by lot yet." in said
    assert "not enough labels" not in said
    assert versions.current().threshold == bundled.threshold
    assert not VersionEvent.objects.filter(kind="threshold").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--precision", "0.9"], "No product of the catalogue was scored"),
        (["--budget", "10"], "No product of the catalogue was scored"),
        (["--value", "0.3", "--model", "bundle"], "near: bundled"),
        (["--precision", "90"], "between 0 and 1"),
        (["--budget", "0"], "no number above 0"),
        (["--value", "7"], "between -1 and 1"),
        ([], "required"),
    ],
)
def test_the_command_refuses_in_a_sentence(
    bundled: ModelVersion, arguments: list[str], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        command("set_threshold", *arguments)
    assert versions.current().threshold == bundled.threshold


def test_the_setting_that_comes_first_is_named(bundled: ModelVersion, settings: Any) -> None:
    settings.CLIP_SIMILARITY_THRESHOLD = 0.2

    assert "CLIP_SIMILARITY_THRESHOLD is set to 0.2" in command("set_threshold", "--value", "0.3")


def test_decisions_calibrate_the_active_version(bundled: ModelVersion, anna: User) -> None:
    judge(fill(bundled), moderator=anna, audit_share=0.5)
    before = bundled.calibrated
    said = command("calibrate")

    bundled.refresh_from_db()
    event = VersionEvent.objects.get(kind="calibrated")
    assert before is not None
    assert event.before == before.as_json()
    assert bundled.calibrated is not None
    assert event.after == bundled.calibrated.as_json()
    assert "decisions" in said
    assert "platt" in said
    p = [bundled.p_mismatch(score) or 0 for score in (0.0, 0.25, 0.5)]
    assert p[0] > 0.9 > p[1] > 0.05 > p[2]


def test_too_few_decisions_keep_the_former_calibration(bundled: ModelVersion, anna: User) -> None:
    judge(fill(bundled, count=40), moderator=anna, audit_share=1.0)

    with pytest.raises(CommandError, match="at least 20 decided mismatches"):
        command("calibrate")
    assert versions.current().calibrated == bundled.calibrated


def test_decisions_against_the_score_are_refused(bundled: ModelVersion, anna: User) -> None:
    products = fill(bundled, count=100, mismatches=0.5)
    for product in products:
        product.text = "right" if product.text.startswith("wrong") else "wrong"
    judge(products, moderator=anna, audit_share=1.0)

    with pytest.raises(calibrate.NotCalibrated, match="not rarer mismatches"):
        calibrate.calibrate(bundled)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--budget", "5", "--confidence", "0.9"], "--confidence goes with"),
        (["--value", "0.3", "--arrivals", "3"], "--arrivals goes with --budget"),
    ],
)
def test_what_goes_with_another_target_is_refused(
    bundled: ModelVersion, arguments: list[str], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        command("set_threshold", *arguments)
