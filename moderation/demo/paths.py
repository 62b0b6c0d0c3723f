"""Outlines: smooth curves through points, in units (0..100, y down)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Points = Sequence[Sequence[float]] | npt.NDArray[np.floating[Any]]
Outline = npt.NDArray[np.float64]
STEPS = 10


def curve(points: Sequence[Sequence[float]], *, closed: bool = True) -> Outline:
    """A smooth curve through the points (Catmull-Rom); a third value of 1 makes it a corner."""
    corners = [i for i, p in enumerate(points) if len(p) > 2 and p[2]]
    bare = np.array([p[:2] for p in points], dtype=float)
    if not closed:
        breaks = sorted({0, *corners, len(bare) - 1})
        runs = [bare[a : b + 1] for a, b in pairwise(breaks)]
        return np.concatenate([_spline(run) for run in runs])
    if not corners:
        return _closed_spline(bare)
    ring = np.roll(bare, -corners[0], axis=0)
    marks = [c - corners[0] for c in corners] + [len(bare)]
    ring = np.concatenate([ring, ring[:1]])
    return np.concatenate([_spline(ring[a : b + 1]) for a, b in pairwise(marks)])


def _segment(p: Outline, steps: npt.NDArray[np.float64]) -> Outline:
    """Uniform Catmull-Rom between p[1] and p[2]."""
    t = steps[:, None]
    out: Outline = 0.5 * (
        2 * p[1]
        + (p[2] - p[0]) * t
        + (2 * p[0] - 5 * p[1] + 4 * p[2] - p[3]) * t**2
        + (3 * p[1] - p[0] - 3 * p[2] + p[3]) * t**3
    )
    return out


def _spline(run: Outline) -> Outline:
    if len(run) < 3:
        return run
    padded = np.concatenate([[2 * run[0] - run[1]], run, [2 * run[-1] - run[-2]]])
    steps = np.linspace(0, 1, STEPS)
    return np.concatenate([_segment(padded[i : i + 4], steps) for i in range(len(run) - 1)])


def _closed_spline(ring: Outline) -> Outline:
    padded = np.concatenate([ring[-1:], ring, ring[:2]])
    steps = np.linspace(0, 1, STEPS, endpoint=False)
    return np.concatenate([_segment(padded[i : i + 4], steps) for i in range(len(ring))])


def mirror(half: Sequence[Sequence[float]], axis: float = 50.0) -> list[list[float]]:
    """A symmetric outline from its right half, given from top to bottom."""
    left = [[2 * axis - p[0], *p[1:]] for p in reversed(half) if p[0] != axis]
    return [list(p) for p in half] + left


def flipped(points: Points, axis: float = 50.0) -> Outline:
    """The points on the other side of a vertical axis."""
    out = np.array([list(p[:2]) for p in points], dtype=float)
    out[:, 0] = 2 * axis - out[:, 0]
    return out


def ellipse(x: float, y: float, rx: float, ry: float, *, turn: float = 0.0) -> Outline:
    """An ellipse about (x, y), turned by `turn` degrees."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    across, down = rx * np.cos(angle), ry * np.sin(angle)
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    return np.stack([x + across * c - down * s, y + across * s + down * c], axis=1)


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Outline:
    """Part of an ellipse from `start` to `end` degrees (0 is right, 90 is down)."""
    angle = np.deg2rad(np.linspace(start, end, 48))
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


def rounded(x0: float, y0: float, x1: float, y1: float, radius: float) -> Outline:
    """A rectangle with round corners."""
    parts = [
        arc(x1 - radius, y0 + radius, radius, radius, -90, 0),
        arc(x1 - radius, y1 - radius, radius, radius, 0, 90),
        arc(x0 + radius, y1 - radius, radius, radius, 90, 180),
        arc(x0 + radius, y0 + radius, radius, radius, 180, 270),
    ]
    return np.concatenate(parts)


def dashes(line: Outline, dash: float) -> list[Outline]:
    """Cut a line into dashes of `dash` units."""
    steps = np.hypot(*np.diff(line, axis=0).T)
    walked = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.arange(0, walked[-1] - dash * 0.6, dash * 1.7)
    ends = starts + dash
    out = []
    for start, end in zip(starts, ends, strict=True):
        at = [start, (start + end) / 2, end]
        out.append(
            np.stack([np.interp(at, walked, line[:, 0]), np.interp(at, walked, line[:, 1])], axis=1)
        )
    return out
