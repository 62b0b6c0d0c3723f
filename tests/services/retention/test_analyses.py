"""Passed analyses go with what was cached of them; what anybody refers to stays."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.db.models import ForeignObjectRel
from django.utils import timezone

from moderation.models import (
    Analysis,
    Decision,
    Embedding,
    Explanation,
    ModelVersion,
    PhotoSignature,
    Product,
    ReviewItem,
)
from moderation.services.catalogue import intake
from moderation.services.encoding import embeddings
from moderation.services.queue import review
from moderation.services.retention import analyses
from tests.support.factories import MakeItem, MakeProduct, MakeUser, RunWorker
from tests.support.old_rows import age_analyses
from tests.support.photos import photo

pytestmark = pytest.mark.django_db
PASSED = pytest.mark.usefixtures("nothing_flagged")


@pytest.fixture
def nothing_flagged(bundled: ModelVersion) -> None:
    ModelVersion.objects.update(threshold=-1.0)


def remove(*, dry_run: bool = False) -> int:
    """How many analyses went, or would."""
    before = timezone.now() - timedelta(days=30)
    return sum(gone["analyses"] for gone in analyses.remove(before, dry_run=dry_run))


@PASSED
def test_what_is_new_or_under_way_stays(make_product: MakeProduct, run_worker: RunWorker) -> None:
    product = make_product("A1")
    run_worker()
    Product.objects.update(analysis=None)
    make_product("A1", text="A second text")
    assert remove() == 0
    age_analyses()
    assert remove(dry_run=True) == 1
    for status in (Analysis.Status.PENDING, Analysis.Status.RUNNING):
        Analysis.objects.filter(product=product).update(status=status)
        assert remove() == 0


def test_what_anybody_refers_to_stays_however_old(
    make_item: MakeItem, make_user: MakeUser, run_worker: RunWorker
) -> None:
    item = make_item("B1")
    review.decide(item, moderator=make_user("ben"), verdict="confirm", reason="other_product")
    intake.take(intake.Listing("B1", "Quite another text", image=None), source="api")
    run_worker()
    age_analyses()
    assert remove() == 0
    assert Decision.objects.get().analysis == item.analysis


@PASSED
def test_the_product_keeps_its_answer_until_there_is_a_new_one(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    product = make_product("B1", text="A first text")
    run_worker()
    intake.take(intake.Listing("B1", "A second text", image=None), source="api")
    age_analyses()
    assert remove() == 0
    run_worker()
    assert remove() == 1
    product.refresh_from_db()
    assert product.analysis is not None and product.analysis.text == "A second text"


@PASSED
def test_what_was_cached_of_it_goes_too(
    make_product: MakeProduct, run_worker: RunWorker, media: Path
) -> None:
    product = make_product("B1", text="A first text")
    run_worker()
    old = Analysis.objects.get(product=product)
    Explanation.objects.create(analysis=old)
    bands = {f"band_{number}": 1 for number in range(4)}
    PhotoSignature.objects.create(image_sha256=old.image_sha256, signature=b"1", **bands)
    new = intake.Listing("B1", "A second text", image=photo("blue"))
    intake.take(new, source="api")
    run_worker()
    age_analyses()
    keys = {old.image_sha256, embeddings.text_sha256("A first text")}
    assert Embedding.objects.filter(content_hash__in=keys).count() == 2
    assert remove() == 1
    assert not Embedding.objects.filter(content_hash__in=keys).exists()
    assert not PhotoSignature.objects.exists()
    product.refresh_from_db()
    present = {product.image_sha256, embeddings.text_sha256("A second text")}
    assert Embedding.objects.filter(content_hash__in=present).count() == 2


@PASSED
def test_a_photo_that_another_listing_shows_keeps_its_vector(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    for name in ("B1", "B2"):
        make_product(name, image=photo("green"), text="A green ball")
    run_worker()
    intake.take(intake.Listing("B1", "A red ball", image=photo("red")), source="api")
    run_worker()
    age_analyses()
    sha256 = Product.objects.get(external_id="B2").image_sha256
    assert remove() == 1
    assert Embedding.objects.filter(content_hash=sha256).exists()


def test_whoever_lets_something_else_refer_to_analyses_looks_here() -> None:
    """A table that refers to analyses says whether one may go: `analyses._passed`."""
    known = {"Product.analysis", "ReviewItem.analysis", "Decision.analysis"}
    goes_along = {"Explanation.analysis", "SecondVerdict.analysis"}
    found = {
        f"{one.related_model._meta.object_name}.{one.field.name}"
        for one in Analysis._meta.get_fields(include_hidden=True)
        if isinstance(one, ForeignObjectRel)
    }
    assert found == known | goes_along


@pytest.mark.django_db(transaction=True)
def test_who_opens_an_item_of_one_at_that_moment_is_waited_for(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    """Whoever makes an item holds the product; what it is about stays then."""
    ModelVersion.objects.update(threshold=-1.0)
    product = make_product("A1")
    run_worker()
    old = Analysis.objects.get(product=product)
    intake.take(intake.Listing("A1", "A second text", image=None), source="api")
    run_worker()
    age_analyses()
    is_held, may_go_on = threading.Event(), threading.Event()

    def open_an_item() -> None:
        try:
            with transaction.atomic():
                Product.objects.select_for_update().get(pk=product.pk)
                ReviewItem.objects.create(product=product, analysis=old, suspicion=0.5)
                is_held.set()
                may_go_on.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=open_an_item)
    thread.start()
    assert is_held.wait(10)
    threading.Timer(0.5, may_go_on.set).start()
    assert remove() == 0
    thread.join()
    assert ReviewItem.objects.get().analysis == old
