"""How many cores this process may keep busy: a machine's cores are not always its own."""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path

ROOT = Path("/")


def cpu_cores() -> int:
    """The cores that this process may use: by its affinity, and by its container's quota of time.

    A quota of one and a half cores counts as two: the second one is there half of the time.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _quota(ROOT)
    return max(1, min(allowed or 1, math.ceil(quota) if quota else allowed or 1))


@cache
def _quota(root: Path) -> float | None:
    """Cores by the quota of the control groups, the least of those that hold; None without one.

    https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max), and its first version's
    cpu.cfs_quota_us. A quota further up holds too.
    """
    found = []
    for group in _groups(root):
        for folder in (group, *group.parents):
            if folder == root / "sys/fs/cgroup" or root / "sys/fs/cgroup" in folder.parents:
                found.append(_of_folder(folder))
    return min((quota for quota in found if quota), default=None)


def _groups(root: Path) -> list[Path]:
    """The folders of this process's control groups that may limit its time."""
    mounted = root / "sys/fs/cgroup"
    groups = [mounted, mounted / "cpu"]  # as a container sees its own
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return groups
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            groups.append(mounted / path.lstrip("/"))
        elif "cpu" in controllers.split(","):
            groups += [mounted / name / path.lstrip("/") for name in ("cpu", controllers)]
    return groups


def _of_folder(folder: Path) -> float | None:
    quota, period = _words(folder / "cpu.max", 2)
    if not quota:
        (quota,) = _words(folder / "cpu.cfs_quota_us", 1)
        (period,) = _words(folder / "cpu.cfs_period_us", 1)
    if not quota.isdigit() or not period.isdigit():  # "max", -1, or no such file
        return None
    return int(quota) / int(period) if int(period) else None


def _words(path: Path, count: int) -> list[str]:
    """The first words of a file, empty where there are none."""
    try:
        words = path.read_text().split()
    except OSError:
        words = []
    return [*words, *[""] * count][:count]
