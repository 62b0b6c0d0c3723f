"""The demo shop: a login, drawn products with planted mismatches, and how many were caught."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, User

from moderation.demo.catalogue import write_catalogue
from moderation.models import Analysis, Product

from ..catalogue import catalogue_import

USERNAME, PASSWORD = "demo", "clipmod-demo"
LEAD = "demo-lead"  # who decides what the other one escalates
PRODUCTS = 180
MISMATCH_SHARE = 0.2
RELISTED_SHARE = 1 / 45  # of the products, so that similar items can be seen
REVIEW_SHARE = 0.15
# So many decided leave more than a training needs, with what is kept for judging set aside.
LESSON_SHARE = 0.75


class DemoRefused(Exception):
    """The demo must not run on a production site."""


def refuse_in_production() -> None:
    """A login that everybody can read has no place on a site that is open to others."""
    if not settings.DEBUG:
        raise DemoRefused(
            "The demo makes a login with a known password and runs only with DEBUG=true."
        )


def make_logins() -> None:
    """Two demo users, who may do what a moderator and a lead may."""
    for name in (USERNAME, LEAD):
        user, created = User.objects.get_or_create(username=name, defaults={"is_staff": True})
        if created:
            user.set_password(PASSWORD)
            user.save(update_fields=["password"])
            user.groups.set(Group.objects.filter(name__in=["moderator", "lead"]))


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


@dataclass(frozen=True)
class Planted:
    """A mismatch that was planted on purpose, and what became of it."""

    product_id: str
    mismatch: str
    text: str
    true_text: str
    caught: bool


@dataclass(frozen=True)
class Budget:
    """What a higher threshold would do: one that flags a given share of the products."""

    threshold: float
    flagged: int
    caught: int


@dataclass(frozen=True)
class DemoReport:
    """What the model made of the demo shop."""

    analysed: int
    failed: int
    flagged: int
    planted: list[Planted]
    budget: Budget | None  # as many as moderators can look at
    lesson: Budget | None  # as many as a training learns from

    @property
    def caught(self) -> int:
        return sum(planted.caught for planted in self.planted)


def waiting() -> int:
    """Demo products whose analysis is still to come."""
    return Analysis.objects.live().filter(product__source=Product.Source.DEMO).count()


def report() -> DemoReport:
    """Count the demo products by verdict, and look up each planted mismatch."""
    products = {
        product.external_id: product
        for product in Product.objects.filter(source=Product.Source.DEMO).select_related("analysis")
    }
    answers = [product.analysis for product in products.values() if product.analysis]
    planted = [row for row in _planted_rows() if row["product_id"] in products]
    wrong = {row["product_id"] for row in planted}
    return DemoReport(
        analysed=sum(row.status == Analysis.Status.DONE for row in answers),
        failed=sum(row.status == Analysis.Status.FAILED for row in answers),
        flagged=sum(bool(row.is_mismatch) for row in answers),
        planted=[_planted(row, products[row["product_id"]]) for row in planted],
        budget=_at_budget(products, share=REVIEW_SHARE, wrong=wrong),
        lesson=_at_budget(products, share=LESSON_SHARE, wrong=wrong),
    )


def _at_budget(products: dict[str, Product], *, share: float, wrong: set[str]) -> Budget | None:
    """The threshold that flags this share of the products, and what it would catch."""
    scores = sorted(
        (product.analysis.similarity, external_id)
        for external_id, product in products.items()
        if product.analysis and product.analysis.similarity is not None
    )
    count = round(share * len(scores))
    if not 0 < count < len(scores):
        return None
    return Budget(
        threshold=scores[count][0],
        flagged=count,
        caught=sum(external_id in wrong for _, external_id in scores[:count]),
    )


def _planted(row: dict[str, str], product: Product) -> Planted:
    return Planted(
        product_id=product.external_id,
        mismatch=row["mismatch"].replace("_", " "),
        text=product.text,
        true_text=row["true_text"],
        caught=bool(product.analysis and product.analysis.is_mismatch),
    )


def _planted_rows() -> list[dict[str, str]]:
    with (settings.DEMO_DIR / "planted.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
