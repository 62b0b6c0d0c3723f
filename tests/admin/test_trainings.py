"""The pages of trainings: who may do what, what they show, and how a training is followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from moderation.admin.training_chart import panels
from moderation.models import TrainingRun
from moderation.services.learning import training
from tests.support.factories import MakeUser
from tests.support.judged_shop import judge_all, taken_in

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]
Status = TrainingRun.Status
CURVE = [{"step": 10 * n, "train": 1 / (n + 1), "validation": 1.2 / (n + 1)} for n in range(6)]


@pytest.fixture(autouse=True)
def checkpoints(settings: Any, tmp_path: Path) -> None:
    settings.CLIP_CHECKPOINT_DIR = tmp_path / "checkpoints"


@pytest.fixture
def lead_client(bundled: Any, lead_client: Client) -> Client:
    return lead_client


def of(name: str, run: TrainingRun | None = None) -> str:
    return reverse(f"admin:moderation_trainingrun_{name}", args=[run.pk] if run else [])


def running(**changes: Any) -> TrainingRun:
    run = training.request(mode="auto", options={}, by=None)
    TrainingRun.objects.filter(pk=run.pk).update(
        **{
            "status": Status.RUNNING,
            "claimed_by": "elsewhere/1/1/",
            "heartbeat_at": timezone.now(),
            "started_at": timezone.now(),
            "doing": "Training, epoch 2 of 8",
            "progress": 0.4,
            "curve": CURVE,
            "log": "epoch 1: train 0.5\n",
        }
        | changes
    )
    run.refresh_from_db()
    return run


def test_a_lead_starts_a_training_with_a_form(lead_client: Client) -> None:
    page = lead_client.get(of("new")).content.decode()
    assert "20 of each are needed to learn from" in page

    answer = lead_client.post(of("new"), {"mode": "head", "seed": "3", "minutes": "2.5"})

    run = TrainingRun.objects.get()
    assert answer.headers["Location"] == of("change", run)
    assert (run.mode, run.options) == ("head", {"seed": 3, "minutes": 2.5})
    assert run.requested_by is not None
    page = lead_client.get(of("change", run)).content.decode()
    assert "No worker is running, so nobody takes it up" in page
    assert "Waiting for the worker" in page


def test_a_bad_form_and_a_second_training_are_said(lead_client: Client) -> None:
    assert lead_client.post(of("new"), {"mode": "best", "seed": "0"}).status_code == 400
    first = running()

    page = lead_client.post(of("new"), {"mode": "auto", "seed": "0"}).content.decode()

    assert f"Training {first.pk} is running; wait until it is done, or cancel it." in page
    assert TrainingRun.objects.count() == 1


def test_a_running_training_is_followed_and_cancelled(lead_client: Client) -> None:
    run = running()
    page = lead_client.get(of("change", run)).content.decode()
    assert "Training, epoch 2 of 8" in page
    assert '<progress class="training-progress" max="100" value="40"' in page
    assert "epoch 1: train 0.5" in page
    assert "Cancel training" in page

    answer = lead_client.get(of("progress", run)).json()
    assert (answer["live"], answer["status"]) == (True, "running")
    assert "<polyline" in answer["html"]

    lead_client.post(of("cancel", run))
    run.refresh_from_db()
    assert (run.status, run.cancel_asked) == (Status.RUNNING, True)
    assert "Stopping …" in lead_client.get(of("change", run)).content.decode()


def test_a_waiting_training_is_cancelled_at_once(lead_client: Client) -> None:
    run = training.request(mode="auto", options={}, by=None)
    lead_client.post(of("cancel", run))
    run.refresh_from_db()
    assert run.status == Status.CANCELLED
    lead_client.post(of("cancel", run))
    assert (
        f"Training {run.pk} has ended already"
        in lead_client.get(of("change", run)).content.decode()
    )


def test_a_failed_training_shows_why_and_goes_on(lead_client: Client) -> None:
    run = running(
        status=Status.FAILED, live=None, error="Memory ran out.", output_dir="/x", progress=0.4
    )
    page = lead_client.get(of("change", run)).content.decode()
    assert "Memory ran out." in page
    assert "Resume" in page

    lead_client.post(of("resume", run))
    run.refresh_from_db()
    assert (run.status, run.live, run.error) == (Status.QUEUED, True, "")


def test_a_refused_training_offers_a_new_one(lead_client: Client) -> None:
    run = running(status=Status.FAILED, live=None, error="Too few mismatches.", output_dir="")
    page = lead_client.get(of("change", run)).content.decode()
    assert "Resume" not in page
    assert f'href="{of("new")}">Train a new version' in page


def test_a_training_that_gained_nothing_says_so_and_what_it_really_did(lead_client: Client) -> None:
    sentence = "Nothing was gained: no candidate was made."
    run = running(
        status=Status.DONE, live=None, mode="calibrate", reasons=["Few labels.", sentence],
        options={"mode_asked": "All weights"},
    )  # fmt: skip
    page = lead_client.get(of("change", run)).content.decode()
    assert f'<p class="training-outcome">{sentence}</p>' in page
    assert "<th>Mode</th><td>Calibration and threshold only</td>" in page
    assert "<th>Mode asked for</th><td>All weights</td>" in page
    for name in ("Data set", "Checkpoints"):
        assert f"<th>{name}</th>" not in page


def test_a_second_opinion_is_no_second_label(lead_client: Client, make_user: MakeUser) -> None:
    judge_all(taken_in(4), by=[make_user("anna"), make_user("ben")])
    page = " ".join(lead_client.get(of("new")).content.decode().split())
    assert "2 wrong listings and 2 right judged; 20 of each are needed to learn from." in page


def test_a_moderator_looks_but_starts_nothing(
    bundled: Any, make_user: MakeUser, client: Client
) -> None:
    client.force_login(make_user("anna"))
    run = running()

    assert client.get(of("change", run)).status_code == 200
    assert client.get(of("progress", run)).status_code == 200
    assert "Cancel training" not in client.get(of("change", run)).content.decode()
    assert client.get(of("new")).status_code == 403
    for name in ("cancel", "resume"):
        assert client.post(of(name, run)).status_code == 403
    assert client.post(of("improve")).status_code == 403
    assert "Improve the model" not in client.get(reverse("admin:index")).content.decode()


def test_buttons_want_a_post_and_strangers_get_nothing(lead_client: Client) -> None:
    run = running()
    assert lead_client.get(of("cancel", run)).status_code == 405
    assert lead_client.get(of("improve")).status_code == 405
    lead_client.logout()
    for name in ("change", "progress"):
        assert lead_client.get(of(name, run)).status_code == 302


def test_the_list_names_what_is_under_way(lead_client: Client) -> None:
    run = running()
    page = " ".join(lead_client.get(of("changelist")).content.decode().split())
    assert f"Training {run.pk}</a> is running: training, epoch 2 of 8." in page
    TrainingRun.objects.update(status=Status.DONE, live=None)
    assert "Improve the model" in lead_client.get(of("changelist")).content.decode()


# ── The curve ─────────────────────────────────────────────────────────────────────────────────
def test_the_curve_stays_within_its_frame_and_falls_to_the_right() -> None:
    (panel,) = panels(CURVE)
    train, validation = panel.lines
    for line in (train, validation):
        places = [tuple(map(float, place.split(","))) for place in line.points.split()]
        assert [x for x, _ in places] == sorted(x for x, _ in places)
        assert [y for _, y in places] == sorted(y for _, y in places)  # down is less loss
        assert all(panel.frame.left <= x <= panel.frame.right for x, _ in places)
        assert all(panel.frame.top <= y <= panel.frame.bottom for _, y in places)
    assert 2 <= len(panel.levels) <= 7
    assert [text for _, text in panel.ticks] == ["0", "20", "40"]


def test_each_part_of_a_training_has_a_panel_of_its_own() -> None:
    assert len(panels([*CURVE, *CURVE])) == 2
    assert panels([]) == []
    assert panels([{"step": 1, "train": float("nan")}]) == []
    assert len(panels([{"step": 5, "train": 0.5}])) == 1
