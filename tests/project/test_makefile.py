"""What `make` does beside installing packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.any_database


def recipe(target: str) -> str:
    """The commands of a target, without running them."""
    asked = ["make", "--dry-run", "--always-make", "PORT=0", target]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_install_sets_up_and_brings_no_demo() -> None:
    done = recipe("install")

    assert "pip install" in done
    assert done.index("manage.py migrate") < done.index("manage.py setup")
    assert "manage.py demo" not in done


def test_run_shows_the_demo() -> None:
    assert "manage.py demo --port" in recipe("run")


@pytest.mark.slow
def test_an_install_that_was_interrupted_is_taken_up_again(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/preflight.py", tmp_path / "tools")
    (tmp_path / "requirements.txt").touch()
    half_made = [sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"]
    subprocess.run(half_made, check=True)

    asked = ["make", f"PYTHON={sys.executable}", ".venv/installed"]
    subprocess.run(asked, cwd=tmp_path, check=True, capture_output=True)

    pip = [tmp_path / ".venv/bin/python", "-m", "pip", "--version"]
    subprocess.run(pip, check=True, capture_output=True)
