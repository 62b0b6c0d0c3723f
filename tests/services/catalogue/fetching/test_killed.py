"""A process that is killed while it fetches: another goes on, and nothing is fetched twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import photo_host
from tools.live_project import LiveProject

PHOTOS = 300
CONNECTIONS = 4


@pytest.fixture
def host() -> Iterator[photo_host.PhotoHost]:
    with photo_host.photo_host() as host:
        yield host


@pytest.mark.slow
def test_after_a_kill_another_goes_on_where_it_was(
    project: LiveProject, host: photo_host.PhotoHost, tmp_path: Path
) -> None:
    def here() -> int:
        fetched = "SELECT count(*) FROM moderation_productphoto WHERE state = 'fetched'"
        return int(project.rows(fetched)[0][0])

    project.environment |= {"FETCH_ALLOW": "127.0.0.1", "FETCH_REQUESTS_PER_SECOND": "100"}
    catalogue = tmp_path / "catalogue.csv"
    lines = "".join(f"{n},{host(f'/{n}.jpg')},text {n}\n" for n in range(PHOTOS))
    catalogue.write_text("product_id,image_path,text\n" + lines)
    project.manage("import_products", str(catalogue))

    process = project.start("run_fetches")
    project.wait_until(lambda: here() > 30, seconds=60, what="the first photos are here")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 30 < here() < PHOTOS

    told = project.manage("fetch_photos").stdout
    assert here() == PHOTOS and "0 failed" in told
    assert len(host.asked) == PHOTOS
    assert sum(host.asked.values()) <= PHOTOS + CONNECTIONS  # what was under way at the kill
    assert project.count("status = 'pending'") == PHOTOS
