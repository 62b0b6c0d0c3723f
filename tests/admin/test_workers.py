"""The page *Workers*: who is alive, on what, doing what; and the pause."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from moderation.models import Heartbeat, WorkPause
from moderation.services.worker import heartbeat, pause

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

ABOUT = {
    "host": "shop-1",
    "version": "0.1.0",
    "model": "bundled",
    "device": "cpu",
    "precision": "fp32",
    "backend": "torch",
    "last_hour": 412,
}


def words(client: Client, address: str = "/admin/workers/") -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def beat(worker: str, *, age: timedelta, doing: str = "") -> None:
    heartbeat.beat(worker, doing=doing)
    about = ABOUT | {"host": worker.split("-", 1)[0]}
    Heartbeat.objects.filter(worker=worker).update(heartbeat_at=timezone.now() - age, about=about)


def test_it_shows_each_host_and_what_it_does(lead_client: Client) -> None:
    beat("shop1-aa/10/1/c", age=timedelta(seconds=3), doing="analysing 32 products")
    beat("shop2-bb/20/1/d", age=timedelta(seconds=5))
    page = words(lead_client)

    assert '<th scope="row">shop1</th> <td>10</td>' in page
    assert "analysing 32 products" in page and "<td>waits</td>" in page
    assert "cpu, fp32, torch" in page and "<td>412</td>" in page


def test_what_is_silent_is_told_and_then_forgotten(lead_client: Client) -> None:
    beat("shop1-aa/10/1/c", age=timedelta(seconds=3))
    beat("shop1-aa/11/1/recent", age=timedelta(minutes=10))
    beat("shop1-aa/12/1/former", age=timedelta(hours=3))
    beat("shop3-cc/13/1/before", age=timedelta(hours=6))
    beat("shop3-cc/14/1/last", age=timedelta(hours=5))
    page = words(lead_client)

    assert "10 min ago: silent" in page and "5 h ago: silent" in page
    assert "<td>12</td>" not in page and "<td>13</td>" not in page


def test_one_that_somebody_stopped_is_not_missed(lead_client: Client) -> None:
    beat("shop1-aa/10/1/c", age=timedelta(seconds=3))
    heartbeat.say_stopped("c")

    assert "shop1" not in words(lead_client)


def test_a_worker_of_the_release_before_is_shown_too(lead_client: Client) -> None:
    Heartbeat.objects.create(worker="shop1-aa/10/1/c", heartbeat_at=timezone.now())

    assert '<th scope="row">shop1-aa</th>' in words(lead_client)


def test_before_the_first_worker_it_says_how_to_start_one(lead_client: Client) -> None:
    assert "No worker has run yet" in words(lead_client)


def test_a_lead_pauses_and_resumes_all_work(lead: User, lead_client: Client) -> None:
    answer = lead_client.post("/admin/workers/pause/", follow=True)
    page = " ".join(answer.content.decode().split())
    assert "Paused: no new analyses are handed out" in page
    assert "Paused by <b>lena</b> since" in page
    assert "Paused by lena since" in words(lead_client, "/admin/")
    since = pause.present()
    assert since is not None and since.by == lead
    health = Client().get("/clip/health").json()
    assert health["paused_since"] is not None
    assert "lena" not in str(health), "everybody may read it"

    lead_client.post("/admin/workers/pause/")
    assert WorkPause.objects.count() == 1
    lead_client.post("/admin/workers/resume/")
    assert pause.present() is None
    assert Client().get("/clip/health").json()["paused_since"] is None


def test_the_start_page_leads_there_who_may(lead_client: Client, anna: User) -> None:
    moderator = Client()
    moderator.force_login(anna)

    assert 'href="/admin/workers/"' in words(lead_client, "/admin/")
    assert 'href="/admin/workers/"' not in words(moderator, "/admin/")
    assert moderator.get("/admin/workers/").status_code == 403
