"""Passed analyses go, and nobody can tell from any figure or rollback that they did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from moderation.models import Analysis, Decision, ModelVersion, Product, ReviewItem
from moderation.services.datasets import dataset_rows
from moderation.services.datasets.dataset_manifest import Filters
from moderation.services.encoding import engine
from moderation.services.estimates.figures import overall
from moderation.services.measures import quality
from moderation.services.queue import review
from moderation.services.registry import versions
from moderation.services.release import judged, judged_pairs, known_scores, promotion, rollback
from moderation.services.retention import analyses
from moderation.services.scoring import reanalyze, stale
from moderation.services.worker import heartbeat
from tests.support import factories, judged_shop
from tests.support.factories import MakeUser
from tests.support.module_rows import module_rows
from tests.support.old_rows import age_analyses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_heartbeats")]

AUDITED = {"AUDIT_SHARE": 0.2, "AUDIT_FLAGGED_SHARE": 0.3}


def remove(*, dry_run: bool = False) -> int:
    """How many analyses went, or would."""
    before = timezone.now() - timedelta(days=30)
    return sum(gone["analyses"] for gone in analyses.remove(before, dry_run=dry_run))


@pytest.fixture(scope="module")
def module_photos(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Forty products, scored three times; some are flagged, some drawn, some decided."""
    photos = tmp_path_factory.mktemp("photos")
    with module_rows(django_db_blocker, photos, **AUDITED), pytest.MonkeyPatch.context() as patch:
        patch.setattr(heartbeat, "beating", lambda *_, **__: nullcontext())
        bundled = factories.activate_bundled()
        judged_shop.taken_in(40)
        engine.engine_for(bundled)
        factories.run_worker()
        similar = sorted(row.similarity or 0.0 for row in Analysis.objects.all())
        for place in (10, 20):
            ModelVersion.objects.filter(pk=bundled.pk).update(threshold=similar[place])
            bundled.refresh_from_db()
            anew(bundled)
        yield photos


@pytest.fixture
def shop(db: None, settings: Any) -> ModelVersion:
    """The version that scored the forty."""
    for name, value in AUDITED.items():
        setattr(settings, name, value)
    return versions.current()


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user("lena", group="lead")


def anew(version: ModelVersion) -> None:
    """What `reanalyze --stale` does."""
    engine.engine_for(version)
    reanalyze.run(reanalyze.Job(reanalyze.Which.STALE, version))
    factories.run_worker()


def decide_some(lead: User) -> None:
    for number, item in enumerate(ReviewItem.objects.open().order_by("pk")[:12]):
        verdict, reason = ("confirm", "other_product") if number % 2 else ("dismiss", "matches")
        review.decide(item, moderator=lead, verdict=verdict, reason=reason)


def figures(version: ModelVersion) -> dict[str, Any]:
    """What pages, thresholds, gates and exports are made of."""
    found = quality.quality()
    with dataset_rows.walk(dataset_rows.chosen(Filters())) as rows:
        exported = list(rows)
    return {
        "quality": (found.weeks, found.overall, found.waiting, found.watch),
        "overall": overall(),
        "labels": judged.judged(version),
        "scores": known_scores.known_scores(version).value.catalogue.counts.tolist(),
        "gate": judged_pairs.sha256_of(judged_pairs.gold_and_audit()),
        "stale": stale.count(version),
        "queue": list(ReviewItem.objects.order_by("pk").values_list()),
        "decisions": list(Decision.objects.order_by("pk").values_list()),
        "products": list(Product.objects.order_by("pk").values_list()),
        "exported": exported,
    }


def test_what_was_replaced_goes_and_no_figure_moves(shop: ModelVersion, lead: User) -> None:
    decide_some(lead)
    age_analyses()
    before, rows = figures(shop), Analysis.objects.count()
    count = remove(dry_run=True)
    assert remove() == count > 20
    assert Analysis.objects.count() == rows - count
    assert figures(shop) == before
    assert remove() == 0


def test_a_rollback_finds_the_very_rows(shop: ModelVersion, lead: User, tmp_path: Path) -> None:
    before = list(Product.objects.order_by("pk").values_list("pk", "analysis_id"))
    other = judged_shop.candidate(tmp_path / "other", threshold=0.5)
    promotion.promote(other, by=lead, force_reason="for the test")
    other.refresh_from_db()
    anew(other)
    shop.refresh_from_db()
    # Scored by the former version once more: newer rows, though not those to go back to.
    reanalyze.run(reanalyze.Job(reanalyze.Which.ALL, shop, threshold=0.3))
    age_analyses()
    assert remove() > 0
    rollback.rollback(by=lead)
    assert list(Product.objects.order_by("pk").values_list("pk", "analysis_id")) == before
    assert Analysis.objects.pending().count() == 0
