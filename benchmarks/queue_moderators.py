"""Moderators at once in one queue: is any item decided twice, is any lost?

    python -m benchmarks.queue_moderators
    DATABASE_URL=postgres://... python -m benchmarks.queue_moderators

A clipmod of its own (gunicorn and a worker) with flagged products. Each moderator logs in and works
as the page's script does: three items ahead, decisions, a skip or an undo now and then, and one who
closes the page in the middle. Exit code 1 where an item was decided twice, lost, or met with 409.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tools.live_project import LiveProject

from .machine import machine
from .queue_speed import PORT, fill, is_up

JSON = {"Accept": "application/json"}
ADDRESS = f"http://127.0.0.1:{PORT}"
PEOPLE = """
from django.contrib.auth.models import Group, User
for number in range({count}):
    user = User.objects.create_user(f"moderator{{number}}", password="correct horse", is_staff=True)
    user.groups.add(Group.objects.get(name="moderator"))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moderators", type=int, default=8)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.photo_size = (96, 128)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options)
    print(json.dumps(result, indent=2) if options.json else as_text(result))
    sys.exit(0 if result["decided_once"] == result["items"] and not result["late"] else 1)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Let everybody work until nothing is left, then count what the database says."""
    environment = {
        "CLIP_SIMILARITY_THRESHOLD": "1",
        "DJANGO_SUPERUSER_PASSWORD": "correct horse",
        # No audit and no gold: each item is decided by one person.
        "QUEUE_AUDIT_SHARE": "0",
    }
    project = LiveProject(folder, environment=environment)
    try:
        fill(project, folder, options)
        project.manage("shell", "-v", "0", "-c", PEOPLE.format(count=options.moderators))
        project.start("serve", "--port", str(PORT))
        project.wait_until(is_up, seconds=90, what="the web server answers")
        started = time.monotonic()
        with ThreadPoolExecutor(options.moderators) as pool:
            tallies = list(pool.map(work, range(options.moderators)))
        seconds = time.monotonic() - started
        standing = project.rows(
            "SELECT item_id, count(*) FROM moderation_decision d WHERE verdict <> 'undo' AND NOT "
            "EXISTS (SELECT 1 FROM moderation_decision c WHERE c.corrects_id = d.id) "
            "GROUP BY item_id"
        )
    finally:
        project.close()
    total: Counter[str] = sum(tallies, Counter())
    return {
        "machine": machine(),
        "database": "PostgreSQL" if project.postgres else "SQLite",
        "moderators": options.moderators,
        "items": options.items,
        "decided_once": sum(count == 1 for _, count in standing),
        "decided_twice": sum(count > 1 for _, count in standing),
        "late": total["late"],
        "undone": total["undone"],
        "seconds": round(seconds, 1),
        "decisions_per_second": round(options.items / seconds, 1),
    }


def work(number: int) -> Counter[str]:
    """One moderator, until nothing is left: how many decisions, undos and late ones there were."""
    tally: Counter[str] = Counter()
    chance = random.Random(number)
    with httpx.Client(base_url=ADDRESS, timeout=60, follow_redirects=True) as client:
        page = client.get("/admin/login/")
        login = {"username": f"moderator{number}", "password": "correct horse"}
        client.post("/admin/login/", data=login | token(page.text), headers={"Referer": ADDRESS})
        csrf = token(client.get("/admin/queue/").text)
        ahead: list[int] = []
        idle = 0
        while idle < 20:
            answer = post(client, "/admin/queue/ahead/", csrf | {"have": ahead})
            ahead += [item["pk"] for item in answer["items"] if item["pk"] not in ahead]
            idle = 0 if ahead else idle + 1
            if not ahead:
                time.sleep(0.25)  # others may give back what they hold
                continue
            pk = ahead.pop(0)
            data = csrf | {"answer": "dismiss:matches", "have": ahead, "shown_item": pk}
            answer = post(client, f"/admin/queue/{pk}/decide/", data)
            tally["late" if answer["status"] == 409 else "decided"] += 1
            ahead += [item["pk"] for item in answer["items"] if item["pk"] not in ahead]
            if chance.random() < 0.02:
                answer = post(client, "/admin/queue/undo/", csrf | {"have": ahead})
                tally["undone"] += answer["status"] == 200
                ahead = [item["pk"] for item in answer["items"] if item["pk"] not in ahead] + ahead
            if chance.random() < 0.01:  # closes the page, opens it again
                client.post("/admin/queue/leave/", data=csrf, headers={"Referer": ADDRESS})
                ahead = []
    return tally


def post(client: httpx.Client, path: str, data: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(path, data=data, headers=JSON | {"Referer": ADDRESS})
    if answer.status_code not in (200, 409):
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
    return {"items": [], **answer.json(), "status": answer.status_code}


def token(html: str) -> dict[str, str]:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)
    if found is None:
        raise RuntimeError(f"The page has no form; is the login right? {html[:300]}")
    return {"csrfmiddlewaretoken": found[1]}


def as_text(result: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"Machine: {result['machine']}, {result['database']}",
            f"{result['moderators']} moderators on {result['items']:,} items: "
            f"{result['decided_once']:,} decided once, {result['decided_twice']} twice, "
            f"{result['items'] - result['decided_once'] - result['decided_twice']} lost, "
            f"{result['late']} met with 409, {result['undone']} undone and decided again",
            f"{result['seconds']} s, {result['decisions_per_second']} decisions a second",
        ]
    )


if __name__ == "__main__":
    os.environ.setdefault("CLIPMOD_ENV_FILE", os.devnull)
    main()
