"""A second model is asked of what the first one scored near its threshold, and of nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from moderation import tasks
from moderation.clip.encoder import Encoder
from moderation.models import (
    Analysis,
    Embedding,
    ModelVersion,
    Product,
    ReviewItem,
    SecondVerdict,
)
from moderation.services.catalogue import withdrawal
from moderation.services.encoding import engine
from moderation.services.queue import review_queue
from moderation.services.registry import activation
from moderation.services.rules.photos_away import PhotosAway
from moderation.services.rules.sampling import Band
from moderation.services.rules.thresholds import Thresholds
from moderation.services.scoring import reanalyze, second_answers, second_judge
from moderation.services.worker import broker
from tests.support import judged_shop
from tests.support.factories import RunWorker, make_product
from tests.support.photos import photo
from tests.support.second_judge import ask_second, register_second

pytestmark = pytest.mark.django_db

# The yellow balls that are said to be yellow have similarities of about 0.1, and are near.
COUNT = 24


@pytest.fixture
def first(bundled: ModelVersion, no_heartbeats: None) -> ModelVersion:
    return bundled


@pytest.fixture
def second(first: ModelVersion, tmp_path: Path, settings: Any) -> ModelVersion:
    version = register_second(tmp_path / "second")
    settings.CLIP_SECOND_JUDGE = version.name
    return version


@pytest.fixture
def shop(second: ModelVersion, run_worker: RunWorker) -> list[Product]:
    """Scored by the first model; the second is still to be asked."""
    products = judged_shop.taken_in(COUNT)
    run_worker()
    return products


def near(version: ModelVersion) -> set[int]:
    band = Band.of(version)
    rows = Analysis.objects.filter(model_version=version, status="done")
    return {row.pk for row in rows if band.holds(row)}


def stale(version: ModelVersion) -> reanalyze.ReanalysisTally:
    return reanalyze.run(reanalyze.Job(reanalyze.Which.STALE, version))


def scores() -> list[Any]:
    return list(Analysis.objects.order_by("pk").values("similarity", "is_mismatch", "status"))


def test_without_the_setting_nobody_is_asked(
    first: ModelVersion, run_worker: RunWorker, settings: Any
) -> None:
    assert settings.CLIP_SECOND_JUDGE == ""
    judged_shop.taken_in(COUNT)
    run_worker()
    assert near(first) and not SecondVerdict.objects.exists()
    assert ask_second() == 0 and second_judge.state() is None


def test_it_is_asked_of_what_is_near_on_both_sides(
    first: ModelVersion, second: ModelVersion, run_worker: RunWorker
) -> None:
    ModelVersion.objects.filter(pk=first.pk).update(threshold=0.1)
    judged_shop.taken_in(COUNT)
    run_worker()
    asked = set(SecondVerdict.objects.values_list("pk", flat=True))
    assert asked == near(first) and 0 < len(asked) < COUNT
    sides = set(Analysis.objects.filter(pk__in=asked).values_list("is_mismatch", flat=True))
    assert sides == {True, False}


def test_it_judges_by_its_own_vectors_threshold_and_calibration(
    shop: list[Product], first: ModelVersion, second: ModelVersion
) -> None:
    ModelVersion.objects.filter(pk=second.pk).update(threshold=0.3)
    assert ask_second() == len(near(first))
    encoder = Encoder.load(Path(second.location), device="cpu", precision="fp32")
    for row in SecondVerdict.objects.select_related("analysis__product"):
        file = row.analysis.product.image.path
        (image,) = encoder.encode_files([Path(file)])
        (text,) = encoder.encode_texts([row.analysis.text])
        assert row.similarity == pytest.approx(float(image @ text), abs=0.02)
        assert row.similarity != pytest.approx(row.analysis.similarity, abs=1e-4)
        assert row.threshold_used == 0.3
        assert row.is_mismatch is (row.similarity < 0.3)
        assert row.p_mismatch == pytest.approx(second.p_mismatch(row.similarity))
    of_the_second = Embedding.objects.filter(model_version=second, tower="image")
    assert of_the_second.count() == len(near(first))  # and of no others


def test_what_people_set_by_similarities_of_the_first_does_not_judge_the_second(
    second: ModelVersion, settings: Any
) -> None:
    product = make_product("A1", category="Balls")
    assert product.category is not None
    product.category.threshold = 0.9
    product.category.save()
    settings.CLIP_SIMILARITY_THRESHOLD = 0.8
    limits = Thresholds(second)
    assert limits.of((product.category_id,)) == 0.9
    assert limits.own_of((product.category_id,)) == second.threshold


def test_the_first_verdicts_stay_as_they_are(shop: list[Product], second: ModelVersion) -> None:
    before = scores()
    assert ask_second()
    assert scores() == before
    assert not SecondVerdict.objects.filter(answered_at=None).exists()


def test_a_language_that_it_does_not_read_is_no_verdict(
    first: ModelVersion, second: ModelVersion, run_worker: RunWorker
) -> None:
    ModelVersion.objects.filter(pk=first.pk).update(languages=["en", "de"], threshold=0.0)
    text = "Ein gelber Ball aus weichem Gummi für die Kinder"
    ModelVersion.objects.filter(pk=first.pk).update(platt_a=None, platt_b=None)
    make_product("A1", text=text, image=photo("yellow"))
    run_worker()
    row = Analysis.objects.get()
    assert row.similarity is not None
    ModelVersion.objects.filter(pk=first.pk).update(threshold=row.similarity)
    first.refresh_from_db()
    stale(first)
    assert ask_second() == 1
    verdict = SecondVerdict.objects.get()
    assert (verdict.unreadable, verdict.similarity, verdict.is_mismatch) == ("de", None, None)


# ── What goes wrong ───────────────────────────────────────────────────────────────────────────
def test_one_that_cannot_be_loaded_leaves_the_first_verdicts_and_says_so(
    shop: list[Product],
    first: ModelVersion,
    second: ModelVersion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loads: list[ModelVersion] = []

    def counted(version: ModelVersion) -> Any:
        loads.append(version)
        return engine.engine_for(version)

    monkeypatch.setattr(second_answers, "_not_before", {})
    monkeypatch.setattr(second_answers, "engine_for", counted)
    shutil.rmtree(second.location)
    assert tasks.analyse_pending() == 0
    assert tasks.analyse_pending() == 0
    assert loads == [second], "it is not loaded again after each task"
    assert all(row["status"] == "done" for row in scores())
    state = second_judge.state()
    assert state is not None and "cannot be loaded" in state.problem
    assert state.waiting == len(near(first))
    # Nothing was counted against them: once it is there, all are answered.
    assert set(SecondVerdict.objects.values_list("attempts", flat=True)) == {0}


def test_a_name_that_is_not_registered_is_said_and_asks_nobody(
    first: ModelVersion, run_worker: RunWorker, settings: Any
) -> None:
    settings.CLIP_SECOND_JUDGE = "nobody"
    judged_shop.taken_in(4)
    assert run_worker() == 4
    state = second_judge.state()
    assert state is not None and "no version has this name" in state.problem


def test_the_active_version_is_no_second_judge_of_itself(
    first: ModelVersion, run_worker: RunWorker, settings: Any
) -> None:
    settings.CLIP_SECOND_JUDGE = first.name
    judged_shop.taken_in(COUNT)
    run_worker()
    assert near(first) and not SecondVerdict.objects.exists()
    state = second_judge.state()
    assert state is not None and "active version itself" in state.problem


def test_what_fails_is_tried_alone_and_given_up_at_last(
    shop: list[Product], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    poisoned = SecondVerdict.objects.order_by("pk").first()
    assert poisoned is not None
    judge = second_answers._judge

    def fails(loaded: Any, batch: Any) -> None:
        if poisoned.pk in {row.pk for row in batch}:
            raise ValueError("It does not like this one.")
        judge(loaded, batch)

    monkeypatch.setattr(second_answers, "_judge", fails)
    total = SecondVerdict.objects.count()
    assert ask_second() == total - 1
    poisoned.refresh_from_db()
    assert poisoned.attempts == settings.ANALYSIS_MAX_ATTEMPTS
    assert poisoned.answered_at is None and "does not like" in poisoned.error
    assert not SecondVerdict.objects.waiting().exists() and ask_second() == 0
    # Somebody who brings things up to date has it asked once more.
    monkeypatch.setattr(second_answers, "_judge", judge)
    assert stale(ModelVersion.objects.get(status="active")).second_asked == 1
    assert ask_second() == 1


def test_a_worker_killed_between_both_verdicts_loses_nothing(
    shop: list[Product], first: ModelVersion, second: ModelVersion, settings: Any
) -> None:
    taken = second_answers._take(second)  # and here its process dies
    assert len(taken) == len(near(first))
    assert all(row["status"] == "done" for row in scores())
    assert ask_second() == 0  # they may still be in its hands
    settings.ANALYSIS_LEASE_SECONDS = 0
    assert ask_second() == len(taken)


def test_a_storage_that_is_away_takes_no_attempt_not_even_the_last(
    shop: list[Product], second: ModelVersion, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    last = settings.ANALYSIS_MAX_ATTEMPTS - 1
    SecondVerdict.objects.update(attempts=last)

    def away(loaded: Any, batch: Any) -> None:
        raise PhotosAway("No photo can be read now.")

    with monkeypatch.context() as patch:
        patch.setattr(second_answers, "_judge", away)
        assert ask_second() == 0
    assert set(SecondVerdict.objects.values_list("attempts", flat=True)) == {last}
    assert SecondVerdict.objects.exclude(error="").exists()
    assert ask_second() == SecondVerdict.objects.count()


def test_an_answer_is_judged_by_the_threshold_of_the_moment_it_is_kept(
    shop: list[Product], second: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = second_answers._judge

    def slow(loaded: Any, batch: Any) -> None:
        judge(loaded, batch)
        ModelVersion.objects.filter(pk=second.pk).update(threshold=0.99)

    monkeypatch.setattr(second_answers, "_judge", slow)
    assert ask_second()
    assert set(SecondVerdict.objects.values_list("threshold_used", "is_mismatch")) == {(0.99, True)}
    assert set(SecondVerdict.objects.values_list("precision", flat=True)) == {
        engine.engine_for(second).encoder.arithmetic
    }


def test_what_was_asked_again_meanwhile_is_not_answered_by_the_former_one(
    shop: list[Product], second: ModelVersion, tmp_path: Path, settings: Any, first: ModelVersion
) -> None:
    taken = second_answers._take(second)
    third = register_second(tmp_path / "third", seed=3)
    settings.CLIP_SECOND_JUDGE = third.name
    stale(first)
    second_answers._answer(engine.engine_for(second), taken)
    assert not SecondVerdict.objects.exclude(answered_at=None).exists()
    assert ask_second() == len(taken)
    assert set(SecondVerdict.objects.values_list("model_version", flat=True)) == {third.pk}


def test_a_database_that_goes_away_ends_the_task_only(
    shop: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(batch: Any) -> int:
        raise OperationalError("gone")

    monkeypatch.setattr(second_answers, "_write", away)
    assert tasks.analyse_pending() == 0
    assert all(row["status"] == "done" for row in scores())


# ── What changes ──────────────────────────────────────────────────────────────────────────────
def test_a_listing_that_changed_or_went_is_not_asked_about(
    shop: list[Product], first: ModelVersion, run_worker: RunWorker
) -> None:
    changed, gone = Product.objects.filter(analysis__second_verdict__isnull=False)[:2]
    total = SecondVerdict.objects.count()
    make_product(changed.external_id, text="Another text altogether")
    withdrawal.withdraw([gone.pk], by=None)
    answered = ask_second()
    assert answered == total - 2
    assert not SecondVerdict.objects.filter(analysis__product__in=[changed, gone]).exists()


def test_naming_one_later_asks_about_what_is_there(
    first: ModelVersion, tmp_path: Path, settings: Any, run_worker: RunWorker
) -> None:
    judged_shop.taken_in(COUNT)
    run_worker()
    version = register_second(tmp_path / "second")
    settings.CLIP_SECOND_JUDGE = version.name
    job = reanalyze.Job(reanalyze.Which.STALE, first)
    count = len(near(first))
    assert reanalyze.look(job).second_asked == count
    assert not SecondVerdict.objects.exists()
    assert reanalyze.run(job).second_asked == count
    assert ask_second() == count
    assert reanalyze.run(job).second_asked == 0  # done


def test_turned_off_it_leaves_nothing_behind(
    shop: list[Product], first: ModelVersion, second: ModelVersion, settings: Any
) -> None:
    """Neither places in the queue nor rows that the release before cannot delete."""
    name = settings.CLIP_SECOND_JUDGE
    assert SecondVerdict.objects.exists()

    settings.CLIP_SECOND_JUDGE = ""
    stale(first)

    assert not SecondVerdict.objects.exists()
    items = ReviewItem.objects.open()
    places = {one.pk: (one.suspicion, one.uncertainty) for one in items}
    review_queue.follow(list(Analysis.objects.current()))
    assert places == {one.pk: (one.suspicion, one.uncertainty) for one in items.all()}
    assert not items.filter(stratum=ReviewItem.Stratum.JUDGE).exists()
    settings.CLIP_SECOND_JUDGE = name
    stale(first)
    assert SecondVerdict.objects.exists(), "and it can be turned on again"


def test_another_threshold_of_either_asks_again_what_is_near_then(
    shop: list[Product], first: ModelVersion, second: ModelVersion
) -> None:
    ask_second()
    ModelVersion.objects.filter(pk=second.pk).update(threshold=0.4)
    assert stale(first).second_asked == len(near(first))
    ask_second()
    assert set(SecondVerdict.objects.values_list("threshold_used", flat=True)) == {0.4}
    ModelVersion.objects.filter(pk=first.pk).update(threshold=0.26)
    first.refresh_from_db()
    assert stale(first).derived == COUNT
    current = set(Product.objects.values_list("analysis", flat=True))
    wanted = near(first) & current
    assert wanted and ask_second() == len(wanted)
    told = SecondVerdict.objects.filter(analysis__in=current).exclude(answered_at=None)
    assert set(told.values_list("pk", flat=True)) == wanted


def test_after_a_promotion_it_is_asked_of_what_the_new_version_finds_near(
    shop: list[Product], first: ModelVersion, second: ModelVersion, run_worker: RunWorker,
    tmp_path: Path,
) -> None:  # fmt: skip
    ask_second()
    third = register_second(tmp_path / "third", seed=5)
    activation.activate(third)
    third.refresh_from_db()
    stale(third)
    run_worker()
    assert ask_second() == len(near(third)) > 0
    mine = SecondVerdict.objects.filter(analysis__model_version=third)
    assert set(mine.values_list("model_version", flat=True)) == {second.pk}


def test_the_second_judge_itself_in_force_is_asked_no_more(
    shop: list[Product], second: ModelVersion, run_worker: RunWorker
) -> None:
    ask_second()
    activation.activate(second)
    second.refresh_from_db()
    stale(second)
    run_worker()
    current = Analysis.objects.current().filter(model_version=second)
    assert current.count() == COUNT
    assert not SecondVerdict.objects.filter(analysis__in=current).exists()


def test_scores_from_the_cache_are_asked_about_like_those_of_the_worker(
    shop: list[Product], first: ModelVersion, second: ModelVersion
) -> None:
    ask_second()
    before = dict(SecondVerdict.objects.values_list("analysis__product", "similarity"))
    reanalyze.run(reanalyze.Job(reanalyze.Which.ALL, first))
    assert ask_second() == len(before)
    current = SecondVerdict.objects.filter(analysis__in=Product.objects.values("analysis"))
    assert dict(current.values_list("analysis__product", "similarity")) == before


# ── The worker ────────────────────────────────────────────────────────────────────────────────
def test_the_worker_is_told_of_questions_once_no_analysis_waits(
    shop: list[Product], second: ModelVersion
) -> None:
    waiting = SecondVerdict.objects.order_by("pk").first()
    assert waiting is not None and broker._first_pending() == -waiting.pk
    fresh = make_product("new")
    assert broker._first_pending() == Analysis.objects.get(product=fresh).pk
    assert tasks.analyse_pending() == 1
    assert broker._first_pending() is None
    assert not SecondVerdict.objects.waiting().exists()


def test_both_stay_loaded_and_the_heartbeat_names_the_first(
    shop: list[Product], first: ModelVersion, second: ModelVersion
) -> None:
    one = engine.engine_for(first)
    ask_second()
    assert engine.engine_for(first) is one
    assert engine.about.this_worker.as_json()["model"] == first.name
