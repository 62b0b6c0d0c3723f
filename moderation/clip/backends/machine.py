"""What a choice of a backend depends on beside the model: the processor, and who computes on it."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from moderation.clip.backends.core_count import cpu_cores

_PACKAGES = ("torch", "onnxruntime", "openvino")


@cache
def name() -> str:
    """This machine in words: its processor and cores, and the versions of what may run a model.

    A virtual processor often hides its model, so what it can do is part of the name, as eight
    digits.
    """
    packages = [f"{package} {found}" for package in _PACKAGES if (found := _version(package))]
    return f"{_processor()}, {cpu_cores()} cores; {', '.join(packages)}"


def key() -> str:
    """The same as twelve hexadecimal digits, for a file's name."""
    return hashlib.sha256(name().encode()).hexdigest()[:12]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    said = dict([part.strip() for part in line.split(":", 1)] for line in lines if ":" in line)
    can = " ".join(sorted((said.get("flags") or said.get("Features") or "").split()))
    model = said.get("model name") or platform.machine()
    return f"{model} ({hashlib.sha256(can.encode()).hexdigest()[:8]})"
