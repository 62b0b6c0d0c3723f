"""A rollback puts everything back: versions, thresholds, scores, flags and the open queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from moderation.models import Analysis, ModelVersion, Product, ReviewItem, VersionEvent
from moderation.services.catalogue import intake
from moderation.services.encoding import engine
from moderation.services.queue import review
from moderation.services.registry import versions
from moderation.services.release import promotion, rollback
from moderation.services.scoring import reanalyze
from tests.support import factories, judged_shop
from tests.support.factories import MakeUser, RunWorker, as_user
from tests.support.module_rows import module_rows
from tests.support.photos import photo

pytestmark = pytest.mark.django_db

AUDITED = {"AUDIT_SHARE": 0.2, "AUDIT_FLAGGED_SHARE": 0.3}
QUEUE_FIELDS = (
    *("pk", "product_id", "analysis_id", "suspicion", "uncertainty", "stratum"),
    *("sampling_probability", "random_order", "in_audit", "opened_at", "reopens_id"),
)


def picture() -> dict[str, Any]:
    """Everything that decides what people see: versions, scores and the queue."""
    scores = Product.objects.order_by("pk").values_list(
        "pk",
        "analysis_id",
        "analysis__similarity",
        "analysis__p_mismatch",
        "analysis__threshold_used",
        "analysis__is_mismatch",
    )
    queue = ReviewItem.objects.open().order_by("pk").values_list(*QUEUE_FIELDS)
    active = versions.current()
    verdicts = {f: getattr(active, f) for f in ("threshold", "clear_threshold", "calibration")}
    return {
        "active": (active.pk, active.platt_a, active.platt_b, verdicts),
        "scores": list(scores),
        "queue": list(queue),
    }


@pytest.fixture(scope="module")
def module_photos(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Forty scored products; a threshold that flags some, an audit that draws some."""
    photos = tmp_path_factory.mktemp("photos")
    with module_rows(django_db_blocker, photos, **AUDITED):
        bundled = factories.activate_bundled()
        judged_shop.taken_in(40)
        engine.engine_for(bundled)
        factories.run_worker()
        middle = sorted(Analysis.objects.values_list("similarity", flat=True))[20]
        ModelVersion.objects.filter(pk=bundled.pk).update(threshold=middle, clear_threshold=-0.5)
        bundled.refresh_from_db()
        anew(bundled, factories.run_worker)
        strata = set(ReviewItem.objects.open().values_list("stratum", flat=True))
        assert strata == {"flagged", "audit"}
        yield photos


@pytest.fixture
def shop(db: None, settings: Any) -> ModelVersion:
    """The version that scored the forty."""
    for name, value in AUDITED.items():
        setattr(settings, name, value)
    return versions.current()


@pytest.fixture
def other(tmp_path: Path) -> ModelVersion:
    """A candidate that flags quite other products."""
    return judged_shop.candidate(tmp_path / "other", threshold=0.5)


def anew(version: ModelVersion, run_worker: RunWorker) -> None:
    """What `reanalyze --stale` does."""
    engine.engine_for(version)  # a beat while it loads would wait for this test's transaction
    reanalyze.run(reanalyze.Job(reanalyze.Which.STALE, version))
    run_worker()


def forced(version: ModelVersion, lead: Any) -> None:
    promotion.promote(version, by=lead, force_reason="for the test")


def test_everything_is_as_it_was(
    shop: ModelVersion, other: ModelVersion, make_user: MakeUser, run_worker: RunWorker
) -> None:
    lead = make_user("lena", group="lead")
    before = picture()
    forced(other, lead)
    similar = sorted(Analysis.objects.values_list("similarity", flat=True))
    ModelVersion.objects.filter(pk=other.pk).update(threshold=similar[len(similar) // 2])
    # Meanwhile somebody turns the former version's knobs, which must not matter either.
    ModelVersion.objects.filter(pk=shop.pk).update(threshold=0.9, platt_a=None, calibration={})
    other.refresh_from_db()
    anew(other, run_worker)
    meanwhile = picture()
    assert meanwhile["scores"] != before["scores"] and meanwhile["queue"] != before["queue"]

    assert rollback.rollback(by=lead) == shop

    assert picture() == before
    assert not Analysis.objects.live().exists()
    event = VersionEvent.objects.first()
    assert event is not None and (event.kind, event.by, event.version) == (
        "rolled_back",
        lead,
        shop,
    )
    assert event.before["version"] == other.pk and event.after["finished"]
    other.refresh_from_db()
    assert other.status == "available"


def test_what_people_decided_meanwhile_stays_decided(
    shop: ModelVersion, other: ModelVersion, make_user: MakeUser, run_worker: RunWorker
) -> None:
    waiting = set(ReviewItem.objects.open().values_list("product_id", flat=True))
    forced(other, make_user("lena", group="lead"))
    anew(other, run_worker)
    item = ReviewItem.objects.open().filter(product__in=waiting).first()
    assert item is not None
    review.decide(item, moderator=make_user("ben"), verdict="confirm", reason="other_colour")

    rollback.rollback()

    left = ReviewItem.objects.open().filter(second_of=None)
    assert set(left.values_list("product_id", flat=True)) == waiting - {item.product_id}


def test_products_it_never_scored_are_asked_anew_and_open_questions_are_dropped(
    shop: ModelVersion, other: ModelVersion, make_user: MakeUser, run_worker: RunWorker
) -> None:
    forced(other, make_user("lena", group="lead"))
    fresh = judged_shop.taken_in(41)[-1]  # the first forty are there
    changed = Product.objects.get(external_id="P3")
    intake.take(
        intake.Listing(external_id="P3", text="A pink ball", image=photo("pink")), source="import"
    )
    reanalyze.run(reanalyze.Job(reanalyze.Which.STALE, other))  # asked, nobody answers
    assert Analysis.objects.live().filter(model_version=other).exists()

    rollback.rollback()

    live = Analysis.objects.live()
    assert not live.filter(model_version=other).exists()
    assert set(live.values_list("product_id", flat=True)) == {fresh.pk, changed.pk}
    run_worker()
    assert not Product.objects.exclude(analysis__model_version=shop).exists()


def test_a_worker_that_is_answering_does_not_come_after_the_rollback(
    shop: ModelVersion, other: ModelVersion, make_user: MakeUser
) -> None:
    from moderation.services.scoring import analyze, claims

    before = picture()
    forced(other, make_user("lena", group="lead"))
    reanalyze.run(reanalyze.Job(reanalyze.Which.STALE, other))
    batch = next(claims.claim_batches(size=8, owner="test/0/0"))

    rollback.rollback()
    analyze.answer(batch)

    assert picture() == before


def test_what_the_former_version_answered_late_does_not_stop_it(
    shop: ModelVersion, other: ModelVersion, make_user: MakeUser, run_worker: RunWorker
) -> None:
    """A question was in a worker's hands at the switch; its answer opened an item of its own."""
    from moderation.services.scoring import analyze, claims

    intake.take(
        intake.Listing("P99", text="A red ball", image=photo("blue", mark=99)), source="import"
    )
    Analysis.objects.pending().update(threshold_override=0.99)  # flagged for sure
    batch = next(claims.claim_batches(size=8, owner="test/0/0"))
    forced(other, make_user("lena", group="lead"))
    analyze.answer(batch)
    late = ReviewItem.objects.open().get(product__external_id="P99")

    assert rollback.rollback() == shop

    assert rollback.unfinished() is None
    assert ReviewItem.objects.open().get(product__external_id="P99") == late


def test_a_rollback_that_cannot_go_on_does_not_stop_the_sweeper(
    shop: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moderation import tasks

    swept = []

    def broken() -> None:
        raise RuntimeError("for the test")

    monkeypatch.setattr(tasks.rollback, "unfinished", lambda: True)
    monkeypatch.setattr(tasks, "finish_rollback", broken)
    monkeypatch.setattr(tasks.claims, "sweep", lambda **_: swept.append(1))
    with pytest.raises(RuntimeError):
        tasks.sweep()
    assert swept


def test_twice_goes_back_two_versions_and_then_there_is_nothing(
    shop: ModelVersion, other: ModelVersion, make_user: MakeUser, tmp_path: Path
) -> None:
    make_user("lena", group="lead")
    third = judged_shop.candidate(tmp_path / "third", threshold=0.1)
    for version in (other, third):
        call_command("promote", version.name, force=True, by="lena", reason="for the test")

    call_command("rollback", by="lena")
    assert versions.current() == other
    call_command("rollback")
    assert versions.current() == shop
    with pytest.raises(CommandError, match="No version was active before"):
        call_command("rollback")


def test_only_who_may_promote_rolls_back_and_lost_files_change_nothing(
    shop: ModelVersion, other: ModelVersion, make_user: MakeUser, tmp_path: Path
) -> None:
    make_user("mia"), make_user("lena", group="lead")
    third = judged_shop.candidate(tmp_path / "third")
    for version in (other, third):
        call_command("promote", version.name, force=True, by="lena", reason="for the test")
    with pytest.raises(CommandError, match="mia may not promote"):
        call_command("rollback", by="mia")

    (tmp_path / "other" / "model.safetensors").unlink()
    with pytest.raises(CommandError):
        call_command("rollback")
    assert versions.current() == third


def test_a_version_whose_files_are_damaged_is_not_rolled_back_to(
    shop: ModelVersion, other: ModelVersion, make_user: MakeUser, tmp_path: Path
) -> None:
    lead = make_user("lena", group="lead")
    third = judged_shop.candidate(tmp_path / "third")
    for version in (other, third):
        forced(version, lead)
    engine.unload()  # as in another process
    damage(tmp_path / "other" / "model.safetensors")
    before = picture(), VersionEvent.objects.count()

    with pytest.raises(CommandError, match="other"):
        call_command("rollback")
    page = as_user(lead).post(f"/admin/moderation/modelversion/{third.pk}/rollback/", follow=True)
    assert "Not rolled back: " in page.content.decode()
    assert versions.current() == third
    assert (picture(), VersionEvent.objects.count()) == before


def damage(path: Path) -> None:
    """Its second half is lost."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_rollback_that_was_cut_short_goes_on(
    shop: ModelVersion,
    other: ModelVersion,
    make_user: MakeUser,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = picture()
    forced(other, make_user("lena", group="lead"))
    anew(other, run_worker)
    monkeypatch.setattr(rollback, "CHUNK", 15)

    def die(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rollback.rollback(progress=die)
    assert versions.current() == shop
    assert Product.objects.filter(analysis__model_version=other).exists()

    rollback.rollback()  # of the first one, not of the version before
    assert picture() == before
