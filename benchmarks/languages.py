"""Which texts a model that reads English is said not to read: found, and falsely called foreign.

    python -m benchmarks.languages --catalogue ../shared/catalogue

Found: of the titles in tools/titles.csv, 40 in each of seven languages and 80 English ones that are
full of foreign names. False: of the catalogue's texts, which are all English.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter, defaultdict
from pathlib import Path

from moderation.clip.texts import language

from .machine import machine

TITLES = Path(__file__).parents[1] / "tools" / "titles.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--catalogue", type=Path, default=Path("../shared/catalogue"))
    folder = parser.parse_args().catalogue
    print(machine())
    _found()
    for name in ("train.csv", "val.csv"):
        _false(name, [row["text"] for row in _rows(folder / name)])


def _found() -> None:
    titles = defaultdict(list)
    for row in _rows(TITLES):
        titles[row["language"]].append(_unreadable(row["title"]))
    for code, found in titles.items():
        rightly = f", {found.count(code)} named rightly" if code != "en" else ""
        said = sum(map(bool, found))
        print(f"{language.name(code):10} {said:3} of {len(found)} called foreign{rightly}")


def _false(name: str, texts: list[str]) -> None:
    start = time.perf_counter()
    false = Counter(text for text in texts if _unreadable(text))
    each = (time.perf_counter() - start) / len(texts)
    share = false.total() / len(texts) * 1000
    print(
        f"{name}: {false.total()} of {len(texts):,} called foreign ({share:.2f} of 1,000), "
        f"{each * 1e6:.0f} µs each"
    )
    for text, count in false.most_common():
        print(f"    {count} × {text} ({language.name(_unreadable(text))})")


def _unreadable(text: str) -> str:
    return language.unreadable(text, reads=["en"])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
