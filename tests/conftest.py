"""Fixtures that many tests share. Prefer the real thing: a real database, the bundled model."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test import override_settings
from PIL import Image, ImageDraw

from tests.support.clip_models import build_folder
from tools.live_project import LiveProject

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = ROOT.parent / "shared" / "catalogue"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-only",
        action="store_true",
        help="only tests that touch a database: for the second database of a whole run",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Files with slow tests first: at the end all workers would wait for the one that has them.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if not config.getoption("--database-only"):
        return
    wanted = [item for item in items if _touches_a_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(wanted)])
    items[:] = wanted


def _touches_a_database(item: pytest.Item) -> bool:
    """Whether a test asks for the database, by itself or in processes that it starts.

    Not those about pages and documents, and whole runs whose parts are tested on each database.
    """
    if item.get_closest_marker("any_database"):
        return False
    names = set(getattr(item, "fixturenames", ()))
    asks = {"db", "transactional_db", "installed"} & names
    return bool(asks or item.get_closest_marker("django_db"))


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
    """SQLite in a file, as in real life: in memory, threads do not wait for each other's locks."""
    if connection.vendor == "sqlite":
        folder = tmp_path_factory.mktemp("database")
        connection.settings_dict["TEST"]["NAME"] = str(folder / "test.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """No test asks how hard a password is to guess, and a real hash takes a third of a second."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    """An empty media folder of its own for each test."""
    folder = tmp_path / "media"
    folder.mkdir()
    settings.MEDIA_ROOT = settings.CLIP_IMAGE_ROOT = folder
    return folder


@pytest.fixture(autouse=True)
def plain_queue(settings: Any) -> None:
    """Only what is flagged enters, the most suspicious first, judged once and in the open.

    The audit draws products by a hash of their ids; a test that speaks of it turns it on.
    """
    settings.AUDIT_SHARE = settings.AUDIT_FLAGGED_SHARE = settings.GOLD_SHARE = 0.0
    settings.QUEUE_UNCERTAIN_SHARE = settings.QUEUE_AUDIT_SHARE = 0.0


@pytest.fixture(autouse=True)
def fresh_version() -> None:
    """The version that the API holds for a second belongs to the test before."""
    from moderation.services.scoring import scoring_requests

    scoring_requests.forget_version()


def photo(
    colour: str = "red", *, size: tuple[int, int] = (96, 128), format: str = "JPEG", mark: int = 0
) -> bytes:
    """The bytes of a small picture; another `mark` gives other bytes of the same look."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse([size[0] // 5, size[1] // 5, 4 * size[0] // 5, 4 * size[1] // 5], fill=colour)
    draw.point([(mark % size[0], mark // size[0])], fill="black")
    buffer = BytesIO()
    image.save(buffer, format, **({"quality": 90} if format == "JPEG" else {}))
    return buffer.getvalue()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights that trains in seconds; nobody writes into its folder."""
    return build_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def bundled(db: None) -> Any:
    """The bundled model, registered and active."""
    from moderation.services.registry import activation, registering

    version = registering.register(registering.BUNDLED)
    activation.activate(version)
    return version


@pytest.fixture
def groups(db: None) -> None:
    from moderation.services.running import setup

    setup.seed_groups()


@pytest.fixture
def make_user(groups: None) -> Callable[..., User]:
    """Makes a user who may enter the admin: `make_user("anna", group="moderator")`."""

    def make(name: str, *, group: str = "moderator") -> User:
        user = User.objects.create_user(name, password="correct horse", is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        return user

    return make


@pytest.fixture
def make_product(bundled: Any) -> Callable[..., Any]:
    """Takes in a product through the intake service; its analysis is then pending."""
    from moderation.services.catalogue import intake

    def make(external_id: str, *, text: str = "A red ball", **changes: Any) -> Any:
        listing = intake.Listing(
            external_id=external_id,
            text=text,
            **{"image": photo(mark=zlib.crc32(external_id.encode()) % 9000), **changes},
        )
        return intake.take(listing, source="import")[0]

    return make


@pytest.fixture
def make_item(make_product: Callable[..., Any]) -> Callable[..., Any]:
    """A flagged product with an open review item, without asking the model."""
    from moderation.models import Analysis, ReviewItem
    from moderation.services.scoring import results

    def make(external_id: str, *, similarity: float = 0.0, **changes: Any) -> ReviewItem:
        product = make_product(external_id, **changes)
        row = Analysis.objects.select_related("product", "model_version").get(product=product)
        row.threshold_override = 0.99
        results.apply_score(row, similarity)
        with transaction.atomic():
            row.save()
            results.settle([row])
        return ReviewItem.objects.get(product=product)

    return make


@pytest.fixture
def run_worker() -> Callable[[], int]:
    """Answers everything that is pending, in this process, as the worker would."""
    from moderation.services.scoring import analyze

    return lambda: analyze.run_pending(owner="test/0/0", seconds=600)


# ── Real processes ────────────────────────────────────────────────────────────────────────────
MakeProject = Callable[..., LiveProject]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveProject]:
    """A new installation, made by its two commands; each test starts with a copy of it."""
    project = LiveProject(tmp_path_factory.mktemp("installed"))
    try:
        project.manage("migrate", "-v", "0")
        project.manage("setup")
        yield project
    finally:
        project.close()


@pytest.fixture
def make_project(installed: LiveProject, tmp_path: Path) -> Iterator[MakeProject]:
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
    from django.test import TransactionTestCase

    from moderation.services.encoding import engine

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


@pytest.fixture
def report_figures(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line for the end of the run's output, where it is printed with and without xdist."""
    return lambda line: record_property("figures", line)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, [])]
    lines = [line for r in reports for name, line in r.user_properties if name == "figures"]
    if lines:
        terminalreporter.section("figures")
        for line in sorted(lines):
            terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where `NO_SKIPS=1` says that everything is there, a skipped test is a failed run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("NO_SKIPS") != "1" or reporter is None:
        return
    skipped = [str(report.longrepr) for report in reporter.stats.get("skipped", [])]
    unwanted = [reason for reason in skipped if "needs a GPU" not in reason]
    if unwanted:
        reporter.write_line(f"NO_SKIPS=1, but {len(unwanted)} tests were skipped:", red=True)
        for reason in unwanted:
            reporter.write_line(f"  {reason}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
