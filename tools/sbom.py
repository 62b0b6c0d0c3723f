"""Writes sbom.json, a software bill of materials in CycloneDX: `make sbom`.

It lists what clipmod runs with, as it is installed here, with licences; not what testing needs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tools.installed import needed, requirements

ROOT = Path(__file__).resolve().parents[1]
BILL = ROOT / "sbom.json"


def bill() -> dict[str, Any]:
    """CycloneDX's description of this environment, cut down to what `requirements.txt` leads to."""
    # It warns that it does not know what clipmod itself asks for: that is added here.
    lister = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "environment", "--no-validate"]
    lister += ["--output-reproducible", "--pyproject", str(ROOT / "pyproject.toml"), sys.executable]
    listed = subprocess.run(lister, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(listed)
    runs = needed(requirements())
    parts = {
        canonicalize_name(one["name"]): _licensed(one)
        for one in found["components"]
        if canonicalize_name(one["name"]) in runs
    }
    clipmod = found["metadata"]["component"]["bom-ref"]
    direct = [parts[canonicalize_name(one.name)]["bom-ref"] for one in requirements()]
    refs = {one["bom-ref"] for one in parts.values()}
    needs = [
        one | {"dependsOn": [ref for ref in one.get("dependsOn", []) if ref in refs]}
        for one in found["dependencies"]
        if one["ref"] in refs
    ]
    return found | {
        "components": list(parts.values()),
        "dependencies": [{"ref": clipmod, "dependsOn": sorted(direct)}, *needs],
    }


def _licensed(part: dict[str, Any]) -> dict[str, Any]:
    """With what its package calls its licence, where that is no name that CycloneDX knows."""
    named = metadata(part["name"]).get_all("License", [])
    if part.get("licenses") or not named:
        return part
    return part | {"licenses": [{"license": {"name": name}} for name in named]}


def main() -> None:
    text = json.dumps(bill(), indent=2, ensure_ascii=False)
    BILL.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
