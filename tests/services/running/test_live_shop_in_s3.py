"""Real processes whose photos lie in a bucket: its server dies and is back, backups move them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.running.test_backup import said
from tests.services.scoring.test_never_lost import assert_each_analysed_once, fill
from tests.support.ports import free_port
from tools import s3_server
from tools.live_project import LiveProject
from tools.s3_server import S3Server

pytestmark = pytest.mark.slow

MakeProject = Callable[..., LiveProject]
COUNT = 300
GIVEN_BACK = "SELECT count(*) FROM moderation_analysis WHERE error LIKE ?"
HEALTH = (
    "from django.test import Client; "
    "answer = Client(headers={'host': 'localhost'}).get('/clip/health'); "
    "print(answer.status_code, answer.json().get('reason'))"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[S3Server]:
    server = S3Server(tmp_path / "s3", free_port())
    server.make_bucket("shop")
    server.start()
    yield server
    server.stop()


def objects(server: S3Server, prefix: str) -> dict[str, bytes]:
    folder = server.folder / "shop" / prefix
    files = (path for path in folder.rglob("*.jpg"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_server_that_dies_while_a_worker_runs(
    server: S3Server, make_project: MakeProject
) -> None:
    project = make_project(**s3_server.environment(server, address="s3://shop/live"))
    fill(project, COUNT)
    assert len(objects(server, "live")) == COUNT
    assert not list(Path(project.environment["MEDIA_ROOT"]).rglob("*.jpg"))
    project.start("worker")
    project.wait_until(
        lambda: project.count("status = 'done'") >= 20, seconds=120, what="some were analysed"
    )
    server.stop()
    project.wait_until(
        lambda: project.rows(GIVEN_BACK, ["The photos cannot be read%"]) != [(0,)],
        seconds=90,
        what="it was told",
    )
    time.sleep(8)
    assert project.count("status = 'failed'") == 0
    assert project.count("attempts > 1") == 0
    health = project.manage("shell", "-v", "0", "-c", HEALTH).stdout
    assert health.startswith("503 The photos cannot be read: The image ")
    assert "the object store: EndpointConnectionError" in health
    assert str(server.port) not in health  # nobody learns where it is

    server.start()
    project.wait_until(
        lambda: project.count("status = 'done'") == COUNT, seconds=120, what="all were analysed"
    )
    assert_each_analysed_once(project, COUNT)


def test_a_backup_holds_the_photos_and_puts_them_back_wherever(
    server: S3Server, make_project: MakeProject, tmp_path: Path
) -> None:
    project = make_project(**s3_server.environment(server, address="s3://shop/first"))
    fill(project, 40)
    folder, listed = tmp_path / "backup", tmp_path / "listed"
    project.manage("backup", str(folder))
    project.manage("backup", str(listed), "--media-list")
    assert "Sound: " in project.manage("verify_backup", str(folder)).stdout
    assert len(json.loads((listed / "manifest.json").read_text())["listed"]) == 40
    photos = objects(server, "first")
    assert len(photos) == 40

    def another(name: str, prefix: str | None) -> LiveProject:
        (tmp_path / name).mkdir()
        there = (
            s3_server.environment(server, address=f"s3://shop/{prefix}")
            if prefix
            else {"MEDIA_URL_STORAGE": ""}
        )
        checkpoints = str(tmp_path / name / "checkpoints")
        return LiveProject(tmp_path / name, {"CLIP_CHECKPOINT_DIR": checkpoints, **there})

    other, same, disk = another("b", "other"), another("c", "first"), another("d", None)
    try:
        assert "photos in the bucket already" in said(
            same.manage("restore", str(folder), check=False)
        )
        same.manage("restore", str(listed))  # the photos are there
        assert "Missing: 40 photos" in said(other.manage("restore", str(listed), check=False))
        other.manage("restore", str(folder))
        assert objects(server, "other") == photos == objects(server, "first")
        disk.manage("restore", str(folder))
        media = Path(disk.environment["MEDIA_ROOT"])
        assert {p.relative_to(media).as_posix(): p.read_bytes() for p in media.rglob("*.jpg")} == (
            photos
        )
        server.stop()
        answer = said(project.manage("backup", str(tmp_path / "away"), check=False))
        assert "The photos cannot be read: the object store" in answer
        assert not (tmp_path / "away").exists()
    finally:
        for one in (other, same, disk):
            one.close()
