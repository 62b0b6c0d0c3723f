"""Photos after the main one: what an analysis keeps of them, and when one flags its listing."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from moderation.models import Analysis, ModelVersion, Product, ReviewItem
from moderation.services.encoding import further_photos
from moderation.services.queue import review
from moderation.services.registry import versions
from moderation.services.release import photo_threshold
from moderation.services.scoring import reanalyze
from tests.support.factories import MakeUser, RunWorker
from tests.support.several_photos import take

pytestmark = pytest.mark.django_db

OFF, LOW, HIGH = None, -0.9, 0.95


@pytest.fixture
def version(bundled: Any) -> ModelVersion:
    return versions.current()


def set_threshold(version: ModelVersion, value: float | None) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(photo_threshold=value)
    version.refresh_from_db()


def analysis_of(product: Product) -> Analysis:
    return Analysis.objects.filter(product=product, status="done").latest("pk")


def test_with_one_photo_nothing_is_different(version: ModelVersion, run_worker: RunWorker) -> None:
    set_threshold(version, HIGH)
    product = take("A1", main=0, further=())
    run_worker()
    assert product.photos.count() == 0
    assert (product.photos_hash, analysis_of(product).photos) == ("", None)


def test_until_there_is_a_threshold_they_are_kept_and_not_judged(
    version: ModelVersion, run_worker: RunWorker
) -> None:
    product = take("A1", main=0, further=(1, 2))
    run_worker()
    kept = analysis_of(product).further_photos
    assert [(one.number, one.similarity, one.fits) for one in kept] == [
        (2, None, None),
        (3, None, None),
    ]
    assert [one.image for one in kept] == [row.image for row in product.photos.all()[1:]]
    assert not ReviewItem.objects.filter(stratum="photo").exists()


def test_the_score_stays_that_of_the_main_photo(
    version: ModelVersion, run_worker: RunWorker
) -> None:
    alone, several = take("A1", main=0, further=()), take("A2", main=0, further=(1, 2))
    set_threshold(version, HIGH)
    run_worker()
    first, second = analysis_of(alone), analysis_of(several)
    assert first.similarity == pytest.approx(second.similarity)
    assert first.is_mismatch == second.is_mismatch


def test_one_that_does_not_fit_brings_the_listing_into_the_queue(
    version: ModelVersion, run_worker: RunWorker
) -> None:
    set_threshold(version, HIGH)
    product = take("A1", main=0, further=(1, 2))
    run_worker()
    row = analysis_of(product)
    assert not row.is_mismatch
    item = ReviewItem.objects.get(product=product, state="open")
    assert item.stratum in ("photo", "audit")
    worst = min(row.further_photos, key=lambda one: one.similarity or 0.0)
    assert row.misfit == worst and worst.fits is False


def test_another_further_photo_is_another_content(
    version: ModelVersion, run_worker: RunWorker
) -> None:
    before = take("A1", main=0, further=(1,)).content_hash
    assert take("A1", main=0, further=(1,)).content_hash == before
    assert take("A1", main=0, further=(2,)).content_hash != before
    assert (
        take("A1", main=0, further=()).content_hash == take("A9", main=0, further=()).content_hash
    )


def test_a_photo_that_many_listings_have_is_not_judged(
    version: ModelVersion, run_worker: RunWorker
) -> None:
    set_threshold(version, HIGH)
    products = [
        take(f"A{number}", main=number, further=(11,)) for number in range(further_photos.SHARED_BY)
    ]
    run_worker()
    for product in products:
        (chart,) = analysis_of(product).further_photos
        assert (chart.similarity, chart.fits) == (None, True)


def test_scores_again_follow_the_threshold(version: ModelVersion, run_worker: RunWorker) -> None:
    product = take("A1", main=0, further=(1, 2))
    run_worker()

    def fits() -> list[bool | None]:
        reanalyze.run(reanalyze.Job(reanalyze.Which.STALE, version))
        run_worker()
        return [one.fits for one in analysis_of(product).further_photos]

    set_threshold(version, LOW)
    assert fits() == [True, True]
    count = Analysis.objects.count()
    assert fits() == [True, True] and Analysis.objects.count() == count
    set_threshold(version, HIGH)
    assert fits() == [False, False]
    assert Analysis.objects.exclude(status="done").count() == 0
    is_drawn = ReviewItem.objects.filter(product=product, in_audit=True).exists()
    assert is_drawn or ReviewItem.objects.open().filter(product=product, stratum="photo").exists()
    set_threshold(version, OFF)
    assert fits() == [None, None]
    assert not ReviewItem.objects.open().filter(product=product, stratum="photo").exists()


def test_scores_from_the_cache_are_those_of_the_worker(
    version: ModelVersion, run_worker: RunWorker
) -> None:
    set_threshold(version, HIGH)
    product = take("A1", main=0, further=(1, 2))
    run_worker()
    by_worker = analysis_of(product)
    reanalyze.run(reanalyze.Job(reanalyze.Which.ALL, version))
    by_cache = analysis_of(product)
    assert by_cache.pk != by_worker.pk
    for one, other in zip(by_worker.further_photos, by_cache.further_photos, strict=True):
        assert one.similarity == pytest.approx(other.similarity, abs=1e-5)
        assert one.fits is other.fits


def test_a_decision_says_which_photo(
    version: ModelVersion, run_worker: RunWorker, make_user: MakeUser
) -> None:
    set_threshold(version, HIGH)
    take("A1", main=0, further=(1, 2))
    run_worker()
    item, anna = ReviewItem.objects.get(), make_user("anna")
    with pytest.raises(review.ReviewError, match="no photo 7: the listing has photos 1 to 3"):
        review.decide(item, moderator=anna, verdict="confirm", reason="other_product", photo=7)
    made = review.decide(item, moderator=anna, verdict="confirm", reason="other_product", photo=3)
    assert (made.photo, made.photo_number) == (2, 3)


def test_that_all_fit_is_said_of_the_photo_that_was_asked_of(
    version: ModelVersion, run_worker: RunWorker, make_user: MakeUser
) -> None:
    set_threshold(version, HIGH)
    take("A1", main=0, further=(1,))
    run_worker()
    item = ReviewItem.objects.get()
    ReviewItem.objects.update(stratum="photo", in_audit=False)
    anna = make_user("anna")
    made = review.decide(item, moderator=anna, verdict="dismiss", reason="matches", photo=1)
    assert made.photo_number == 2
    assert not ReviewItem.objects.filter(second_of=item).exists()


def test_the_command_says_what_a_threshold_would_flag(
    version: ModelVersion, run_worker: RunWorker, make_user: MakeUser
) -> None:
    for number in range(4):
        take(f"A{number}", main=number, further=(number + 4,))
    take("B1", main=9, further=())

    def told(*arguments: str) -> str:
        out = StringIO()
        call_command("photo_threshold", *arguments, stdout=out)
        return out.getvalue()

    said = told()
    assert "Threshold for further photos: off." in said
    assert "4 listings have further photos; looked at 4 of them, with 4 photos" in said
    assert "how many are false alarms is not known" in said
    assert "further photos below 0.95 flag their listing" in told(
        "0.95", "--by", make_user("a").username
    )
    version.refresh_from_db()
    assert version.photo_threshold == 0.95
    assert "   0.950    100.0%         4  (set)" in told()
    assert "no further photo flags a listing" in told("off")


def test_false_alarms_are_counted_from_what_people_said(
    version: ModelVersion, run_worker: RunWorker, make_user: MakeUser
) -> None:
    set_threshold(version, HIGH)
    for number in range(2):
        take(f"A{number}", main=number, further=(number + 4,))
    run_worker()
    ReviewItem.objects.update(stratum="photo", in_audit=False)
    anna = make_user("anna")
    first, second = ReviewItem.objects.order_by("pk")
    review.decide(first, moderator=anna, verdict="confirm", reason="other_product")
    review.decide(second, moderator=anna, verdict="dismiss", reason="matches")
    assert photo_threshold.judged() == photo_threshold.PhotosJudged(right=1, wrong=1)
