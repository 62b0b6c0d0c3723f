"""Settings come from the environment; a bad value stops the start with a sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.slow


def start(tmp_path: Path, code: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py check`, or `code` after set-up, with just these variables."""
    environment = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG"}}
    environment |= {"CLIPMOD_ENV_FILE": str(tmp_path / "none.env"), **variables}
    arguments = ["shell", "-v", "0", "-c", code] if code else ["check"]
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("CLIP_SIMILARITY_THRESHOLD", "high", "set it to a number between -1 and 1"),
        ("CLIP_SIMILARITY_THRESHOLD", "1.5", "set it to a number between -1 and 1"),
        ("CLIP_SIMILARITY_THRESHOLD", "nan", "set it to a number between -1 and 1"),
        ("CLIP_BATCH_SIZE", "0", "set it to a whole number between 1 and 1024"),
        ("CLIP_PRECISION", "int8", "set it to one of auto, fp32, bf16, fp16"),
        ("DEBUG", "maybe", "set it to true or false"),
        ("DEBUG", "false", "SECRET_KEY is not set"),
        ("DATABASE_URL", "mysql://root@localhost/x", "set it to sqlite"),
        ("DATABASE_URL", "nonsense", "set it to sqlite"),
        ("MAX_UPLOAD_MB", "-1", "set it to a number between 0.1 and 1000"),
        ("MAX_IMAGE_PIXELS", "170000001", "set it to a whole number between 10000 and 170000000"),
        ("TIME_ZONE", "Mars/Phobos", "TIME_ZONE"),
        ("API_RATE", "lots", "API_RATE"),
        ("REDIS_URL", "localhost", "REDIS_URL"),
        ("GROUP_LABEL_WEIGHT", "0", "set it to a number between 0.01 and 1"),
        ("CLIP_REPLAY_CSV", "nowhere.csv", "there is no such file"),
    ],
)
def test_a_bad_value_stops_the_start_in_one_sentence(
    tmp_path: Path, name: str, value: str, advice: str
) -> None:
    answer = start(tmp_path, **{name: value})

    assert answer.returncode != 0
    assert answer.stderr.startswith("clipmod cannot start: ")
    assert advice in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_password_in_a_bad_address_is_not_shown(tmp_path: Path) -> None:
    answer = start(tmp_path, DATABASE_URL="mysql://root:s3cret@localhost/x")

    assert "s3cret" not in answer.stderr


def test_production_needs_its_hosts(tmp_path: Path) -> None:
    answer = start(tmp_path, DEBUG="false", SECRET_KEY="k" * 50)

    assert "ALLOWED_HOSTS is not set" in answer.stderr


def test_a_complete_production_start_passes(tmp_path: Path) -> None:
    answer = start(tmp_path, DEBUG="false", SECRET_KEY="k" * 50, ALLOWED_HOSTS="shop.example")

    assert answer.returncode == 0, answer.stderr


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    source = (ROOT / "clipmod" / "settings.py").read_text()
    read = set(re.findall(r'(?:env\.\w+|_folder)\(\s*"([A-Z_]+)"', source))
    documented = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))

    assert read == documented


def test_the_example_file_starts_as_it_is(tmp_path: Path) -> None:
    answer = start(tmp_path, CLIPMOD_ENV_FILE=str(ROOT / ".env.example"))

    assert answer.returncode == 0, answer.stderr


def test_a_start_imports_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, clipmod.urls; "
        "heavy = ('torch', 'transformers', 'pandas', 'pyarrow', 'scipy'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    answer = start(tmp_path, code)

    assert answer.stdout.strip() == "[]", answer.stdout + answer.stderr


def test_nothing_imports_torchvision() -> None:
    for path in [*ROOT.glob("moderation/**/*.py"), *ROOT.glob("clipmod/*.py")]:
        assert not re.search(r"^\s*(import|from) torchvision", path.read_text(), re.M), path
