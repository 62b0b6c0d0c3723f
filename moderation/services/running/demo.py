"""The demo shop: drawn products with planted mismatches come in."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from moderation.demo.catalogue import write_catalogue
from moderation.models import Product

from ..catalogue import catalogue_import

PRODUCTS = 180
MISMATCH_SHARE = 0.2
RELISTED_SHARE = 1 / 45  # of the products, so that similar items can be seen


class DemoRefused(Exception):
    """The demo must not run on a production site."""


def refuse_in_production() -> None:
    """A login that everybody can read has no place on a site that is open to others."""
    if not settings.DEBUG:
        raise DemoRefused(
            "The demo makes a login with a known password and runs only with DEBUG=true."
        )


def is_drawn() -> bool:
    return (settings.DEMO_DIR / "planted.csv").is_file()


def draw(*, count: int = PRODUCTS, progress: Callable[[int, int], None] | None = None) -> None:
    """Draw the catalogue into `DEMO_DIR`, whole or not at all."""
    folder: Path = settings.DEMO_DIR
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    write_catalogue(
        unfinished,
        count=count,
        mismatch_share=MISMATCH_SHARE,
        relisted=round(count * RELISTED_SHARE),
        progress=progress,
    )
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def bring_in() -> tuple[int, int]:
    """Import the drawn products that are missing; returns how many, and how many were there.

    The others are left alone, so that what people edited stays edited.
    """
    folder: Path = settings.DEMO_DIR
    known = set(Product.objects.values_list("external_id", flat=True))
    with (folder / "catalogue.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    missing = [row for row in rows if row["product_id"] not in known]
    if missing:
        path = folder / "missing.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(missing[0]))
            writer.writeheader()
            writer.writerows(missing)
        catalogue_import.import_catalogue(path, source=Product.Source.DEMO)
        path.unlink()
    return len(missing), len(rows) - len(missing)


def erase_drawn() -> int:
    """Delete what `draw` and `bring_in` wrote, and nothing else; how many pictures that were."""
    folder: Path = settings.DEMO_DIR
    if not is_drawn():
        return 0
    pictures = list((folder / "images").glob("demo-*.jpg"))
    for path in (*pictures, *(folder / name for name in ("catalogue.csv", "missing.csv"))):
        path.unlink(missing_ok=True)
    (folder / "planted.csv").unlink()  # last: while it is there, the rest is found again
    for emptied in (folder / "images", folder):
        if emptied.is_dir() and not any(emptied.iterdir()):
            emptied.rmdir()
    return len(pictures)
