"""An import that is killed for real leaves whole chunks, and the next run completes it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from moderation.services.catalogue.catalogue_import import CHUNK
from tests.support.photos import photo
from tools.live_project import LiveProject

ROWS = 12 * CHUNK


def products(project: LiveProject) -> int:
    return int(project.rows("SELECT count(*) FROM moderation_product")[0][0])


@pytest.mark.slow
def test_a_killed_import_leaves_whole_chunks_and_is_completed_by_the_next(
    project: LiveProject, tmp_path: Path
) -> None:
    (tmp_path / "1.jpg").write_bytes(photo())
    catalogue = tmp_path / "catalogue.csv"
    rows = "".join(f"{number},1.jpg,text {number},Toys\n" for number in range(ROWS))
    catalogue.write_text("product_id,image_path,text,category\n" + rows)

    process = project.start("import_products", str(catalogue))
    project.wait_until(lambda: products(project) > 0, seconds=120, what="the first rows are in")
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert 0 < products(project) < ROWS
    assert products(project) % CHUNK == 0
    assert project.count("status = 'pending'") == products(project)
    there = products(project)
    told = project.manage("import_products", str(catalogue)).stdout
    assert f"{ROWS - there:,} created, 0 updated, {there:,} unchanged, 0 bad" in told
    assert project.count("status = 'pending'") == products(project) == ROWS
