"""The results of benchmarks.new_shop.measure as a table, and as a picture for the documents.

python -m benchmarks.new_shop.report /tmp/new-shop --svg docs/images/new-shop.svg
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]
_WIDTH, _BAR, _LEFT, _FULL = 640, 18, 190, 0.4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    lines = (options.folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    rows = newest([json.loads(line) for line in lines])
    print(table(rows))
    if options.svg:
        options.svg.write_text(bars(rows), encoding="utf-8")


def newest(rows: list[Row]) -> list[Row]:
    """The last row of each source, mode, number of decisions, seed, with and without replay."""
    names = {"source": "", "decisions": 0, "mode": "", "seed": 0, "replay": False}
    found = {tuple(row.get(name, other) for name, other in names.items()): row for row in rows}
    return [found[key] for key in sorted(found)]


def table(rows: list[Row]) -> str:
    """A table in Markdown; beside each error the change from the source's base."""
    base = {row["source"]: row for row in rows if row["mode"] == "base"}
    lines = [
        "| shop | mode | decisions | error (1 - AP) | AUC of the others | wrong among the first "
        "200 | minutes |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        before = base[row["source"]]
        change = "" if row is before else f" ({row['error'] / before['error'] - 1:+.0%})"
        others = "" if row is before else f" ({row['others'] - before['others']:+.3f})"
        lines.append(
            f"| {row['source']} | {name_of(row)} | {row['decisions']:,} "
            f"| {row['error']:.3f}{change} | {row['others']:.3f}{others} | {row['first']:.0%} "
            f"| {row.get('minutes', '')} |"
        )
    return "\n".join(lines)


def name_of(row: Row) -> str:
    return f"{row['mode']} with replay" if row.get("replay") else str(row["mode"])


def bars(rows: list[Row]) -> str:
    """One bar for each row, as long as its error; the base's in grey."""
    height = 24 + (_BAR + 8) * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        "<title>Error (1 - average precision) on products never seen</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for number, row in enumerate(rows):
        y = 12 + number * (_BAR + 8)
        length = (_WIDTH - _LEFT - 60) * min(row["error"] / _FULL, 1)
        colour = "#999" if row["mode"] == "base" else "#417690"
        name = f"{row['source']}, {name_of(row)}"
        if row["decisions"]:
            name += f", {row['decisions']:,}"
        parts += [
            f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end">{name}</text>',
            f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>',
            f'<text x="{_LEFT + length + 6:.1f}" y="{y + 13}">{row["error"]:.3f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main()
