"""The results of benchmarks.new_shop.measure as a table, and as a picture for the documents.

python -m benchmarks.new_shop.report /tmp/new-shop --svg docs/images/new-shop.svg
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .shop import SOURCES

Row = dict[str, Any]
_NAMES = {"source": "", "decisions": 0, "mode": "", "seed": 0, "replay": False, "base": ""}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    lines = (options.folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    rows = newest([json.loads(line) for line in lines])
    print(table(rows))
    if options.svg:
        options.svg.write_text(picture(rows), encoding="utf-8")


def newest(rows: list[Row]) -> list[Row]:
    """The last row of each source, mode, number of decisions, seed, with and without replay."""
    found = {tuple(row.get(name, other) for name, other in _NAMES.items()): row for row in rows}
    return [found[key] for key in sorted(found)]


def bases(rows: list[Row]) -> dict[str, Row]:
    """What each shop starts from."""
    return {row["source"]: row for row in rows if row["mode"] == "base"}


# ── Table ─────────────────────────────────────────────────────────────────────────────────────
def table(rows: list[Row]) -> str:
    """A table in Markdown: the mean over the seeds with its 95% interval where there are several.

    Beside each error stands its change from the base's, of the error in per cent.
    """
    base = bases(rows)
    lines = [
        "| shop | mode | decisions | seeds | error (1 - AP) | AUC of the others "
        "| wrong among the first 200 | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["source"], name_of(row), row["decisions"]].append(row)
    for (source, name, decisions), found in groups.items():
        before = base[source]
        cells = [f"{mean(found, 'error'):.3f}", f"{mean(found, 'others'):.3f}"]
        cells += [f"{mean(found, 'first'):.0%}", ""]
        if name != "base":
            cells[0] += f" ({spread(found, _ratio_to(before, 'error'), '+.0%')})"
            cells[1] += f" ({spread(found, _difference_to(before, 'others'), '+.3f')})"
            cells[2] += f" (x {mean(found, 'first') / before['first']:.2f})"
            cells[3] = f"{mean(found, 'minutes'):.1f}"
        if refused := sum(row.get("did") == "refused" for row in found):
            name += f" (too few decisions, base kept: {refused} of {len(found)})"
        lines.append(f"| {source} | {name} | {decisions:,} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def name_of(row: Row) -> str:
    return f"{row['mode']} with replay" if row.get("replay") else str(row["mode"])


def mean(rows: list[Row], name: str) -> float:
    return float(np.mean([row[name] for row in rows]))


def _ratio_to(before: dict[str, Any], name: str) -> Callable[[dict[str, Any]], float]:
    return lambda row: float(row[name] / before[name] - 1)


def _difference_to(before: dict[str, Any], name: str) -> Callable[[dict[str, Any]], float]:
    return lambda row: float(row[name] - before[name])


def spread(rows: list[Row], value: Callable[[Row], float], shown: str) -> str:
    """The mean, with half of its 95% interval (normal) where there are several seeds."""
    values = [value(row) for row in rows]
    text = format(np.mean(values), shown)
    if len(values) > 1:
        half = 1.96 * np.std(values, ddof=1) / np.sqrt(len(values))
        text += f" ± {format(half, shown.lstrip('+'))}"
    return text


# ── Picture ───────────────────────────────────────────────────────────────────────────────────
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 220, 200, 46, 30, 24
_MOST = 2000
_COLOURS = {"auto": "#1b6d4f", "adapt": "#417690", "head": "#b5651d", "full": "#7a4fa3"}


def picture(rows: list[Row]) -> str:
    """A panel for each shop: the error by decisions, a line for each mode."""
    base = bases(rows)
    sources = [source for source in SOURCES if source in base]
    width = _LEFT + len(sources) * (_WIDTH + _GAP)
    names = sorted({name_of(row) for row in rows if row["mode"] != "base"})
    height = _TOP + _HEIGHT + 50 + 18 * len(names)
    most = max(row["error"] for row in rows) * 1.1
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        "<title>Error (1 - average precision) on products never seen, by decisions</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, source in enumerate(sources):
        left = _LEFT + number * (_WIDTH + _GAP)
        parts += _frame(left, source, most=most, with_scale=number == 0)
        own = [row for row in rows if row["source"] == source]
        for name in names:
            parts += _line(left, name, own, base[source]["error"], most=most)
    for number, name in enumerate(names):
        y = _TOP + _HEIGHT + 56 + 18 * number
        parts.append(
            f'<line x1="{_LEFT}" x2="{_LEFT + 30}" y1="{y - 4}" y2="{y - 4}" {pen(name)}/>'
        )
        parts.append(f'<text x="{_LEFT + 38}" y="{y}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _frame(left: int, source: str, *, most: float, with_scale: bool) -> list[str]:
    bottom = _TOP + _HEIGHT
    parts = [
        f'<text x="{left}" y="{_TOP - 10}" font-weight="bold">{source}</text>',
        f'<line x1="{left}" x2="{left + _WIDTH}" y1="{bottom}" y2="{bottom}" stroke="#999"/>',
        f'<text x="{left + _WIDTH}" y="{bottom + 34}" text-anchor="end">decisions</text>',
    ]
    for decisions in (0, 500, 1000, 2000):
        x = _x(left, decisions)
        parts.append(f'<text x="{x:.0f}" y="{bottom + 16}" text-anchor="middle">{decisions}</text>')
    for step in np.arange(0, most, 0.05):
        y = _y(float(step), most)
        parts.append(
            f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#eee"/>'
        )
        if with_scale:
            parts.append(
                f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{step:.2f}</text>'
            )
    return parts


def _line(left: int, name: str, rows: list[Row], base: float, *, most: float) -> list[str]:
    """The mean over the seeds at each number of decisions; without any, the base's error."""
    by_count: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        if name_of(row) == name:
            by_count[row["decisions"]].append(row["error"])
    if not by_count:
        return []
    by_count.setdefault(0, [base])  # no mode trains without decisions
    points = [
        (_x(left, count), _y(float(np.mean(found)), most))
        for count, found in sorted(by_count.items())
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour(name)}"/>' for x, y in points]
    level = _y(base, most)
    return [
        f'<line x1="{left}" x2="{left + _WIDTH}" y1="{level:.1f}" y2="{level:.1f}" '
        'stroke="#999" stroke-dasharray="2 3"/>',
        f'<polyline points="{line}" fill="none" {pen(name)}/>',
        *dots,
    ]


def colour(name: str) -> str:
    return _COLOURS.get(name.split()[0], "#444")


def pen(name: str) -> str:
    dash = "" if "replay" in name else ' stroke-dasharray="5 3"'
    return f'stroke="{colour(name)}" stroke-width="2"{dash}'


def _x(left: int, decisions: int) -> float:
    return left + _WIDTH * decisions / _MOST


def _y(error: float, most: float) -> float:
    return _TOP + _HEIGHT * (1 - error / most)


if __name__ == "__main__":
    main()
