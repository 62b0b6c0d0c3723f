"""The whole loop, unattended: decisions, snapshot, training, gate, new scores, queue."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.models import F
from django.test import Client
from django.urls import reverse

from moderation.models import (
    Analysis,
    Decision,
    ModelVersion,
    Product,
    ReviewItem,
    TrainingRun,
    VersionEvent,
)
from moderation.services.catalogue import catalogue_import
from moderation.services.encoding import engine
from moderation.services.learning import improve, training, training_work
from moderation.services.registry import versions
from moderation.services.running import setup
from tests.support import factories
from tests.support.factories import MakeUser
from tests.support.module_rows import module_rows
from tests.support.simulated_shop import decide_all, draw_shop

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.any_database]

PRODUCTS, UNDECIDED = 170, 20


# Everything is drawn for the audit, and much of it for gold, so that the gate has enough.
DRAWN = {"AUDIT_SHARE": 1.0, "AUDIT_FLAGGED_SHARE": 1.0, "GOLD_SHARE": 0.4}


@pytest.fixture(autouse=True)
def checkpoints(settings: Any, tmp_path: Path) -> None:
    settings.CLIP_CHECKPOINT_DIR = tmp_path / "checkpoints"
    for name, value in DRAWN.items():
        setattr(settings, name, value)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    folder = tmp_path_factory.mktemp("shop")
    return folder, draw_shop(folder, count=PRODUCTS, mismatch_share=0.4)


@pytest.fixture(scope="module")
def module_photos(
    django_db_setup: None,
    django_db_blocker: Any,
    drawn: tuple[Path, set[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """A decided shop whose model gives wrong probabilities: the higher the similarity, the more
    suspicious it finds a pair. The last products came in after the moderators went home."""
    folder, wrong = drawn
    photos = tmp_path_factory.mktemp("photos")
    with module_rows(django_db_blocker, photos, **DRAWN):
        setup.seed_groups()
        bundled = factories.activate_bundled()
        ModelVersion.objects.filter(pk=bundled.pk).update(platt_a=6.0, platt_b=-2.0)
        engine.engine_for(bundled)  # a heartbeat while it loads would wait for this transaction
        catalogue_import.import_catalogue(folder / "catalogue.csv", source=Product.Source.DEMO)
        factories.run_worker()
        late = Product.objects.order_by("-pk").values_list("pk", flat=True)[:UNDECIDED]
        ReviewItem.objects.filter(product__in=list(late)).update(state="withdrawn")
        decide_all(wrong, by=[factories.make_user(name) for name in ("anna", "ben")])
        ReviewItem.objects.filter(product__in=list(late)).update(state="open")
        yield photos


@pytest.fixture
def bundled(db: None) -> ModelVersion:
    return versions.current()


@pytest.fixture
def shop(drawn: tuple[Path, set[str]]) -> set[str]:
    """The products with a wrong text."""
    return drawn[1]


def run_improve(*arguments: str) -> str:
    out = StringIO()
    try:
        call_command("improve", "--yes", *arguments, stdout=out)
    except CommandError as error:
        error.add_note(out.getvalue())  # what it said on the way
        raise
    return out.getvalue()


def first_in_queue(count: int) -> list[str]:
    return list(
        ReviewItem.objects.open()
        .order_by("-suspicion", "id")
        .values_list("product__external_id", flat=True)[:count]
    )


def test_the_loop_promotes_a_better_version_and_the_queue_follows(
    bundled: ModelVersion, shop: set[str], settings: Any
) -> None:
    decided = Decision.objects.count()
    before = sum(product in shop for product in first_in_queue(8))

    said = run_improve("--mode", "calibrate")

    run = TrainingRun.objects.get()
    made = run.version
    assert made is not None
    assert versions.current() == made
    assert made.parent == made.vision_of == bundled
    assert made.evaluations.filter(baseline=None).exists()
    assert made.evaluations.get(baseline=bundled).passed
    assert VersionEvent.objects.filter(version=made, kind="promoted").exists()
    current = Analysis.objects.current()
    assert set(current.values_list("model_version", flat=True)) == {made.pk}
    assert current.count() == PRODUCTS
    assert Decision.objects.count() == decided  # what was decided stays decided
    assert sum(product in shop for product in first_in_queue(8)) > before
    for step in ("is a candidate now", "Evaluated on gold and audit", "passed the gate", "queue"):
        assert step in said, said

    # The same decisions again: nothing is better now, so nothing changes and nothing is left.
    with pytest.raises(CommandError, match="The active version stays at work") as nothing:
        run_improve("--mode", "calibrate")
    assert nothing.value.returncode == 3
    assert versions.current() == made
    again = TrainingRun.objects.first()
    assert again is not None
    assert (again.status, again.version, again.dataset, again.output_dir) == ("done", None, "", "")
    assert again.log.strip().splitlines()[-1].startswith("Nothing was gained: weights")
    assert ModelVersion.objects.count() == 2
    assert len(list(Path(settings.CLIP_CHECKPOINT_DIR).iterdir())) == 1

    # Probabilities that are other ones but no better: a candidate, and the gate refuses it.
    ModelVersion.objects.filter(pk=made.pk).update(platt_b=F("platt_b") + 0.05, calibration={})
    with pytest.raises(CommandError, match="The active version stays at work") as refused:
        run_improve("--mode", "calibrate")
    assert refused.value.returncode == 3
    assert versions.current() == made
    again = TrainingRun.objects.first()
    assert again is not None
    assert again.status == "done"
    assert any(reason.startswith("Calibration only: ") for reason in again.reasons)
    assert "Not promoted. The gate refused" in again.log
    assert improve.was_refused(again)


def test_cut_off_it_is_resumed_to_its_own_end(
    bundled: ModelVersion, shop: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes on is the loop, and its end is told as the loop's, not as a training's."""

    def cut_off(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(CommandError, match="--resume") as end:
        broken.setattr(training_work, "train_within", cut_off)
        run_improve("--mode", "calibrate")
    assert end.value.returncode == 130
    run = TrainingRun.objects.get()
    monkeypatch.setattr(training, "cut_off", lambda: run)

    out = StringIO()
    call_command("train_clip", "--resume", stdout=out)

    run.refresh_from_db()
    assert run.version == versions.current() != bundled
    assert "passed the gate" in out.getvalue()
    assert "Next: " not in out.getvalue()


def test_what_was_rolled_back_meanwhile_is_not_promoted_again(
    bundled: ModelVersion, shop: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop was cut off after its promotion, and is taken up after somebody took that back."""

    def cut_off(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(CommandError):
        broken.setattr(improve, "_rescore", cut_off)
        run_improve("--mode", "calibrate")
    assert versions.current() != bundled
    call_command("rollback", stdout=StringIO())

    with pytest.raises(CommandError, match="The active version stays at work"):
        call_command("train_clip", "--resume", stdout=StringIO())

    assert versions.current() == bundled
    run = TrainingRun.objects.get()
    assert run.status == "done"
    assert "was promoted and is no longer active: left so" in run.log


def test_the_loop_runs_from_the_admins_button(
    bundled: ModelVersion, shop: set[str], make_user: MakeUser, client: Client
) -> None:
    lena = make_user("lena", group="lead")
    client.force_login(lena)
    page = client.get(reverse("admin:index")).content.decode()
    assert "Improve the model" in page

    answer = client.post(reverse("admin:moderation_trainingrun_improve"))

    run = TrainingRun.objects.get()
    assert answer.headers["Location"] == reverse(
        "admin:moderation_trainingrun_change", args=[run.pk]
    )
    assert (run.status, run.requested_by) == ("queued", lena)
    assert "is queued" in client.get(reverse("admin:index")).content.decode()

    waiting = training.queued()
    assert waiting == run
    run = training.run(waiting)

    assert run.status == "done", run.error
    assert run.reasons
    assert run.version is not None
    promoted = run.version.status == "active"
    assert promoted != improve.was_refused(run)
    page = client.get(answer.headers["Location"]).content.decode()
    assert run.version.name in page
    assert ("passed the gate" in page) == promoted
    for reason in run.reasons:
        assert reason[:40] in page.replace("&#x27;", "'")


def test_who_may_not_promote_gets_a_candidate(
    bundled: ModelVersion, shop: set[str], make_user: MakeUser, client: Client
) -> None:
    from django.contrib.auth.models import Permission

    tom: User = make_user("tom")
    tom.user_permissions.add(Permission.objects.get(codename="train"))
    client.force_login(tom)

    client.post(reverse("admin:moderation_trainingrun_improve"))
    TrainingRun.objects.update(mode="calibrate")
    waiting = training.queued()
    assert waiting is not None
    run = training.run(waiting)

    assert run.version is not None
    assert run.version.status == "candidate"
    assert versions.current() == bundled
    assert "Not promoted, as asked" in run.log
