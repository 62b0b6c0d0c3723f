"""An import that is killed for real leaves whole chunks, and the next run completes it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from moderation.services.catalogue.catalogue_import import CHUNK
from tests.conftest import photo
from tests.support.live_project import LiveProject

ROWS = 12 * CHUNK


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveProject]:
    project = LiveProject(tmp_path)
    try:
        project.manage("migrate", "-v0")
        project.manage("setup")
        yield project
    finally:
        project.close()


def products(live: LiveProject) -> int:
    return int(live.rows("SELECT count(*) FROM moderation_product")[0][0])


@pytest.mark.slow
def test_a_killed_import_leaves_whole_chunks_and_is_completed_by_the_next(
    live: LiveProject, tmp_path: Path
) -> None:
    (tmp_path / "1.jpg").write_bytes(photo())
    catalogue = tmp_path / "catalogue.csv"
    rows = "".join(f"{number},1.jpg,text {number},Toys\n" for number in range(ROWS))
    catalogue.write_text("product_id,image_path,text,category\n" + rows)

    process = live.start("import_products", str(catalogue))
    live.wait_until(lambda: products(live) > 0, seconds=120, what="the first rows are in")
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert 0 < products(live) < ROWS
    assert products(live) % CHUNK == 0
    assert live.count("status = 'pending'") == products(live)
    there = products(live)
    told = live.manage("import_products", str(catalogue)).stdout
    assert f"{ROWS - there:,} created, 0 updated, {there:,} unchanged, 0 bad" in told
    assert live.count("status = 'pending'") == products(live) == ROWS
