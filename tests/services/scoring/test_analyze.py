"""From asked for to answered, with the bundled model and a real database."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.utils import timezone

from moderation.models import (
    Analysis,
    Category,
    Embedding,
    Heartbeat,
    ModelVersion,
    Product,
    ReviewItem,
)
from moderation.services.catalogue import intake
from moderation.services.encoding import engine
from moderation.services.registry import activation
from moderation.services.rules.thresholds import Thresholds, traits
from moderation.services.scoring import analyze, claims, results
from moderation.services.worker import heartbeat
from tests.support.factories import MakeProduct, RunWorker
from tests.support.photos import photo

pytestmark = pytest.mark.django_db


def put(product: Product, **changes: Any) -> Product:
    """Change a product through the intake service, as an import would."""
    listing = intake.Listing(
        external_id=product.external_id, **{"text": product.text, "image": None, **changes}
    )
    return intake.take(listing, source="import")[0]


def test_a_new_product_waits_for_one_analysis(make_product: MakeProduct) -> None:
    product = make_product("A1", text="A red ball")

    row = Analysis.objects.get(product=product)
    assert row.status == "pending"
    assert (row.text, row.image_sha256) == ("A red ball", product.image_sha256)
    assert row.content_hash == product.content_hash


def test_asking_twice_makes_one_row(make_product: MakeProduct) -> None:
    product = make_product("A1")

    assert analyze.request([product]) == 0
    assert Analysis.objects.count() == 1


def test_the_worker_scores_and_the_product_points_at_its_answer(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    product = make_product("A1")

    assert run_worker() == 1
    product.refresh_from_db()
    row = product.analysis
    assert row is not None
    assert row.status == "done"
    assert row.claim_token is None
    assert row.attempts == 1
    assert row.is_mismatch == (row.similarity < row.threshold_used)
    assert 0 <= row.p_mismatch <= 1
    assert row.precision == engine.engine_for(row.model_version).encoder.precision


def test_categories_are_ranked_with_the_analysis(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    product = make_product("A1", category="Balls")
    intake.category_named("Hats")

    run_worker()
    product.refresh_from_db()
    names = [entry["category"] for entry in product.analysis.top_categories]
    assert set(names) == {"Balls", "Hats"}
    assert sum(e["score"] for e in product.analysis.top_categories) == pytest.approx(1, abs=1e-3)


def test_an_unreadable_photo_fails_with_its_reason_and_its_neighbour_passes(
    make_product: MakeProduct, run_worker: RunWorker, media: Path
) -> None:
    broken, good = make_product("A1"), make_product("A2")
    (media / broken.image.name).write_bytes(photo()[:200])

    run_worker()
    broken.refresh_from_db()
    good.refresh_from_db()
    assert broken.analysis.status == "failed"
    assert "damaged or cut off" in broken.analysis.error
    assert good.analysis.status == "done"


def test_a_changed_text_encodes_no_photo_again(
    make_product: MakeProduct,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    product = make_product("A1", text="A red ball")
    run_worker()
    encoder = engine.engine_for(product.analyses.get().model_version).encoder
    encoded: list[Any] = []
    monkeypatch.setattr(
        encoder, "encode_files", lambda files: encoded.extend(files) or [] if files else []
    )

    put(product, text="A round red ball")
    run_worker()

    product.refresh_from_db()
    assert encoded == []
    assert product.analysis.text == "A round red ball"
    assert product.analysis.status == "done"


def test_a_score_does_not_depend_on_the_cache(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    product = make_product("A1")
    run_worker()
    analyze.request([product])
    run_worker()
    Embedding.objects.all().delete()
    analyze.request([product])
    run_worker()

    scores = set(product.analyses.values_list("similarity", flat=True))
    assert product.analyses.count() == 3
    assert len(scores) == 1


def test_vectors_of_another_precision_are_not_taken(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    product = make_product("A1")
    run_worker()
    Embedding.objects.update(precision="fp16")
    analyze.request([product])
    run_worker()

    assert Embedding.objects.filter(tower="image").count() == 2


def test_a_pending_question_about_an_old_text_is_dropped(
    make_product: MakeProduct,
) -> None:
    product = make_product("A1", text="A red ball")
    put(product, text="A blue ball")

    assert [row.text for row in Analysis.objects.all()] == ["A blue ball"]


def test_an_answer_to_an_old_text_does_not_become_current(
    make_product: MakeProduct,
) -> None:
    product = make_product("A1", text="A red ball")
    batch = next(claims.claim_batches(size=8, owner="me"))
    put(product, text="A blue ball")

    analyze.answer(batch)
    product.refresh_from_db()
    assert product.analyses.get(text="A red ball").status == "done"
    assert product.analysis is None
    assert not ReviewItem.objects.exists()


def test_two_claims_never_share_a_row(make_product: MakeProduct) -> None:
    for number in range(5):
        make_product(f"A{number}")
    first = next(claims.claim_batches(size=3, owner="one"))
    second = next(claims.claim_batches(size=3, owner="two"))

    assert len(first) == 3
    assert len(second) == 2
    assert not {row.pk for row in first} & {row.pk for row in second}


def test_an_answer_without_a_standing_claim_is_not_written(
    make_product: MakeProduct,
) -> None:
    make_product("A1")
    batch = next(claims.claim_batches(size=8, owner="one"))
    other = uuid.uuid4()
    Analysis.objects.update(claim_token=other)  # the lease ran out and somebody else took it

    analyze.answer(batch)
    row = Analysis.objects.get()
    assert (row.status, row.claim_token, row.similarity) == ("running", other, None)


def test_the_sweeper_leaves_a_living_worker_what_it_holds(make_product: MakeProduct) -> None:
    make_product("A1")
    make_product("A2")
    heartbeat.beat("elsewhere/1/1")
    heartbeat.beat("elsewhere/2/2")
    next(claims.claim_batches(size=1, owner="elsewhere/1/1"))
    next(claims.claim_batches(size=1, owner="elsewhere/2/2"))
    expired = Analysis.objects.order_by("id").first()
    Analysis.objects.filter(pk=expired.pk).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )

    assert claims.sweep() == 1
    assert list(Analysis.objects.order_by("id").values_list("status", flat=True)) == [
        "pending",
        "running",
    ]


def test_the_sweeper_does_not_wait_for_the_lease_of_a_silent_host(
    make_product: MakeProduct, settings: Any
) -> None:
    settings.WORKER_STALE_SECONDS = 60
    make_product("A1")
    make_product("A2")
    for silent, owner in ((59, "elsewhere/1/1"), (61, "elsewhere/2/2")):
        next(claims.claim_batches(size=1, owner=owner))
        heartbeat.beat(owner)
        Heartbeat.objects.filter(worker=owner).update(
            heartbeat_at=Now() - timedelta(seconds=silent)
        )

    assert claims.sweep() == 1
    assert Analysis.objects.get(status="running").claimed_by == "elsewhere/1/1"


def test_the_sweeper_does_not_wait_for_the_lease_of_a_dead_process_of_this_host(
    make_product: MakeProduct,
) -> None:
    make_product("A1")
    machine = heartbeat.me().split("/")[0]
    heartbeat.beat(f"{machine}/999999999/1")
    next(claims.claim_batches(size=1, owner=f"{machine}/999999999/1"))

    assert claims.sweep() == 1


def test_a_row_that_was_attempted_travels_alone(make_product: MakeProduct) -> None:
    rows = [make_product(f"A{number}").analyses.get() for number in range(4)]
    Analysis.objects.filter(pk__in=[rows[1].pk, rows[2].pk]).update(attempts=1)

    sizes = [len(batch) for batch in claims.claim_batches(size=8, owner="me")]
    assert sizes == [2, 1, 1]


def test_a_batch_that_cannot_be_scored_goes_back_and_fails_at_the_limit(
    make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.ANALYSIS_MAX_ATTEMPTS = 2
    make_product("A1")

    def broken(*_: Any) -> None:
        raise RuntimeError("the device is on fire")

    monkeypatch.setattr(analyze, "_score", broken)
    analyze.answer(next(claims.claim_batches(size=8, owner="me")))
    assert Analysis.objects.get().status == "pending"
    analyze.answer(next(claims.claim_batches(size=8, owner="me")))

    row = Analysis.objects.get()
    assert row.status == "failed"
    assert "Given up after 2 attempts" in row.error
    assert "on fire" in row.error


def test_an_answer_that_cannot_be_written_goes_back(
    make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product("A1")

    def broken(answered: list[Analysis]) -> None:
        if answered:
            raise DatabaseError("no room on the disk")

    monkeypatch.setattr(results, "settle", broken)
    analyze.answer(next(claims.claim_batches(size=8, owner="me")))

    row = Analysis.objects.get()
    assert (row.status, row.claim_token, row.similarity) == ("pending", None, None)
    assert "no room on the disk" in row.error


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_go_on_until_nothing_is_left(bundled: ModelVersion) -> None:
    """The loser of a race for the same rows takes the next ones, and does not go home."""
    fill_with_questions(bundled, 600)
    claimed: list[list[int]] = [[], [], []]
    start = threading.Barrier(3)

    def work(number: int) -> None:
        start.wait()
        for batch in claims.claim_batches(size=4, owner=f"worker {number}"):
            claimed[number] += [row.pk for row in batch]
        connection.close()

    threads = [threading.Thread(target=work, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    everything = [pk for rows in claimed for pk in rows]
    assert len(everything) == len(set(everything)) == 600
    assert min(map(len, claimed)) > 30


def fill_with_questions(version: ModelVersion, count: int) -> None:
    products = Product.objects.bulk_create(
        Product(external_id=f"P{number}", text="A ball", image="x.jpg", content_hash=str(number))
        for number in range(count)
    )
    Analysis.objects.bulk_create(
        Analysis(product=product, model_version=version, content_hash=product.content_hash)
        for product in products
    )


@pytest.fixture
def unloaded_afterwards() -> Iterator[None]:
    """The next test may give the key of this test's model version to another one."""
    yield
    engine.unload()


def test_a_replaced_version_leaves_no_question_behind(
    make_product: MakeProduct,
    run_worker: RunWorker,
    bundled: ModelVersion,
    unloaded_afterwards: None,
) -> None:
    product = make_product("A1")
    ModelVersion.objects.filter(pk=bundled.pk).update(weights_sha256="0" * 64)

    version, _ = activation.set_up()
    assert version != bundled
    assert product.analyses.get().model_version == version
    assert run_worker() == 1


def test_a_model_that_cannot_be_loaded_costs_no_attempt(
    make_product: MakeProduct, bundled: ModelVersion
) -> None:
    product = make_product("A1")
    gone = ModelVersion.objects.create(
        name="gone", source="folder", location="/nowhere", threshold=0.25
    )
    Analysis.objects.update(model_version=gone)

    with pytest.raises(analyze.versions.ModelError, match="no model folder"):
        analyze.run_pending(owner="me", seconds=1)
    row = product.analyses.get()
    assert (row.status, row.attempts) == ("pending", 0)


def test_a_model_that_cannot_be_loaded_does_not_hold_up_the_others(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    stuck, good = make_product("A1"), make_product("A2")
    gone = ModelVersion.objects.create(
        name="gone", source="folder", location="/nowhere", threshold=0.25
    )
    stuck.analyses.update(model_version=gone)

    assert run_worker() == 1
    assert stuck.analyses.get().status == "pending"
    assert good.analyses.get().status == "done"


@pytest.mark.parametrize(
    ("category", "setting", "asked", "expected"),
    [
        (None, None, None, "version"),
        (None, 0.7, None, 0.7),
        (0.6, 0.7, None, 0.6),
        (0.6, 0.7, 0.5, 0.5),
        (0.0, 0.7, None, 0.0),
    ],
)
def test_the_nearest_threshold_holds(
    bundled: ModelVersion, settings: Any, category: Any, setting: Any, asked: Any, expected: Any
) -> None:
    settings.CLIP_SIMILARITY_THRESHOLD = setting
    shelf = intake.category_named("Balls")
    Category.objects.filter(pk=shelf.pk).update(threshold=category)

    found = Thresholds(bundled).of(traits(Product(category=shelf)), override=asked)
    assert found == (bundled.threshold if expected == "version" else expected)
