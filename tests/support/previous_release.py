"""The last release: which commit it is, and what git knows of it."""

from __future__ import annotations

import subprocess
import tomllib

import pytest

from tests.support.paths import ROOT

PREVIOUS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["clipmod"][
    "previous_release"
]


def of_previous_release(*arguments: str) -> bytes:
    """What git answers of the last release's commit; skips where the history is not here."""
    try:
        return subprocess.run(
            ["git", "-C", str(ROOT), *arguments], check=True, capture_output=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs the git history back to {PREVIOUS[:12]}: {error}")
