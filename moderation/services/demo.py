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

from . import catalogue_import

USERNAME, PASSWORD = "demo", "clipmod-demo"
PRODUCTS = 180


class DemoRefused(Exception):  # noqa: N818 - the sentence is the name's point
    """The demo must not run on a production site."""


def refuse_in_production() -> None:
    """A login that everybody can read has no place on a site that is open to others."""
    if not settings.DEBUG:
        raise DemoRefused(
            "The demo makes a login with a known password and runs only with DEBUG=true."
        )


def make_login() -> User:
    """The demo user, who may do what a moderator and a lead may."""
    user, created = User.objects.get_or_create(username=USERNAME, defaults={"is_staff": True})
    if created:
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
        user.groups.set(Group.objects.filter(name__in=["moderator", "lead"]))
    return user


def is_drawn() -> bool:
    return (settings.DEMO_DIR / "planted.csv").is_file()


def draw(*, count: int = PRODUCTS, progress: Callable[[int, int], None] | None = None) -> None:
    """Draw the catalogue into `DEMO_DIR`, whole or not at all."""
    folder: Path = settings.DEMO_DIR
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    write_catalogue(unfinished, count=count, progress=progress)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def bring_in() -> catalogue_import.ImportReport:
    """Import the drawn catalogue; running it again changes nothing."""
    return catalogue_import.import_catalogue(
        settings.DEMO_DIR / "catalogue.csv", source=Product.Source.DEMO
    )


@dataclass(frozen=True)
class Planted:
    """A mismatch that was planted on purpose, and what became of it."""

    product_id: str
    mismatch: str
    text: str
    true_text: str
    caught: bool


@dataclass(frozen=True)
class Report:
    """What the model made of the demo shop."""

    analysed: int
    failed: int
    flagged: int
    planted: list[Planted]

    @property
    def caught(self) -> int:
        return sum(planted.caught for planted in self.planted)


def waiting() -> int:
    """Demo products whose analysis is still to come."""
    return Analysis.objects.live().filter(product__source=Product.Source.DEMO).count()


def report() -> Report:
    """Count the demo products by verdict, and look up each planted mismatch."""
    products = {
        product.external_id: product
        for product in Product.objects.filter(source=Product.Source.DEMO).select_related("analysis")
    }
    answers = [product.analysis for product in products.values() if product.analysis]
    return Report(
        analysed=sum(row.status == Analysis.Status.DONE for row in answers),
        failed=sum(row.status == Analysis.Status.FAILED for row in answers),
        flagged=sum(bool(row.is_mismatch) for row in answers),
        planted=[
            _planted(row, products[row["product_id"]])
            for row in _planted_rows()
            if row["product_id"] in products
        ],
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
