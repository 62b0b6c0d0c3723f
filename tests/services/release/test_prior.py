"""The audited share of wrong listings moves the probabilities, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from django_q.models import OrmQ

from moderation import tasks
from moderation.models import Analysis, Heartbeat, ModelVersion, Product
from moderation.services.registry import registering
from moderation.services.release import calibrate, prior
from moderation.services.rules import sampling
from moderation.services.rules.thresholds import Thresholds
from moderation.services.scoring import analyze, reanalyze, stale
from moderation.services.worker import heartbeat
from tests.support.factories import MakeProduct, MakeUser, RunWorker
from tests.support.scored_shop import fill, judge

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_heartbeats")]

AUDITED = {"prevalence": 0.02, "low": 0.014, "high": 0.027}


@pytest.fixture
def shop(bundled: ModelVersion) -> list[Product]:
    products = fill(bundled, count=60, category="Toys") + fill(bundled, count=60, prefix="M")
    stale.refresh(bundled)
    return products


def by_suspicion() -> list[tuple[int, float | None]]:
    """Products with P(mismatch); without those that are 0.0000 before and after."""
    rows = Analysis.objects.current().filter(p_mismatch__gt=1e-4).order_by("-p_mismatch", "product")
    return list(rows.values_list("product_id", "p_mismatch"))


def test_stored_probabilities_follow_and_their_order_stays(
    shop: list[Product], bundled: ModelVersion
) -> None:
    before = by_suspicion()
    near, limits = sampling.near_margin(bundled), Thresholds(bundled).depends_on

    assert prior.adopt(bundled, **AUDITED)

    assert stale.count(bundled) > 0.9 * len(shop)
    assert OrmQ.objects.count() == 1  # the worker is asked
    tasks.rescore(bundled.pk)
    assert stale.count(bundled) == 0
    after = by_suspicion()
    assert len(after) > 30
    assert [product for product, _ in after] == [product for product, _ in before][: len(after)]
    for (_, was), (_, now) in zip(before, after, strict=False):
        assert was is not None and now is not None
        assert now / (1 - now) == pytest.approx(
            was / (1 - was) * (0.02 / 0.98) / (0.05 / 0.95), abs=2e-6
        )
    assert sampling.near_margin(bundled) == near and Thresholds(bundled).depends_on == limits


def test_it_is_logged_and_the_same_again_writes_nothing(
    shop: list[Product], bundled: ModelVersion
) -> None:
    assert prior.adopt(bundled, **AUDITED)
    stale.refresh(bundled)
    rows = Analysis.objects.count()

    assert not prior.adopt(bundled, prevalence=0.021, low=0.016, high=0.027)

    event = bundled.events.get(kind="calibrated")
    assert event.reason == (
        "The audit finds 2.0% of the listings wrong (1.4% to 2.7%); P(mismatch) was told for 5.0%."
    )
    stale.refresh(bundled)
    assert Analysis.objects.count() == rows


def test_registering_the_same_folder_again_keeps_it(bundled: ModelVersion) -> None:
    prior.adopt(bundled, **AUDITED)

    again = registering.register("bundled")

    assert again.pk == bundled.pk and again.calibrated is not None
    assert again.calibrated.prevalence == 0.02


def test_a_curve_fitted_to_the_decisions_is_left_alone(
    bundled: ModelVersion, make_user: MakeUser
) -> None:
    prior.adopt(bundled, **AUDITED)
    judge(fill(bundled, count=400), moderator=make_user("ben"))
    found = calibrate.calibrate(bundled)

    assert found.prior is None
    assert bundled.calibrated is not None and bundled.calibrated.shift == 0
    assert not prior.adopt(bundled, prevalence=0.2, low=0.18, high=0.22)


def adopting_before(original: Callable[..., Any], bundled: ModelVersion) -> Callable[..., Any]:
    """The same function, but at its first call the share is adopted just before."""

    def wrapped(*given: Any, **named: Any) -> Any:
        prior.adopt(ModelVersion.objects.get(pk=bundled.pk), **AUDITED)
        return original(*given, **named)

    return wrapped


def test_a_re_scoring_under_way_puts_no_former_probabilities_back(
    shop: list[Product], bundled: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    ModelVersion.objects.filter(pk=bundled.pk).update(threshold=0.3)
    job = reanalyze.Job(reanalyze.Which.STALE, ModelVersion.objects.get(pk=bundled.pk))
    monkeypatch.setattr(reanalyze, "CHUNK", 50)
    write = adopting_before(reanalyze.bulk_results.write, bundled)
    monkeypatch.setattr(reanalyze.bulk_results, "write", write)

    reanalyze.run(job)

    bundled.refresh_from_db()
    assert bundled.calibrated is not None and bundled.calibrated.prevalence == 0.02
    assert stale.count(bundled) == 0


def test_a_batch_under_way_is_told_by_the_share_that_was_adopted_meanwhile(
    make_product: MakeProduct,
    run_worker: RunWorker,
    bundled: ModelVersion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    product = make_product("A1")
    write_back = adopting_before(analyze._write_back, bundled)
    monkeypatch.setattr(analyze, "_write_back", write_back)
    run_worker()

    product.refresh_from_db()
    bundled.refresh_from_db()
    assert product.analysis is not None and product.analysis.similarity is not None
    assert bundled.calibrated is not None and bundled.calibrated.prevalence == 0.02
    assert product.analysis.p_mismatch == bundled.p_mismatch(product.analysis.similarity)


def test_nothing_is_adopted_while_a_worker_of_another_release_would_put_it_back(
    shop: list[Product], bundled: ModelVersion
) -> None:
    heartbeat.beat("this/1/1/x")
    former = Heartbeat.objects.create(
        worker="that/1/1/x", about={"version": "0.0.9"}, heartbeat_at=Now()
    )
    assert not prior.adopt(bundled, **AUDITED)

    former.delete()
    assert prior.adopt(bundled, **AUDITED)


def test_a_version_that_does_not_answer_moves_no_score(
    shop: list[Product], bundled: ModelVersion
) -> None:
    ModelVersion.objects.filter(pk=bundled.pk).update(status="available")

    assert prior.adopt(bundled, **AUDITED)
    assert not OrmQ.objects.exists()


def test_the_pages_say_which_share_holds(
    shop: list[Product], bundled: ModelVersion, lead_client: Client
) -> None:
    def pages() -> list[str]:
        addresses = (f"/admin/moderation/modelversion/{bundled.pk}/change/", "/admin/thresholds/")
        return [" ".join(lead_client.get(page).content.decode().split()) for page in addresses]

    assert all("It presumes that 5.0% of all listings are wrong" in page for page in pages())
    prior.adopt(bundled, **AUDITED)
    for page in pages():
        assert "It is told for a shop where 2.0% of all listings are wrong" in page
        assert "the curve was fitted for 5.0%" in page
