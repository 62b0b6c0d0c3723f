"""What whole runs are told and tell: which database, in which order, figures, and no skips."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tests.support import templates

# What no package brings: a device, and the past of a copy that was made without it.
NOT_INSTALLED = ("needs a GPU", "needs the git history")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-only",
        action="store_true",
        help="only tests that touch a database: for the second database of a whole run",
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        templates.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        templates.remove()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # What waits for processes first, then what is slow: at the end all workers would wait for it.
    items.sort(key=lambda item: ("installed" not in _fixtures(item), not _is_slow(item)))
    wanted = [item for item in items if _is_of_this_database(item)]
    if config.getoption("--database-only"):
        wanted = [item for item in wanted if _touches_a_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(wanted)])
    items[:] = wanted


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported stays: each full collection would look at all of it, for nothing."""
    gc.collect()
    gc.freeze()


def _is_of_this_database(item: pytest.Item) -> bool:
    on_postgresql = connection.vendor == "postgresql"
    return on_postgresql or item.get_closest_marker("postgresql") is None


def _touches_a_database(item: pytest.Item) -> bool:
    """Whether a test asks for the database, by itself or in processes that it starts.

    Not those about pages and documents, and whole runs whose parts are tested on each database.
    """
    if item.get_closest_marker("any_database"):
        return False
    asks = {"db", "transactional_db", "installed"} & _fixtures(item)
    return bool(asks or item.get_closest_marker("django_db"))


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


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
    unwanted = [reason for reason in skipped if not any(one in reason for one in NOT_INSTALLED)]
    if unwanted:
        reporter.write_line(f"NO_SKIPS=1, but {len(unwanted)} tests were skipped:", red=True)
        for reason in unwanted:
            reporter.write_line(f"  {reason}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
