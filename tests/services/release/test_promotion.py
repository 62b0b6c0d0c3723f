"""From candidate to active and nothing around the gate: real models, real decisions."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError

from moderation.clip.errors import ModelError
from moderation.models import Analysis, Evaluation, ModelVersion, VersionEvent
from moderation.services.registry import activation, registering, versions
from moderation.services.release import promotion
from tests.support import judged_shop
from tests.support.clip_models import build_folder
from tests.support.factories import MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def judged(bundled: ModelVersion, make_user: MakeUser) -> list[Any]:
    """Sixty products of the audit, half of them mismatches, each with its decision."""
    return judged_shop.judge_all(judged_shop.taken_in(60), by=[make_user("ben")])


@pytest.fixture
def random(tmp_path: Path) -> ModelVersion:
    return judged_shop.candidate(tmp_path / "random")


def test_a_worse_candidate_is_refused_with_its_table(
    judged: list[Any], random: ModelVersion, bundled: ModelVersion, capsys: Any
) -> None:
    with pytest.raises(CommandError, match=r"The gate refused “random@.*Average precision falls"):
        call_command("promote", random.name)

    shown = capsys.readouterr().out
    assert "bundled (active)" in shown and "ROC-AUC" in shown and "FAILED" in shown
    random.refresh_from_db(), bundled.refresh_from_db()
    assert (random.status, bundled.status) == ("candidate", "active")
    event = random.events.get()
    assert event.kind == "refused" and "Average precision" in event.reason
    stored = Evaluation.objects.get(pk=event.after["evaluation"])
    assert (stored.version, stored.baseline, stored.passed) == (random, bundled, False)
    assert {check["name"] for check in stored.report["checks"]} >= {"labels", "better"}


def test_what_waits_for_the_former_version_is_asked_of_the_new_one(
    judged: list[Any], random: ModelVersion, bundled: ModelVersion, make_user: MakeUser
) -> None:
    judged_shop.taken_in(61)  # one more than was judged
    waiting = Analysis.objects.pending()
    assert set(waiting.values_list("model_version", flat=True)) == {bundled.pk}
    lead = make_user("lena", group="lead")

    promotion.promote(random, by=lead, force_reason="for the test")
    assert set(waiting.values_list("model_version", flat=True)) == {random.pk}

    activation.activate(bundled, by=lead)
    assert set(waiting.values_list("model_version", flat=True)) == {bundled.pk}


def test_a_better_candidate_becomes_active_and_the_log_says_what_it_replaced(
    judged: list[Any], bundled: ModelVersion, tmp_path: Path, make_user: MakeUser
) -> None:
    weak = registering.register(str(build_folder(tmp_path / "weak")))
    activation.activate(weak)
    ModelVersion.objects.filter(pk=bundled.pk).update(status="candidate")
    lead = make_user("lena", group="lead")

    report = promotion.promote(bundled, by=lead)

    bundled.refresh_from_db()
    assert report.passed and bundled.status == "active" and versions.current() == bundled
    event = bundled.events.first()
    assert event is not None and (event.kind, event.by) == ("promoted", lead)
    assert event.before["version"] == weak.pk and event.before["threshold"] == weak.threshold
    assert report.evaluation.passed and report.evaluation.report["overall"]["ap"]["value"] > 0.7


def test_without_enough_labels_nobody_is_promoted(
    bundled: ModelVersion, random: ModelVersion, make_user: MakeUser
) -> None:
    judged_shop.judge_all(judged_shop.taken_in(10), by=[make_user("ben")])

    with pytest.raises(promotion.GateRefused, match="Not enough labels: 5 mismatches and 5 match"):
        promotion.promote(random)


def test_force_needs_a_lead_and_a_reason_and_is_logged(
    judged: list[Any], random: ModelVersion, make_user: MakeUser
) -> None:
    make_user("mia"), make_user("lena", group="lead")
    for wanted, options in (
        ("needs --reason", {"force": True, "by": "lena"}),
        ("needs a name", {"force": True, "reason": "It is fine"}),
        ("mia may not promote", {"force": True, "reason": "It is fine", "by": "mia"}),
        ("no user “bob”", {"force": True, "reason": "It is fine", "by": "bob"}),
        ("--reason goes with --force", {"reason": "It is fine", "by": "lena"}),
    ):
        with pytest.raises(CommandError, match=wanted):
            call_command("promote", random.name, **options)
    assert not VersionEvent.objects.filter(version=random).exists()

    call_command("promote", random.name, force=True, reason="It is fine", by="lena")

    event = random.events.get()
    assert (event.kind, event.reason, event.by) == (
        "forced",
        "It is fine",
        User.objects.get(username="lena"),
    )
    random.refresh_from_db()
    assert random.status == "active"


def test_nobody_activates_a_candidate_around_the_gate(
    bundled: ModelVersion, random: ModelVersion, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=f"manage.py promote {random.name}"):
        activation.activate(random)
    with pytest.raises(CommandError, match="becomes active only through the gate"):
        call_command("activate_model", random.location)
    copy = shutil.copytree(random.location, tmp_path / "elsewhere" / "random")
    with pytest.raises(CommandError, match="becomes active only through the gate"):
        call_command("activate_model", str(copy))

    assert versions.current() == bundled


def test_the_active_version_and_an_unknown_one_are_refused(
    bundled: ModelVersion, random: ModelVersion
) -> None:
    with pytest.raises(CommandError, match="is the active version already"):
        call_command("promote", "bundled")
    with pytest.raises(CommandError, match="There is no model version “randon”"):
        call_command("promote", "randon")


def test_a_candidate_whose_files_are_gone_changes_nothing(
    judged: list[Any], random: ModelVersion, bundled: ModelVersion, make_user: MakeUser
) -> None:
    (Path(random.location) / "model.safetensors").unlink()
    make_user("lena", group="lead")

    with pytest.raises(CommandError, match="safetensors"):
        call_command("promote", random.name, force=True, reason="x", by="lena")
    assert versions.current() == bundled
