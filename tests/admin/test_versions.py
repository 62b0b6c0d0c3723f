"""The pages of versions and evaluations, and a lead's buttons on them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django_q.models import OrmQ

from moderation import tasks
from moderation.management.tables import report_table
from moderation.models import Evaluation, ModelVersion, VersionEvent
from moderation.services.registry import versions
from moderation.services.release import evaluation
from tests.support import judged_shop
from tests.support.factories import MakeUser

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.any_database,
    pytest.mark.usefixtures("no_heartbeats"),
]

BASE = "/admin/moderation/modelversion"


@pytest.fixture
def random(bundled: ModelVersion, tmp_path: Path) -> ModelVersion:
    return judged_shop.candidate(tmp_path / "random")


def page(client: Client, address: str) -> str:
    answer = client.get(address, follow=True)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def press(client: Client, version: ModelVersion, button: str, **data: str) -> str:
    """Press a button; returns what the next page says of it."""
    answer = client.post(f"{BASE}/{version.pk}/{button}/", data, follow=True)
    assert answer.status_code == 200
    return " ".join(str(message) for message in answer.context["messages"])


def run_what_was_asked() -> None:
    """What the worker does with the messages."""
    for message in OrmQ.objects.all():
        task = message.task
        if task["func"] != "moderation.tasks.analyse_pending":
            getattr(tasks, task["func"].rpartition(".")[2])(*task["args"])
        message.delete()


def test_the_promote_button_asks_the_gate_and_the_page_tells_what_it_said(
    random: ModelVersion, lead_client: Client, make_user: MakeUser
) -> None:
    judged_shop.judge_all(judged_shop.taken_in(60), by=[make_user("ben")])
    shown = page(lead_client, f"{BASE}/{random.pk}/change/")
    assert "A candidate" in shown and "Not compared with bundled yet" in shown

    shown = press(lead_client, random, "promote")
    assert f"Comparing {random.name} with the active version" in shown
    assert "No worker is running" in shown
    run_what_was_asked()

    shown = page(lead_client, f"{BASE}/{random.pk}/change/")
    assert "the gate refused it" in shown and "Average precision falls from" in shown
    event = VersionEvent.objects.get(kind="refused")
    assert event.by is not None and event.by.username == "lena"
    found = page(lead_client, f"/admin/moderation/evaluation/{event.after['evaluation']}/change/")
    for text in ("The gate refused it", "Precision and recall", "Reliability", "By category"):
        assert text in found
    assert "<polyline" in found and "style=" not in found
    listed = page(lead_client, "/admin/moderation/evaluation/")
    assert "refused" in listed and random.name in listed
    assert versions.current().name == "bundled"


def test_forcing_takes_a_reason_and_rolling_back_brings_the_former_one(
    random: ModelVersion, lead_client: Client, bundled: ModelVersion
) -> None:
    assert "write the reason" in press(lead_client, random, "promote", force="1", reason=" ")
    press(lead_client, random, "promote", force="1", reason="A new camera")
    run_what_was_asked()
    assert versions.current() == random
    shown = page(lead_client, f"{BASE}/{random.pk}/change/")
    assert "Promoted past the gate</b> by lena: A new camera" in shown
    assert "Roll back to bundled" in shown

    shown = press(lead_client, random, "rollback")
    assert "bundled is active again" in shown
    assert versions.current() == bundled
    assert "A rollback is putting the scores back" in page(
        lead_client, f"{BASE}/{bundled.pk}/change/"
    )
    tasks.sweep()
    assert "putting the scores back" not in page(lead_client, f"{BASE}/{bundled.pk}/change/")
    assert "is not active any more" in press(lead_client, random, "rollback")


def test_a_promotion_that_fails_is_in_the_log(random: ModelVersion, lead_client: Client) -> None:
    (Path(random.location) / "model.safetensors").unlink()
    press(lead_client, random, "promote")
    run_what_was_asked()

    assert "safetensors" in VersionEvent.objects.get(version=random).reason


def test_a_moderator_sees_the_pages_without_buttons(
    random: ModelVersion, make_user: MakeUser
) -> None:
    client = Client()
    client.force_login(make_user("mia"))
    judged_shop.judge_all(judged_shop.taken_in(6), by=[make_user("ben")])
    few = evaluation.evaluate(ModelVersion.objects.get(name="bundled"))

    assert "Promote" not in page(client, f"{BASE}/{random.pk}/change/")
    for button in ("promote", "rollback", "evaluate"):
        assert client.post(f"{BASE}/{random.pk}/{button}/").status_code == 403
        assert client.get(f"{BASE}/{random.pk}/{button}/").status_code in (403, 405)
    shown = page(client, f"/admin/moderation/evaluation/{few.pk}/change/")
    assert "Not enough labels: 3 mismatches and 3 matches" in shown


def test_where_a_button_came_to_nothing_the_page_says_why(
    bundled: ModelVersion, lead_client: Client
) -> None:
    press(lead_client, bundled, "evaluate")
    run_what_was_asked()

    found = page(lead_client, f"{BASE}/{bundled.pk}/change/")
    assert "Could not be done</b>: It was not evaluated: " in found
    assert VersionEvent.objects.get(version=bundled, kind="failed").reason


def test_the_evaluate_button_measures_on_gold_and_audit(
    bundled: ModelVersion, lead_client: Client, make_user: MakeUser
) -> None:
    judged_shop.judge_all(judged_shop.taken_in(12), by=[make_user("ben")])
    press(lead_client, bundled, "evaluate")
    run_what_was_asked()

    stored = Evaluation.objects.get()
    assert stored.dataset == "gold and audit" and stored.report["mismatches"] == 6


def test_what_an_evaluation_cannot_tell_its_page_does_not_tell(
    bundled: ModelVersion, lead_client: Client
) -> None:
    known = {"value": 0.5, "low": 0.4, "high": 0.625}
    report = {
        "pairs": 80,
        "matches": 60,
        "mismatches": 20,
        "threshold": 0.25,
        "resamples": 1000,
        "level": 0.95,
        "overall": {
            "auc": {"at_least": 0.8125},
            "ap": {"at_least": 0.28125},
            "precision": known,
            "recall": {"unknown": "Unknown: of what is flagged nothing was judged by lot yet."},
            "flagged": {"value": 0.0625, "low": 0.0625, "high": 0.0625},
        },
        "by_category": [
            {"name": "Mugs", "mismatches": 6, "matches": 9, "figures": {"auc": {"at_least": 0.6}}}
        ],
        "by_kind": [],
        "curve": [(0.5, 1.0), (1.0, 0.5)],
    }
    found = Evaluation.objects.create(version=bundled, dataset="gold and audit", report=report)

    page = lead_client.get(f"/admin/moderation/evaluation/{found.pk}/change/").content.decode()

    assert "<td>at least 0.812</td>" in page and "<td>at least 0.281</td>" in page
    assert "<td>0.500 (0.400–0.625)</td>" in page
    assert "<td>unknown</td>" in page and "nothing was judged by lot yet." in page
    assert "<td>0.062</td>" in page  # counted: no interval
    assert "Average precision at least 0.281" in page
    listed = lead_client.get("/admin/moderation/evaluation/").content.decode()
    assert "at least 0.281" in listed
    printed = report_table(Evaluation.objects.get())
    assert "at least 0.812" in printed and "nothing was judged by lot yet." in printed


def test_the_activate_action_sends_candidates_to_the_gate(
    random: ModelVersion, admin_client: Client
) -> None:
    data = {"action": "activate", "_selected_action": [random.pk]}
    shown = admin_client.post(f"{BASE}/", data, follow=True).content.decode()

    assert "Not activated: " in shown and f"manage.py promote {random.name}" in shown
    assert versions.current().name == "bundled"
