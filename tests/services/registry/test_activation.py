"""Which version answers, and its log: two switches at once, and a switch by configuration."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from moderation import tasks
from moderation.clip.errors import ModelError
from moderation.models import AutomaticAction, ModelVersion, VersionEvent
from moderation.services.registry import activation, version_log, versions
from moderation.services.release import rollback
from tests.support import judged_shop
from tests.support.clip_models import build_folder
from tests.support.factories import MakeUser


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """What each gave or raised, all started at the same moment."""
    gate, found = threading.Barrier(len(actions)), [None] * len(actions)

    def act(number: int) -> None:
        try:
            gate.wait(timeout=20)
            found[number] = actions[number]()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells
            found[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return found


def hub_versions(count: int) -> list[ModelVersion]:
    return [
        ModelVersion.objects.create(name=f"V{number}", source="hub", location="x", threshold=0.25)
        for number in range(count)
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("was_active", [True, False])
def test_of_two_activations_at_once_none_breaks(was_active: bool) -> None:
    first, *others = hub_versions(5)
    if was_active:
        activation.activate(first)

    found = at_once(*(lambda one=one: activation.activate(one) for one in others))

    errors = [one for one in found if not isinstance(one, VersionEvent)]
    assert len(errors) < len(others)
    assert all(isinstance(one, version_log.Overtaken) for one in errors), errors
    active = ModelVersion.objects.get(status="active")
    assert version_log.switches()[0].version == active
    # Each row names what the one before it had made active: the way back is whole.
    rows = list(version_log.switches().order_by("pk"))
    came = [row.before.get("version") for row in rows]
    assert came == [None, *(row.version_id for row in rows[:-1])]


@pytest.mark.django_db(transaction=True)
def test_the_same_version_twice_at_once_is_logged_once() -> None:
    first, second = hub_versions(2)
    activation.activate(first)

    at_once(
        *(lambda: activation.activate(ModelVersion.objects.get(pk=second.pk)) for _ in range(3))
    )

    assert second.events.count() == 1
    former = rollback.former()
    assert former is not None and former.before["version"] == first.pk


@pytest.mark.django_db
def test_who_comes_second_is_told_in_a_sentence(bundled: ModelVersion) -> None:
    (other,) = hub_versions(1)

    said = "“V0” was not activated: another version"
    with pytest.raises(ModelError, match=said), transaction.atomic():
        version_log.make_active(other)  # as if none had been active when it looked

    assert versions.current() == bundled


# ── By configuration ──────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db
def test_a_candidate_that_runs_by_configuration_is_in_the_log(
    bundled: ModelVersion, tmp_path: Path, settings: Any, make_user: MakeUser
) -> None:
    candidate = judged_shop.candidate(tmp_path / "mine", parent=bundled)
    lead = make_user("lena", group="lead")
    AutomaticAction.objects.create(is_on=True, by=lead, reason="Nobody disagreed.")
    settings.CLIP_MODEL_PATH = str(tmp_path / "mine")

    for _ in range(2):
        tasks.warm_up()

    event = candidate.events.get()
    assert (event.kind, event.by) == ("activated", None)
    assert event.reason.startswith(f"By the setting CLIP_MODEL_PATH ({tmp_path / 'mine'})")
    assert not AutomaticAction.objects.all()[0].is_on
    candidate.refresh_from_db()
    assert candidate.status == "candidate"  # no gate was asked
    assert rollback.former() is None  # and no rollback leads past it

    settings.CLIP_MODEL_PATH = ""
    for _ in range(2):
        tasks.warm_up()
    assert bundled.events.filter(reason__startswith="CLIP_MODEL_PATH is no longer").count() == 1


@pytest.mark.django_db
def test_a_rollback_looks_past_configuration(
    bundled: ModelVersion, tmp_path: Path, settings: Any
) -> None:
    (other,) = hub_versions(1)
    activation.activate(other)
    settings.CLIP_MODEL_PATH = str(build_folder(tmp_path / "mine"))
    activation.log_configured()

    former = rollback.former()

    assert former is not None and former.before["version"] == bundled.pk
