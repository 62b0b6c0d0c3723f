"""What the code imports is what `requirements.txt` asks for."""

import ast
import re
import sys
from importlib.metadata import packages_distributions

from tests.support.paths import ROOT


def imported() -> set[str]:
    names: set[str] = set()
    for path in [*ROOT.glob("moderation/**/*.py"), *ROOT.glob("clipmod/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add((node.module or "").split(".")[0])
    return names - set(sys.stdlib_module_names) - {"moderation", "clipmod", "tests"}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_imported_package_is_required_by_name() -> None:
    lines = [
        line
        for name in ("requirements.txt", "requirements-openvino.txt")
        for line in (ROOT / name).read_text().splitlines()
    ]
    required = {plain(re.split(r"[\[<>=~! ]", line)[0]) for line in lines if line[:1] not in "#"}
    known = packages_distributions()
    missing = {
        name
        for name in imported()
        if not {plain(found) for found in known.get(name, [name])} & required
    }
    assert missing == set()
