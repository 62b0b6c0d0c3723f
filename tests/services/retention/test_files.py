"""Photos that no row names go, and no other file."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from moderation.models import (
    Analysis,
    FurtherPhoto,
    ModelVersion,
    Product,
    ProductPhoto,
    ShadowReport,
)
from moderation.services.catalogue import intake
from moderation.services.encoding import further_photos
from moderation.services.retention import analyses, files
from moderation.services.rules import photos
from tests.support.factories import MakeProduct, RunWorker
from tests.support.old_rows import age_analyses
from tests.support.photos import photo

pytestmark = pytest.mark.django_db

Stored = Callable[[int], str]


def remove(*, days: float = 30, **options: Any) -> int:
    """How many files went, which is as many as would have gone."""
    before = timezone.now() - timedelta(days=days)
    would_go = sum(gone["photos"] for gone in files.remove(before, dry_run=True, **options))
    gone = sum(gone["photos"] for gone in files.remove(before, dry_run=False, **options))
    assert gone == would_go
    return gone


def old(path: Path, *, days: float = 365) -> None:
    then = (timezone.now() - timedelta(days=days)).timestamp()
    os.utime(path, (then, then))


@pytest.fixture
def stored(media: Path) -> Stored:
    """Stores a photo a year ago; its name."""

    def store(mark: int) -> str:
        name = intake.store_photo(photo(mark=mark)).name
        old(media / name)
        return name

    return store


def test_what_nobody_names_goes(stored: Stored, media: Path) -> None:
    name = stored(1)
    fresh = intake.store_photo(photo(mark=2)).name
    assert remove() == 1
    assert not (media / name).exists() and (media / fresh).exists()


@pytest.mark.parametrize(
    "where", ["product", "analysis", "analysis of several", "further photo", "report"]
)
def test_what_any_row_names_stays(
    where: str, stored: Stored, make_product: MakeProduct, bundled: ModelVersion
) -> None:
    product, name = make_product("A1"), stored(1)
    if where == "product":
        Product.objects.update(image=name)
    elif where == "analysis":
        Analysis.objects.update(image=name)
    elif where == "analysis of several":
        Analysis.objects.update(photos=further_photos.stored([FurtherPhoto(1, name, "0" * 64)]))
    elif where == "further photo":
        ProductPhoto.objects.create(product=product, position=1, image=name)
    else:
        report = {"examples": {"newly_flagged": [{"product": 1, "image": name}]}}
        ShadowReport.objects.create(version=bundled, baseline=bundled, report=report)
    assert remove() == 0
    assert photos.exists(name)


def test_files_that_are_not_ours_stay(stored: Stored, media: Path) -> None:
    strange = ["logo.png", "products/readme.txt", f"old/products/ab/{'a' * 64}.jpg"]
    ours = ["products/ab/tmpabc_1234"]  # of a process that died while it wrote
    for name in (*strange, *ours):
        path = media / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1")
        old(path)
    assert remove() == 1
    assert all((media / name).exists() for name in strange)


def test_a_replaced_photo_goes_with_its_last_analysis(
    make_product: MakeProduct, run_worker: RunWorker, media: Path
) -> None:
    """Also one that was fetched from an address: its file is a photo as any other."""
    product = make_product("A1")
    run_worker()
    name = str(product.image)
    intake.take(intake.Listing("A1", product.text, image=photo("blue")), source="api")
    run_worker()
    old(media / name)
    assert remove() == 0
    age_analyses()
    for _ in analyses.remove(timezone.now() - timedelta(days=30), dry_run=False):
        pass
    assert remove() == 1
    assert not (media / name).exists()


def test_what_came_within_a_day_stays_whatever_the_setting(stored: Stored, media: Path) -> None:
    name = stored(1)
    old(media / name, days=0.9)
    assert remove(days=0) == 0
    old(media / name, days=1.1)
    assert remove(days=0) == 1


def test_a_photo_that_came_again_stays(stored: Stored, media: Path) -> None:
    name = stored(1)
    assert intake.store_photo(photo(mark=1)).name == name  # its row follows within the day
    assert remove() == 0


def test_the_folder_of_another_database_is_left_alone(
    stored: Stored, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_FEWEST", 3)
    names = [stored(mark) for mark in range(4)]
    with pytest.raises(files.MostlyUnused, match="4 of 4 photos in the storage are in no use"):
        remove()
    assert all((media / name).exists() for name in names)
    assert remove(many=True) == 4
