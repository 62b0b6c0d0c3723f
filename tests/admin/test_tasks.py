"""What django-q shows in the admin lets nobody name a function of the host: that were a shell."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Success, Task

from tests.support.factories import as_user

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def root(groups: None) -> Client:
    return as_user(User.objects.create_superuser("root", password="x"))


def test_nobody_schedules_anything(root: Client) -> None:
    wanted = {"name": "x", "func": "os.system", "args": "'id > pwned.txt'", "schedule_type": "O"}
    assert root.post("/admin/django_q/schedule/add/", wanted).status_code == 404
    assert not Schedule.objects.exists()


def test_nobody_adds_a_message_or_a_result(root: Client) -> None:
    for table in ("ormq", "success", "failure"):
        asked = root.post(f"/admin/django_q/{table}/add/", {"func": "os.system", "payload": "x"})
        assert asked.status_code == 403
    assert not OrmQ.objects.exists() and not Task.objects.exists()


def test_nor_changes_one(root: Client) -> None:
    times = {"started": timezone.now(), "stopped": timezone.now()}
    task = Success.objects.create(id="a" * 32, name="a", func="math.sqrt", success=True, **times)
    message = OrmQ.objects.create(key="clipmod", payload="as it was", lock=timezone.now())

    root.post(f"/admin/django_q/success/{task.pk}/change/", {"func": "os.system", "args": "x"})
    root.post(f"/admin/django_q/ormq/{message.pk}/change/", {"payload": "x", "key": "clipmod"})

    task.refresh_from_db()
    message.refresh_from_db()
    assert (task.func, message.payload) == ("math.sqrt", "as it was")
