"""Workers and clusters are killed for real; every product is analysed exactly once."""

from __future__ import annotations

import csv
import hashlib
import os
import random
import signal
import time
from collections.abc import Callable

import psutil
import pytest
import redis

from tests.support.photos import photo
from tools.live_project import LiveProject

pytestmark = pytest.mark.slow

LIVE = "status IN ('pending', 'running')"


MakeProject = Callable[..., LiveProject]


def fill(project: LiveProject, count: int) -> None:
    images = project.folder / "images"
    images.mkdir()
    with (project.folder / "catalogue.csv").open("w", newline="") as file:
        write = csv.writer(file).writerow
        write(["product_id", "image_path", "text", "category"])
        for number in range(count):
            (images / f"{number}.jpg").write_bytes(photo(mark=number))
            write([f"P{number}", f"images/{number}.jpg", f"Red ball number {number}", "Toys"])
    project.manage("import_products", str(project.folder / "catalogue.csv"))


def assert_each_analysed_once(project: LiveProject, count: int) -> None:
    assert project.rows("SELECT count(*) FROM moderation_product") == [(count,)]
    per_product = project.rows(
        "SELECT product_id, count(*) FROM moderation_analysis GROUP BY product_id"
    )
    assert len(per_product) == count
    assert {rows for _, rows in per_product} == {1}
    current = project.rows(
        "SELECT count(*) FROM moderation_product p "
        "JOIN moderation_analysis a ON a.id = p.analysis_id WHERE a.status IN ('done', 'failed')"
    )
    assert current == [(count,)]


def test_killed_workers_and_clusters_lose_nothing(project: LiveProject) -> None:
    count = 600
    fill(project, count)
    dice = random.Random(7)
    project.start("worker")
    for number in range(4):
        goal = count * (number + 1) // 6
        project.wait_until(
            lambda goal=goal: project.count("status = 'done'") >= goal,
            seconds=120,
            what=f"{goal} of {count} were analysed",
        )
        if number % 2:
            victims = project.processes[-1:]  # the supervisor and all below it
            for process in psutil.Process(victims[0].pid).children(recursive=True):
                process.send_signal(signal.SIGKILL)
            victims[0].kill()
            victims[0].wait()
            project.start("worker")
        else:
            dice.choice(project.workers()).send_signal(signal.SIGKILL)
    project.wait_until(lambda: project.count(LIVE) == 0, seconds=180, what="nothing was left")

    assert project.count("status = 'done'") == count
    assert_each_analysed_once(project, count)


@pytest.mark.any_database
def test_killed_workers_lose_nothing_with_redis_as_the_queue(make_project: MakeProject) -> None:
    """Redis hands a message out once, so a killed worker takes it along for ever."""
    url = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/13")
    server = redis.from_url(url)
    try:
        server.flushdb()
    except redis.RedisError:
        pytest.skip("needs a Redis server: apt-get install redis-server, or set TEST_REDIS_URL")
    project = make_project(REDIS_URL=url)
    try:
        fill(project, 300)
        project.start("worker")
        for goal in (50, 150):
            project.wait_until(
                lambda goal=goal: project.count("status = 'done'") >= goal,
                seconds=120,
                what=f"{goal} of 300 were analysed",
            )
            for worker in project.workers():
                worker.send_signal(signal.SIGKILL)
        project.wait_until(lambda: project.count(LIVE) == 0, seconds=180, what="nothing was left")

        assert project.count("status = 'done'") == 300
        assert_each_analysed_once(project, 300)
    finally:
        project.close()
        server.flushdb()


@pytest.mark.any_database
def test_an_idle_cluster_whose_worker_died_holding_the_queue_is_restarted(
    project: LiveProject,
) -> None:
    fill(project, 3)
    project.start("worker")
    project.wait_until(lambda: project.count(LIVE) == 0, seconds=90, what="the worker was idle")
    for worker in project.workers():
        worker.send_signal(signal.SIGKILL)  # idle: it waits for the queue and holds its lock
    (project.folder / "images" / "new.jpg").write_bytes(photo("blue"))
    (project.folder / "more.csv").write_text(
        "product_id,image_path,text,category\nNEW,images/new.jpg,A blue ball,Toys\n"
    )
    project.manage("import_products", str(project.folder / "more.csv"))

    project.wait_until(lambda: project.count(LIVE) == 0, seconds=120, what="the new one was done")
    assert_each_analysed_once(project, 4)


@pytest.mark.any_database
def test_a_host_that_stood_still_for_a_while_is_not_restarted(project: LiveProject) -> None:
    """As a virtual machine does that is moved: its heartbeat is old, and nothing is amiss."""
    fill(project, 3)
    supervisor = project.start("worker")
    project.wait_until(lambda: project.count(LIVE) == 0, seconds=90, what="the worker was idle")
    before = [process.pid for process in project.workers()]
    host = [
        psutil.Process(supervisor.pid),
        *psutil.Process(supervisor.pid).children(recursive=True),
    ]
    for process in host:
        process.suspend()
    time.sleep(1.3 * int(project.environment["WORKER_STALE_SECONDS"]))
    host[0].resume()
    time.sleep(3)  # the supervisor happens to wake before the others
    for process in host:
        process.resume()
    time.sleep(5)

    assert "is restarted" not in project.logs()
    assert [process.pid for process in project.workers()] == before


@pytest.mark.any_database
def test_a_photo_that_kills_its_worker_fails_alone(make_project: MakeProject) -> None:
    poison = hashlib.sha256(photo(mark=5)).hexdigest()
    project = make_project(
        POISON_SHA256=poison, DJANGO_SETTINGS_MODULE="tests.support.poison.settings"
    )
    fill(project, 40)
    project.start("worker")
    project.wait_until(lambda: project.count(LIVE) == 0, seconds=240, what="all were answered")

    failed = project.rows(
        "SELECT image_sha256, error, attempts FROM moderation_analysis WHERE status = 'failed'"
    )
    assert [row[0] for row in failed] == [poison]
    assert "Given up after 3 attempts" in failed[0][1]
    assert failed[0][2] == 3
    assert project.count("status = 'done'") == 39
    assert_each_analysed_once(project, 40)
