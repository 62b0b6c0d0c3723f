"""The cores a process may use: what it is bound to, and what its container grants."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.clip.backends import core_count


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({"sys/fs/cgroup/cpu.max": "max 100000"}, 8),
        ({"sys/fs/cgroup/cpu.max": "200000 100000"}, 2),
        ({"sys/fs/cgroup/cpu.max": "150000 100000"}, 2),
        ({"sys/fs/cgroup/cpu.max": "50000 100000"}, 1),
        ({"sys/fs/cgroup/cpu.max": "9900000 100000"}, 8),
        (
            {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000"}
            | {"sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
            3,
        ),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1"}, 8),
        (
            {"proc/self/cgroup": "0::/shop/worker\n"}
            | {"sys/fs/cgroup/shop/cpu.max": "100000 100000"}
            | {"sys/fs/cgroup/shop/worker/cpu.max": "400000 100000"},
            1,
        ),
        (
            {"proc/self/cgroup": "3:cpu,cpuacct:/docker/1\n2:memory:/docker/2\n"}
            | {"sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us": "400000"}
            | {"sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000"},
            4,
        ),
    ],
)
def test_a_container_s_quota_is_heeded(
    files: dict[str, str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(core_count, "ROOT", tmp_path)
    monkeypatch.setattr(core_count.os, "sched_getaffinity", lambda _: set(range(8)))

    assert core_count.cpu_cores() == cores
