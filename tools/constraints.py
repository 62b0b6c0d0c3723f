"""Writes constraints.txt from what is installed here: `make constraints`, after `make test`.

It asks the package index for the hashes of every file of each version, for all platforms.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from tools.installed import needed, requirements

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"
LEFT_OUT = "torch"
_HEAD = """\
# The versions that clipmod was tested with, on Python {python}, and the hashes of all their files.
# `make constraints` writes it. To install just these, which pip then checks:
#   pip install --require-hashes -r constraints.txt
#   pip install -r requirements.txt
# The second line brings torch alone. It is not in here, because there is a build of it for each
# kind of processor, from several sources and with other hashes each; tested was {torch}.
"""


def pins() -> list[str]:
    """`name==version` of all that is needed, without torch and what only some builds of it need."""
    asked = [one for one in requirements() if one.name != LEFT_OUT]
    of_torch = map(Requirement, distribution(LEFT_OUT).requires or [])
    asked += [one for one in of_torch if one.marker is None]
    return [f"{name}=={version}" for name, version in needed(asked).items()]


def main() -> None:
    compiler = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-deps", "-"]
    compiler += ["--generate-hashes", "--no-header", "--no-annotate", "--python", sys.executable]
    made = subprocess.run(
        compiler, input="\n".join(pins()), stdout=subprocess.PIPE, text=True, check=True
    )
    head = _HEAD.format(
        python=".".join(map(str, sys.version_info[:2])), torch=Version(version(LEFT_OUT)).public
    )
    CONSTRAINTS.write_text(head + made.stdout, encoding="utf-8")


if __name__ == "__main__":
    main()
