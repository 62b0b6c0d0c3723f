"""A withdrawn listing leaves what speaks of the present catalogue; sent again, it is back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from moderation.models import Analysis, Decision, Product, ProductPhoto, ReviewItem
from moderation.services.catalogue import intake, intake_bulk, withdrawal
from moderation.services.catalogue.fetching import arrivals, hosts, retries
from moderation.services.datasets import dataset_rows
from moderation.services.datasets.dataset import EVERYTHING
from moderation.services.learning import training_labels
from moderation.services.measures.seller_panel import seller_panel
from moderation.services.queue import review, review_claims, review_undo
from moderation.services.queue.review import ReviewError
from moderation.services.release import judged, judged_pairs, known_scores
from moderation.services.scoring import analyze, reanalyze, results, stale
from tests.support.factories import MakeItem, MakeProduct, MakeUser, RunWorker

OPEN, WITHDRAWN = ReviewItem.State.OPEN, ReviewItem.State.WITHDRAWN


@pytest.fixture
def anna(make_user: MakeUser) -> User:
    return make_user("anna")


def withdraw(*products: Product) -> int:
    return withdrawal.withdraw([product.pk for product in products], by=None)


def sent_again(product: Product, **changes: Any) -> intake.Listing:
    found: dict[str, Any] = {"image": None, "category": None, "seller": None} | changes
    return intake.Listing(external_id=product.external_id, text=product.text, **found)


def test_its_open_item_leaves_the_queue_and_what_is_pending_goes(
    make_item: MakeItem, make_product: MakeProduct, anna: User
) -> None:
    item, waiting, other = make_item("A1"), make_product("A2"), make_item("A3")
    review_claims.claim(item, moderator=anna)
    assert withdraw(item.product, waiting) == 2
    item.refresh_from_db()
    assert (item.state, item.claimed_by) == (WITHDRAWN, None)
    assert not waiting.analyses.exists()
    assert list(ReviewItem.objects.open()) == [other]
    assert list(Product.objects.present()) == [other.product]
    with pytest.raises(ReviewError, match="the product was withdrawn"):
        review.decide(item, moderator=anna, verdict="dismiss", reason="matches")


def test_again_is_the_same(make_item: MakeItem) -> None:
    product = make_item("A1").product
    assert withdraw(product) == 1
    product.refresh_from_db()
    since = product.withdrawn_at
    assert since is not None and withdraw(product) == 0
    product.refresh_from_db()
    assert product.withdrawn_at == since


def test_an_answer_that_comes_late_opens_no_item(make_product: MakeProduct) -> None:
    product = make_product("A1")
    row = Analysis.objects.select_related("product", "model_version").get()
    Analysis.objects.update(status=Analysis.Status.RUNNING)
    withdraw(product)
    row.threshold_override = 0.99
    results.apply_score(row, 0.0)
    row.save()
    results.settle([row])
    assert not ReviewItem.objects.exists()


def test_it_is_neither_requested_nor_scored_again(
    make_item: MakeItem, make_product: MakeProduct
) -> None:
    item, waiting = make_item("A1"), make_product("A2")
    version = item.analysis.model_version
    assert stale.count(version) == 1  # its threshold is another one
    withdraw(item.product, waiting)
    assert analyze.request([item.product, waiting]) == 0
    assert reanalyze.look(reanalyze.Job(reanalyze.Which.ALL, version)).unknown == 0
    stale.prepare_stale(version, at_once=True)
    assert stale.count(version) == 0


def test_decisions_stay_and_nothing_new_is_learned_from_them(
    make_item: MakeItem, anna: User, settings: Any
) -> None:
    kept, gone = make_item("A1", seller="s"), make_item("A2", seller="s")
    for item in (kept, gone):
        review.decide(item, moderator=anna, verdict="confirm", reason="other_product")
    ReviewItem.objects.update(in_audit=True)
    withdraw(gone.product)
    assert Decision.objects.standing().count() == 2
    assert [row.item for row in dataset_rows.chosen(EVERYTHING)] == [kept]
    assert training_labels.counts().mismatches == 1
    version = kept.analysis.model_version
    assert len(judged.judged(version)) == 1
    assert len(judged_pairs.gold_and_audit()) == 1
    assert sum(known_scores.known_scores(version).value.catalogue.counts) == 1
    panel = seller_panel("s")
    assert panel is not None and panel.looked_at == 1


def test_a_decision_on_it_cannot_be_undone(make_item: MakeItem, anna: User) -> None:
    item = make_item("A1")
    review.decide(item, moderator=anna, verdict="dismiss", reason="matches")
    withdraw(item.product)
    with pytest.raises(ReviewError, match="has been withdrawn"):
        review_undo.undo(moderator=anna)
    assert not ReviewItem.objects.open().exists()


@pytest.mark.parametrize("in_bulk", [False, True])
def test_sent_again_it_is_back_and_before_the_queue(
    make_item: MakeItem, run_worker: RunWorker, in_bulk: bool, settings: Any
) -> None:
    settings.AUDIT_SHARE = 1.0
    product = make_item("A1").product
    withdraw(product)
    if in_bulk:
        [(_, outcome)] = intake_bulk.store_many([(sent_again(product), None)], source="import")
        analyze.request([product])
    else:
        _, outcome = intake.take(sent_again(product), source="api")
    assert outcome is intake.Outcome.UPDATED
    product.refresh_from_db()
    assert product.withdrawn_at is None
    assert run_worker() == 1
    assert ReviewItem.objects.open().get().product == product


def test_brought_back_by_hand_it_is_analysed_again(make_item: MakeItem) -> None:
    product = make_item("A1").product
    withdraw(product)
    assert withdrawal.bring_back([product.pk], by=None) == 1
    assert Analysis.objects.pending().get().product == product
    assert withdrawal.bring_back([product.pk], by=None) == 0


def test_its_photos_are_not_fetched_until_it_is_back(bundled: Any) -> None:
    address = "https://shop.example/1.jpg"
    listing = intake.Listing("A1", "A red ball", image=None, addresses=(address,))
    product, _ = intake.take(listing, source="api")
    assert hosts.to_fetch().count() == 1
    withdraw(product)
    assert hosts.to_fetch().count() == retries.tally().waiting == retries.refetch() == 0
    photo = ProductPhoto.objects.get()
    missed = arrivals.NotFetched("timeout", "It took too long.", again=True)
    arrivals.settle([(photo, missed)])  # it was asked for while it was withdrawn
    later = timezone.now() + timedelta(days=9)
    assert not ProductPhoto.objects.filter(due_at__lte=later).exists()
    intake.take(listing, source="api")
    assert hosts.to_fetch().get() == photo
