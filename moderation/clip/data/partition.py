"""Deal groups of rows out to the parts of a data set; a group is never split.

Everything depends on hashes of the groups' names, so a row more or less moves few other rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

# Of a snapshot; where a group has its place does not depend on which other groups there are.
SHARES = {"train": 0.6, "validation": 0.15, "calibration": 0.15, "test": 0.1}


def parts_of(
    groups: Mapping[str, frozenset[int]], *, seed: int = 0, taken: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The part of each group, by a hash of its name. `groups` holds the labels in each group.

    `taken` groups have their part already. With few labels a part may get no row of a class: it is
    then lent one group of the part that has most of them, the smallest hash first. With enough
    labels that never happens, and no group moves.
    """
    parts = {name: _by_share(_number(name, seed)) for name in groups}
    parts.update(taken or {})
    for label in (0, 1):
        for part in SHARES:
            if not any(parts[name] == part and label in found for name, found in groups.items()):
                moved = _spare(groups, parts, label, seed=seed, fixed=taken or {})
                if moved is not None:
                    parts[moved] = part
    return parts


def halves(
    groups: Mapping[str, tuple[int, int]], *, share: float, seed: int = 0
) -> tuple[set[str], set[str]]:
    """The groups in two, about `share` of the rows of each label in the first.

    `groups` holds (mismatches, matches) of each group. Groups with a mismatch are dealt first,
    since mismatches are rare; a group goes to the half that is further behind. Neither half is
    empty where there are two groups.
    """
    dealt: tuple[set[str], set[str]] = (set(), set())
    goals = (share, 1 - share)
    order = sorted(groups, key=lambda name: (-groups[name][0], _number(name, seed)))
    counts = [[0, 0], [0, 0]]
    for name in order:
        rows = groups[name]
        watched = 0 if rows[0] else 1
        half = min(
            (0, 1),
            key=lambda half: (counts[half][watched] + rows[watched] / 2) / max(goals[half], 1e-9),
        )
        dealt[half].add(name)
        for label in (0, 1):
            counts[half][label] += rows[label]
    for half in (0, 1):
        if not dealt[half] and len(dealt[1 - half]) > 1:
            last = next(name for name in reversed(order) if name in dealt[1 - half])
            dealt[1 - half].remove(last)
            dealt[half].add(last)
    return dealt


def _spare(
    groups: Mapping[str, frozenset[int]],
    parts: Mapping[str, str],
    label: int,
    *,
    seed: int,
    fixed: Mapping[str, str],
) -> str | None:
    """A group with this label that its part can do without, from the part that has most."""

    def has(part: str, wanted: int) -> list[str]:
        return [name for name, labels in groups.items() if parts[name] == part and wanted in labels]

    for giver in sorted(SHARES, key=lambda part: -len(has(part, label))):
        for name in sorted(has(giver, label), key=lambda name: _number(name, seed)):
            if name not in fixed and all(len(has(giver, wanted)) > 1 for wanted in groups[name]):
                return name
    return None


def _by_share(number: float) -> str:
    for part, share in SHARES.items():
        if number < share:
            return part
        number -= share
    return part


def _number(name: str, seed: int) -> float:
    """A stable number in [0, 1) for a group."""
    digest = hashlib.sha256(f"clipmod part {seed} {name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
