"""A pause of all work, seen in a worker that runs."""

from __future__ import annotations

import time

import pytest

from tools.live_project import LiveProject

pytestmark = pytest.mark.slow

# As the page does: by a person, for every host.
SWITCH = """
from django.contrib.auth.models import User
from moderation.services.worker import pause
lena, _ = User.objects.get_or_create(username="lena")
pause.switch(on={on}, by=lena)
"""
ONE_PRODUCT = """
from moderation.models import Product
from moderation.services.catalogue import intake
from tests.support.photos import photo
listing = intake.Listing(external_id="{name}", text="A red ball", image=photo(mark={mark}))
intake.take(listing, source=Product.Source.IMPORT)
"""


def test_a_worker_waits_while_all_work_is_paused(project: LiveProject) -> None:
    project.start("worker")
    project.manage("shell", "-c", ONE_PRODUCT.format(name="A", mark=1))
    project.wait_until(lambda: project.count("status = 'done'") == 1, seconds=120, what="it works")

    project.manage("shell", "-c", SWITCH.format(on=True))
    project.manage("shell", "-c", ONE_PRODUCT.format(name="B", mark=2))
    (worker,) = project.workers()
    time.sleep(15)  # longer than WORKER_STALE_SECONDS: without heartbeats it would be restarted
    assert project.count("status = 'pending'") == 1
    assert project.workers() == [worker]

    project.manage("shell", "-c", SWITCH.format(on=False))
    project.wait_until(lambda: project.count("status = 'done'") == 2, seconds=30, what="it resumed")
