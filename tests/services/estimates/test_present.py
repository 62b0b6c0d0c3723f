"""What is read of the present catalogue: what counts, once, and as what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from moderation.clip.statistics.catalogue_estimate import Figure, estimate
from moderation.clip.statistics.cells import UNCLEAR, Cell
from moderation.models import Decision, ModelVersion, Product, ReviewItem, Skip
from moderation.services.estimates import figures, present
from moderation.services.queue import draws
from tests.support import sampled_shop
from tests.support.factories import MakeProduct, MakeUser, RunWorker

pytestmark = pytest.mark.django_db

Add = Callable[..., list[Product]]


def cells() -> list[Cell]:
    return figures.cells(present.whole(present.by_week().values()))


def test_every_present_product_counts_once_with_what_it_is_now(add: Add) -> None:
    add(30, flagged=True, lot=6, judged=4, wrong=3, opened=20, opened_wrong=10)
    add(200, flagged=False, lot=10, judged=8, wrong=1)

    flagged, passed = cells()
    assert (flagged.size, flagged.lot, flagged.judged, flagged.wrong) == (30, 6, 24, 13)
    assert (passed.size, passed.lot, passed.lot_judged, passed.lot_wrong) == (200, 10, 8, 1)
    assert passed.open_judged == 0


def test_what_was_drawn_otherwise_is_a_cell_of_its_own(add: Add) -> None:
    add(100, flagged=False, lot=4, judged=4, share=0.02)
    add(50, flagged=False, lot=4, judged=4, share=0.08)
    add(20, flagged=False, lot=4, judged=4, share=0.08, former=0.02)

    assert sorted(cell.size for cell in cells()) == [20, 50, 100]


def test_withdrawn_changed_and_unscored_products_do_not_count(add: Add) -> None:
    gone, changed, unscored, *_ = add(10, flagged=True, lot=10, judged=10, wrong=5)
    Product.objects.filter(pk=gone.pk).update(withdrawn_at="2026-01-01T00:00Z")
    Product.objects.filter(pk=changed.pk).update(content_hash="other")
    Product.objects.filter(pk=unscored.pk).update(analysis=None)

    (cell,) = cells()
    assert (cell.size, cell.judged) == (7, 7)


def test_what_somebody_opened_by_hand_is_known_but_was_not_drawn(add: Add) -> None:
    products = add(20, flagged=True, lot=5, judged=5, wrong=5)
    ReviewItem.objects.filter(product=products[0]).update(picked_by="chosen")

    (cell,) = cells()
    assert (cell.lot_judged, cell.open_judged, cell.judged) == (4, 1, 5)


def test_where_nobody_could_tell_is_a_kind_of_its_own(add: Add, anna: User) -> None:
    products = add(20, flagged=False, lot=10, judged=6, wrong=2)
    skipped, unclear = (ReviewItem.objects.get(product=one) for one in products[6:8])
    Skip.objects.create(item=skipped, moderator=anna)
    ReviewItem.objects.filter(pk=unclear.pk).update(state="decided")
    Decision.objects.create(
        item=unclear,
        analysis=unclear.analysis,
        moderator=anna,
        verdict="dismiss",
        reason=Decision.Reason.UNCLEAR,
    )

    (cell,) = cells()
    assert (cell.lot_judged, cell.unclear) == (6, 2)


def test_a_newer_word_that_tells_nothing_leaves_it_unclear(add: Add, make_user: MakeUser) -> None:
    """As in an export, which takes the newest too: so the weights there make up the catalogue."""
    product, *_ = add(20, flagged=False, lot=10, judged=6, wrong=2)
    item = ReviewItem.objects.get(product=product)
    said = {"item": item, "analysis": item.analysis, "moderator": make_user("ben")}
    Decision.objects.create(**said, verdict="dismiss", reason=Decision.Reason.UNCLEAR)

    (cell,) = cells()
    assert (cell.lot_judged, cell.lot_wrong, cell.unclear) == (5, 1, 1)


def test_the_newest_word_of_people_holds_and_no_band_s(
    add: Add, anna: User, make_user: MakeUser
) -> None:
    first, *_, last = add(6, flagged=True, lot=5, judged=5, wrong=0)
    item = ReviewItem.objects.get(product=first)
    said = {"item": item, "analysis": item.analysis, "moderator": make_user("ben")}
    Decision.objects.create(**said, verdict="confirm")
    item = ReviewItem.objects.create(product=last, analysis=last.analysis, suspicion=1)
    said = {"item": item, "analysis": item.analysis, "moderator": anna}
    Decision.objects.create(**said, verdict="confirm", mode="automatic")

    (cell,) = cells()
    assert (cell.judged, cell.wrong, cell.unjudged) == (5, 1, 1)


@pytest.mark.any_database
def test_four_times_the_decisions_take_about_four_times_the_work(add: Add) -> None:
    """SQLite without statistics took sixteen times: a question was asked anew for each of them."""

    def steps() -> int:
        count = 0

        def more() -> int:
            nonlocal count
            count += 1
            return 0

        connection.ensure_connection()
        connection.connection.set_progress_handler(more, 100)
        present.by_week()
        connection.connection.set_progress_handler(None, 0)
        return count

    add(300, flagged=True, lot=150, judged=150, wrong=3, opened=150, opened_wrong=10)
    before = steps()
    add(900, flagged=True, lot=450, judged=450, wrong=3, opened=450, opened_wrong=10)
    assert steps() < 6 * before


def test_the_scale_of_similarities_is_that_of_one_version(add: Add, bundled: ModelVersion) -> None:
    add(12, flagged=True, lot=3, judged=3)
    add(30, flagged=False, lot=3, judged=3)

    found = present.of_version(bundled)
    at = sampled_shop.THRESHOLD / 0.001
    assert int(found.listings.sizes[found.listings.scores < at].sum()) == 12
    assert len(found.answers.said) == 6
    other = ModelVersion.objects.create(name="other", threshold=0.2)
    assert not len(present.of_version(other).listings.sizes)


def test_who_says_that_a_further_photo_does_not_fit_says_that_the_main_one_does(
    add: Add, anna: User
) -> None:
    passed = add(20, flagged=False, lot=10, judged=3)
    # Asked about that photo alone, somebody has said nothing of the main one.
    for item, stratum in zip(ReviewItem.objects.open(), ("audit", "photo"), strict=False):
        item.state = ReviewItem.State.DECIDED
        item.save()
        Decision.objects.create(
            item=item,
            analysis=item.analysis,
            moderator=anna,
            verdict="confirm",
            stratum=stratum,
            photo=2,
        )

    (cell,) = cells()
    assert (cell.size, cell.lot_judged, cell.lot_wrong, cell.unclear) == (len(passed), 4, 0, 1)
    labels = present.each_judged()
    assert (labels.reading.answers.said == UNCLEAR).sum() == 2


# ── What is kept with a product ───────────────────────────────────────────────────────────────
def test_a_product_keeps_the_largest_probability_it_was_drawn_with(
    make_product: MakeProduct, run_worker: RunWorker, bundled: ModelVersion, settings: Any
) -> None:
    settings.AUDIT_SHARE, settings.AUDIT_FLAGGED_SHARE, settings.GOLD_SHARE = 0.02, 0.1, 0.3
    product = make_product("A1")
    run_worker()
    product.refresh_from_db()
    row = product.analysis
    assert product.audit_share in (0.02, 0.08) and product.gold_share is None

    type(row).objects.filter(pk=row.pk).update(similarity=row.threshold_used + 0.5)
    Product.objects.update(audit_share=None)
    draws.mark([product.pk], version=bundled)
    product.refresh_from_db()
    assert (product.audit_share, product.former_audit_share) == (0.02, None)

    type(row).objects.filter(pk=row.pk).update(is_mismatch=True)
    draws.mark([product.pk], version=bundled)
    product.refresh_from_db()
    assert (product.audit_share, product.former_audit_share) == (0.1, 0.02)
    assert product.gold_share == 0.3

    type(row).objects.filter(pk=row.pk).update(is_mismatch=False)
    draws.mark([product.pk], version=bundled)
    product.refresh_from_db()
    assert product.audit_share == 0.1


def test_what_no_draw_was_noted_of_is_marked_later(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    make_product("A1"), make_product("A2")
    run_worker()
    Product.objects.update(audit_share=None)

    assert draws.mark_unmarked() == 2
    assert not Product.objects.filter(audit_share=None).exists()
    assert draws.mark_unmarked() == 0


def test_what_was_drawn_before_is_marked_as_its_items_tell_and_not_by_todays_setting(
    add: Add, settings: Any
) -> None:
    settings.AUDIT_SHARE = 0.02
    former = add(400, flagged=False, lot=40, judged=40, wrong=8)
    keys = [product.pk for product in former]
    ReviewItem.objects.filter(product__in=keys).update(sampling_probability=0.1)
    odd = ReviewItem.objects.filter(product__in=keys[:2])  # near a former model's threshold
    odd.update(sampling_probability=0.4)
    Product.objects.filter(pk__in=keys).update(audit_share=None)
    add(400, flagged=False, lot=8, judged=8, share=0.02)

    draws.mark_unmarked()

    shares = Product.objects.filter(pk__in=keys).values_list("audit_share", flat=True)
    assert set(shares.order_by()) == {0.1}
    assert sorted((cell.size, cell.lot) for cell in cells()) == [(400, 8), (400, 40)]
    prevalence = estimate(cells()).prevalence
    assert isinstance(prevalence, Figure) and prevalence.value == pytest.approx(0.1, abs=0.01)


def test_a_changed_threshold_changes_the_figures_and_not_what_is_known(
    add: Add, bundled: ModelVersion
) -> None:
    """The flagged of former days pass now: what was found among them are misses."""
    add(100, flagged=True, lot=20, judged=20, wrong=10, opened=80, opened_wrong=40, share=0.1)
    add(400, flagged=False, lot=40, judged=40, wrong=0, share=0.1)
    before = estimate(cells())
    assert before.precision == Figure(0.5, 0.5, 0.5)

    rows = type(bundled).objects.get(pk=bundled.pk).analyses
    rows.update(threshold_used=0.0, is_mismatch=False)
    after = estimate(cells())
    assert isinstance(after.prevalence, Figure) and after.prevalence.value == pytest.approx(0.1)
    assert isinstance(after.recall, Figure) and after.recall.value == 0
