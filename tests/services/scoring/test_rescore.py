"""Answers written as sets: complete, for the present content only, and with the queue in step."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Analysis, Category, ModelVersion, Product, ReviewItem
from moderation.services.catalogue import intake
from moderation.services.encoding import engine
from moderation.services.queries.update_each import update_each
from moderation.services.registry import versions
from moderation.services.rules import sampling
from moderation.services.scoring import analyze, bulk_results, reanalyze, rescore
from moderation.services.scoring.reanalyze import Job, Which
from moderation.services.scoring.rescore import Rescorer
from tests.support.factories import MakeProduct, RunWorker
from tests.support.photos import photo

pytestmark = pytest.mark.django_db

OF_THE_MOMENT = {"id", "created_at", "finished_at", "attempts", "claimed_by"}


@pytest.fixture
def scored(
    bundled: ModelVersion, make_product: MakeProduct, run_worker: RunWorker
) -> list[Product]:
    """Three products in two categories, answered by the worker; one category is flagged whole."""
    Category.objects.all().delete()
    for name, prompt in (("Toys", "a toy"), ('Mugs "XL"', "a large mug")):
        Category.objects.create(name=name, prompt=prompt)
    Category.objects.filter(name="Toys").update(threshold=0.99)
    for name, category in [("A1", "Toys"), ("A2", "Toys"), ("A3", 'Mugs "XL"')]:
        make_product(name, text=f"A red thing {name}", category=category)
    engine.unload()
    run_worker()
    return list(Product.objects.order_by("pk"))


def row(product: Product) -> dict[str, Any]:
    product.refresh_from_db()
    found = Analysis.objects.filter(pk=product.analysis_id).values().get()
    return {name: value for name, value in found.items() if name not in OF_THE_MOMENT}


def test_a_row_from_vectors_is_the_worker_s_row(scored: list[Product]) -> None:
    before = [row(product) for product in scored]
    keys = [product.analysis_id for product in scored]
    assert reanalyze.run(Job(Which.ALL, versions.current())).scored == 3
    for product, old, key in zip(scored, before, keys, strict=True):
        new = row(product)
        assert product.analysis_id is not None
        assert key is not None
        assert product.analysis_id > key
        assert new.pop("similarity") == pytest.approx(old.pop("similarity"), abs=1e-6)
        assert new.pop("p_mismatch") == pytest.approx(old.pop("p_mismatch"), abs=1e-6)
        new_top, old_top = new.pop("top_categories"), old.pop("top_categories")
        assert [top["category"] for top in new_top] == [top["category"] for top in old_top]
        for one, other in zip(new_top, old_top, strict=True):
            assert one["score"] == pytest.approx(other["score"], abs=0.005)
        assert new == old
    assert Analysis.objects.count() == 6


def test_what_was_read_otherwise_is_scored_again_by_what_is_read_now(
    scored: list[Product],
) -> None:
    Analysis.objects.update(preparation="", similarity=0.9)
    found = reanalyze.run(Job(Which.STALE, versions.current()))
    assert (found.scored, found.derived) == (3, 0)
    for product in scored:
        new = row(product)
        assert new["preparation"] == PREPARATION
        assert new["similarity"] != 0.9


def test_the_queue_is_in_step(scored: list[Product]) -> None:
    items = dict(ReviewItem.objects.open().values_list("product", "pk"))
    assert set(items) >= {scored[0].pk, scored[1].pk}
    reanalyze.run(Job(Which.ALL, versions.current()))
    assert dict(ReviewItem.objects.open().values_list("product", "pk")) == items
    for item in ReviewItem.objects.open().select_related("product"):
        assert item.analysis_id == item.product.analysis_id
    Category.objects.update(threshold=-1)
    reanalyze.run(Job(Which.STALE, versions.current()))
    assert not ReviewItem.objects.open().exists()


def test_the_audit_draws_among_what_passes(scored: list[Product], settings: Any) -> None:
    settings.AUDIT_SHARE = 1.0
    Category.objects.update(threshold=-1)
    reanalyze.run(Job(Which.STALE, versions.current()))
    drawn = ReviewItem.objects.open().filter(stratum=sampling.AUDIT, in_audit=True)
    assert drawn.count() == 3


def test_content_that_changed_meanwhile_gets_no_answer(scored: list[Product]) -> None:
    judge = Rescorer(versions.current())
    cases = rescore.cases(Product.objects.order_by("pk"), judge.version)
    answers = [found for found in judge.score(cases) if found]
    anew = [found for found in map(judge.judge_again, cases) if found]
    assert len(answers) == len(anew) == 3
    for number, change in enumerate((b"", photo("green", mark=3))):
        product = scored[number]
        listing = intake.Listing(
            product.external_id,
            text=product.text if change else "Other words",
            image=change or None,
            category=None,
        )
        intake.take(listing, source="import")
    before = Analysis.objects.count()
    bulk_results.write(answers, version=judge.version, threshold_override=None)
    bulk_results.write(anew, version=judge.version, threshold_override=None)
    assert Analysis.objects.count() == before + 2  # of the third product alone
    assert Analysis.objects.order_by("-pk")[0].product == scored[2]


def test_all_or_nothing_of_a_chunk_is_written(
    scored: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*rows: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bulk_results.results, "settle", killed)
    pointers = list(Product.objects.order_by("pk").values_list("analysis", flat=True))
    with pytest.raises(KeyboardInterrupt):
        reanalyze.run(Job(Which.ALL, versions.current()))
    assert Analysis.objects.count() == 3
    assert list(Product.objects.order_by("pk").values_list("analysis", flat=True)) == pointers


def statements(job: Job) -> int:
    """How many statements a run sends, a prepared one with many rows as one."""
    sent = []

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        reanalyze.run(job)
    return len(sent)


def test_the_number_of_queries_does_not_grow_with_the_products(scored: list[Product]) -> None:
    job = Job(Which.ALL, versions.current())
    reanalyze.run(job)
    few = statements(job)
    template = Product.objects.order_by("pk")[0]
    Product.objects.bulk_create(
        Product(
            external_id=f"B{number}",
            text=template.text,
            image=template.image.name,
            image_sha256=template.image_sha256,
            content_hash=template.content_hash,
            category=template.category,
        )
        for number in range(40)
    )
    reanalyze.run(job)
    assert ReviewItem.objects.open().count() >= 42
    assert statements(job) <= few


def test_each_row_gets_its_own_values(scored: list[Product]) -> None:
    rows = list(Analysis.objects.order_by("pk"))
    for number, found in enumerate(rows):
        found.similarity, found.is_mismatch = number / 10, bool(number % 2)
        found.top_categories = [{"category": f"C{number}", "score": 0.5}]
    update_each(rows, ["similarity", "is_mismatch", "top_categories"])
    update_each([], ["similarity"])
    fields = ("similarity", "is_mismatch", "top_categories")
    assert [
        tuple(getattr(found, field) for field in fields)
        for found in Analysis.objects.order_by("pk")
    ] == [tuple(getattr(found, field) for field in fields) for found in rows]


def test_what_is_not_known_is_still_asked(scored: list[Product], make_product: MakeProduct) -> None:
    make_product("A4", text="Never seen")
    Analysis.objects.pending().delete()
    tally = reanalyze.run(Job(Which.STALE, versions.current()))
    assert (tally.scored, tally.asked, tally.done) == (0, 1, 3)
    assert analyze.run_pending(owner="test/0/0", seconds=60) == 1
