"""Reads the examples out of Markdown files and runs them against a clipmod of their own.

A comment just above a block says how it is treated:

    <!-- not run: why -->                it is shown, but not run
    <!-- not run on postgresql: why -->  it is run on SQLite only
    <!-- answers 400 -->                 its curl call is refused with this status
    <!-- file: name.csv -->              it is a file that later examples use
    <!-- settings: name.env -->          it is run with the settings in that file

A `json` block is the answer to the block before it: it is compared by its shape, a refusal word
for word.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT
from tests.support.ports import free_port
from tools.live_project import LiveProject

RUN = {"bash", "python", "javascript"}
SHOWN = {"text", "mermaid", "nginx", "ini", "csv", "xml"}
ADDRESSES = ("http://localhost:8000", "http://127.0.0.1:8000")
SECONDS_PER_BLOCK = 300  # a loaded machine; each takes a few seconds
# The real curl, but a status that was not expected is a failure, and every answer is JSON.
CURL = """#!/bin/sh
status=$(@CURL@ -sS -o "$ANSWER" -w '%{http_code}' "$@") || exit $?
cat "$ANSWER"; echo
case "$status" in
    $EXPECTED) ;;
    *) echo "curl was answered with $status" >&2; exit 1 ;;
esac
python -m json.tool "$ANSWER" > /dev/null
"""


@dataclass(frozen=True)
class Block:
    """One fenced block, with what the comment above it says."""

    path: Path
    line: int
    language: str
    code: str
    comment: str

    @property
    def where(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    @property
    def not_run(self) -> str:
        """Why it is not run, or an empty text."""
        return self._said("not run: ")

    @property
    def only_sqlite(self) -> bool:
        return bool(self._said("not run on postgresql: "))

    @property
    def file(self) -> str:
        return self._said("file: ")

    @property
    def settings(self) -> str:
        return self._said("settings: ")

    @property
    def status(self) -> str:
        """The expected HTTP status, as a pattern of the shell."""
        return self._said("answers ") or "2??"

    def _said(self, key: str) -> str:
        return self.comment.removeprefix(key) if self.comment.startswith(key) else ""


_FENCE = re.compile(
    r"^(?:<!-- (?P<comment>[^\n]*) -->\n)?```(?P<language>\S*)\n(?P<code>.*?)^```$", re.S | re.M
)


def blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    return [
        Block(
            path,
            text.count("\n", 0, found.start("code")),
            found["language"],
            found["code"],
            found["comment"] or "",
        )
        for found in _FENCE.finditer(text)
    ]


@dataclass
class Examples:
    """A working folder that looks like the project's own, with a running site behind it."""

    project: LiveProject
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        folder = self.folder
        (folder / "manage.py").symlink_to(ROOT / "manage.py")
        (folder / ".bin").mkdir()
        curl = folder / ".bin" / "curl"
        curl.write_text(CURL.replace("@CURL@", shutil.which("curl") or "curl"))
        curl.chmod(0o755)

    @property
    def folder(self) -> Path:
        return self.project.folder

    def run(self, block: Block) -> str:
        """What the block prints. Fails where it fails, or where curl has another status."""
        answer = self.folder / ".answer"
        answer.unlink(missing_ok=True)
        done = subprocess.run(
            ["bash", "-c", self._script(block)],
            cwd=self.folder,
            env=self._environment(answer),
            capture_output=True,
            text=True,
            timeout=SECONDS_PER_BLOCK,
        )
        assert done.returncode == 0, (
            f"{block.where} failed:\n{block.code}\n{done.stdout}\n{done.stderr}\n"
            f"{self.project.logs()}"
        )
        return answer.read_text() if answer.exists() else done.stdout

    def _script(self, block: Block) -> str:
        """What one block exports, the later ones see, as in one terminal."""
        code = block.code
        for address in ADDRESSES:
            code = code.replace(address, f"http://127.0.0.1:{self.port}")
        start = (
            "set -eu -o pipefail\n[ ! -f .exports ] || . ./.exports\n"
            f"export EXPECTED='{block.status}' CLIPMOD_ENV_FILE={block.settings or '.env'}\n"
        )
        if block.language == "bash":
            return f"{start}trap 'export -p > .exports' EXIT\n{code}"
        name = {"python": ".example.py", "javascript": ".example.mjs"}[block.language]
        (self.folder / name).write_text(code)
        return f"{start}exec {'python' if block.language == 'python' else 'node'} {name}"

    def write(self, block: Block) -> None:
        """Make the file that a block shows, with a real key where it shows dots."""
        key = f"SECRET_KEY={secrets.token_urlsafe(48)}"
        (self.folder / block.file).write_text(block.code.replace("SECRET_KEY=...", key))

    def _environment(self, answer: Path) -> dict[str, str]:
        folders = [self.folder / ".bin", Path(sys.executable).parent, os.environ["PATH"]]
        return {
            **self.project.environment,
            "PATH": ":".join(map(str, folders)),
            "PYTHONPATH": str(ROOT),
            "ANSWER": str(answer),
        }


def differences(shown: Any, answered: Any, *, path: str = "answer") -> list[str]:
    """Where an answer has another shape than the documents show; values may differ."""
    if isinstance(shown, dict) and isinstance(answered, dict):
        found = [f"{path}.{key} is shown only" for key in shown.keys() - answered.keys()]
        found += [f"{path}.{key} is not shown" for key in answered.keys() - shown.keys()]
        for key in shown.keys() & answered.keys():
            found += differences(shown[key], answered[key], path=f"{path}.{key}")
        return found
    if isinstance(shown, list) and isinstance(answered, list):
        if not shown or not answered:
            return [] if len(shown) == len(answered) else [f"{path}: one of both is empty"]
        return differences(shown[0], answered[0], path=f"{path}[0]")
    return [] if _kind(shown) == _kind(answered) else [f"{path}: {shown!r} but {answered!r}"]


def _kind(value: Any) -> type:
    return float if type(value) is int else type(value)


def check_answer(block: Block, request: Block, answered: str) -> None:
    """Compare a shown answer with the real one to the request before it."""
    shown, real = json.loads(block.code), json.loads(answered)
    if request.status.startswith("2"):
        assert not differences(shown, real), f"{block.where}: {differences(shown, real)}\n{real}"
    else:
        assert shown == real, f"{block.where}: {real}"
