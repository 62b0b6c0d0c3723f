"""What `requirements.txt` leads to among the packages that are installed here."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"


def requirements() -> list[Requirement]:
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def needed(asked: Iterable[Requirement]) -> dict[str, str]:
    """The version of each package that they lead to, by its plain name."""
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(asked)
    while waiting:
        one = waiting.pop()
        name, extras = canonicalize_name(one.name), frozenset(one.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        package = distribution(name)
        found[name] = package.version
        waiting += [
            child for child in map(Requirement, package.requires or []) if _holds(child, extras)
        ]
    return dict(sorted(found.items()))


def _holds(requirement: Requirement, extras: Iterable[str]) -> bool:
    """Whether it is asked for on this machine, where the package is taken with these extras."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))
