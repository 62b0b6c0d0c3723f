"""A real worker whose media folder goes away and comes back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.services.scoring.test_never_lost import assert_each_analysed_once, fill
from tools.live_project import LiveProject

pytestmark = pytest.mark.slow

COUNT = 400
GIVEN_BACK = "SELECT count(*) FROM moderation_analysis WHERE error LIKE ?"


def test_a_folder_that_goes_away_while_a_worker_runs(project: LiveProject) -> None:
    media = Path(project.environment["MEDIA_ROOT"])
    fill(project, COUNT)
    project.start("worker")
    project.wait_until(
        lambda: project.count("status = 'done'") >= 20, seconds=120, what="some were analysed"
    )
    media.rename(media.with_name("away"))
    media.mkdir()
    project.wait_until(
        lambda: project.rows(GIVEN_BACK, ["The photos cannot be read%"]) != [(0,)],
        seconds=60,
        what="it was told",
    )
    time.sleep(8)
    assert project.count("status = 'failed'") == 0
    assert project.count("attempts > 1") == 0
    (beat,) = project.rows("SELECT doing FROM moderation_heartbeat ORDER BY heartbeat_at DESC")[:1]
    assert "The photos cannot be read" in beat[0]
    assert project.logs().count("The photos cannot be read") <= 5  # it does not spin

    media.rmdir()
    media.with_name("away").rename(media)
    project.wait_until(
        lambda: project.count("status = 'done'") == COUNT, seconds=120, what="all were analysed"
    )
    assert_each_analysed_once(project, COUNT)
