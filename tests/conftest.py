"""Fixtures that many tests share. Prefer the real thing: a real database, the bundled model."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, TransactionTestCase, override_settings

from moderation.models import ModelVersion
from moderation.services.encoding import engine
from moderation.services.queries import cache
from moderation.services.queue import queue_filter
from moderation.services.running import setup
from moderation.services.scoring import scoring_requests
from moderation.services.worker import heartbeat
from tests.support import factories, templates
from tests.support.clip_models import build_folder
from tests.support.factories import MakeItem, MakeProduct, MakeUser, RunWorker
from tests.support.module_rows import PLAIN_QUEUE
from tests.support.paths import CATALOGUE
from tools.live_project import LiveProject, Template

pytest_plugins = ["tests.support.whole_runs", "tests.support.buckets"]


@pytest.fixture
def catalogue() -> Path:
    """The folder with real product photos beside the checkout."""
    if not CATALOGUE.is_dir():
        pytest.skip(f"needs the real product photos in ../{CATALOGUE.parent.name}/catalogue")
    return CATALOGUE


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file, as in real life: in memory, threads do not wait for each other's locks.

    PostgreSQL need not wait for the disk.
    """
    if connection.vendor == "sqlite":
        folder = tmp_path_factory.mktemp("database")
        connection.settings_dict["TEST"]["NAME"] = str(folder / "test.sqlite3")
    else:
        connection.settings_dict["OPTIONS"]["options"] += " -c synchronous_commit=off"
    templates.for_workers(connection)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """No test asks how hard a password is to guess, and a real hash takes a third of a second."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="module")
def module_photos() -> Path | None:
    """The photos of the rows that a module makes once (support/module_rows.py): here none."""
    return None


@pytest.fixture(autouse=True)
def media(module_photos: Path | None, settings: Any, tmp_path: Path) -> Path:
    """A media folder of its own for each test: empty, or with the photos of the module's rows."""
    folder = tmp_path / "media"
    if module_photos:
        shutil.copytree(module_photos, folder)
    else:
        folder.mkdir()
    settings.MEDIA_ROOT = settings.CLIP_IMAGE_ROOT = folder
    return folder


@pytest.fixture(autouse=True)
def plain_queue(settings: Any) -> None:
    """Only what is flagged enters, the most suspicious first, judged once and in the open.

    The audit draws products by a hash of their ids; a test that speaks of it turns it on.
    """
    for name, value in PLAIN_QUEUE.items():
        setattr(settings, name, value)


@pytest.fixture(autouse=True)
def no_choice_of_a_backend(settings: Any, tmp_path: Path) -> None:
    """What was decided on this machine is not for tests: torch runs the model."""
    settings.CLIP_EXPORT_DIR = tmp_path / "exported"


@pytest.fixture(autouse=True)
def nothing_expires(settings: Any) -> None:
    """No sweep of a test finds that it is night; a test that speaks of it says how long."""
    settings.KEEP_VECTORS_DAYS = settings.KEEP_TASK_RESULTS_DAYS = 0


@pytest.fixture(autouse=True)
def nothing_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is slow to find is cached, which costs queries: a busy machine decides no test."""
    monkeypatch.setattr(cache, "LONG", float("inf"))
    monkeypatch.setattr(queue_filter, "_LONG_FOR_A_PAGE", float("inf"))


@pytest.fixture(autouse=True)
def fresh_version() -> None:
    """The version that the API holds for a second belongs to the test before."""
    scoring_requests.forget_version()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights that trains in seconds; nobody writes into its folder."""
    return build_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def bundled(db: None) -> ModelVersion:
    """The bundled model, registered and active."""
    return factories.activate_bundled()


@pytest.fixture
def groups(db: None) -> None:
    setup.seed_groups()


@pytest.fixture
def make_user(groups: None) -> MakeUser:
    """Makes a user who may enter the admin: `make_user("anna", group="moderator")`."""
    return factories.make_user


@pytest.fixture
def make_product(bundled: ModelVersion) -> MakeProduct:
    """Takes in a product through the intake service; its analysis is then pending."""
    return factories.make_product


@pytest.fixture
def make_item(bundled: ModelVersion) -> MakeItem:
    """A flagged product with an open review item, without asking the model."""
    return factories.make_item


@pytest.fixture
def no_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat from beside would wait for the row that this test's transaction holds."""
    monkeypatch.setattr(heartbeat, "beating", lambda *_, **__: nullcontext())


@pytest.fixture
def run_worker(no_heartbeats: None) -> RunWorker:
    """Answers everything that is pending, in this process, as the worker would."""
    return factories.run_worker


@pytest.fixture
def anna(make_user: MakeUser) -> User:
    """A moderator."""
    return make_user("anna")


@pytest.fixture
def ben(make_user: MakeUser) -> User:
    """Another moderator."""
    return make_user("ben")


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    """A lead, by the name of lena."""
    return make_user("lena", group="lead")


@pytest.fixture
def lead_client(lead: User) -> Client:
    """The browser of a lead."""
    return factories.as_user(lead)


# ── Real processes ────────────────────────────────────────────────────────────────────────────
MakeProject = Callable[..., LiveProject]


@pytest.fixture(scope="session")
def installed() -> Template:
    """A new installation, made by its two commands; each test starts with a copy of it."""
    return templates.installed()


@pytest.fixture
def make_project(installed: Template, tmp_path: Path) -> Iterator[MakeProject]:
    """Starts from a new installation: `make_project(REDIS_URL=url)` with these settings."""
    made: list[LiveProject] = []

    def make(**environment: str) -> LiveProject:
        made.append(LiveProject(tmp_path, environment, installed))
        return made[-1]

    yield make
    for project in made:
        project.close()


@pytest.fixture
def project(make_project: MakeProject) -> LiveProject:
    """A new installation with the usual settings."""
    return make_project()


@pytest.fixture(scope="session", autouse=True)
def emptying_the_database_may_delete_decisions() -> Iterator[None]:
    """Tests with real transactions end by emptying the tables, which SQLite's triggers refuse."""
    original = TransactionTestCase._fixture_teardown

    def teardown(self: Any) -> None:
        with connection.cursor() as cursor:
            triggers = _sqlite_triggers(cursor) if connection.vendor == "sqlite" else []
            for name, _ in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
            original(self)
            for _, sql in triggers:
                cursor.execute(sql)
        engine.unload()  # keys start anew, and the next model must not be taken for the last one

    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
    yield
    patch.undo()


def _sqlite_triggers(cursor: Any) -> list[tuple[str, str]]:
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    return list(cursor.fetchall())
