"""Every door finds a category by its name in any spelling, and none makes a second one."""

from __future__ import annotations

import pytest

from moderation.models import Category, Product
from moderation.services.catalogue import intake, intake_bulk
from moderation.services.catalogue.intake import Listing
from moderation.services.queries import lookup
from moderation.services.running import setup
from moderation.services.scoring import scoring_requests
from tests.support.factories import MakeProduct
from tests.support.photos import photo

pytestmark = pytest.mark.django_db

SPELLINGS = [
    ("Été", "ÉTÉ", "E\u0301te\u0301"),
    ("İç Giyim", "iç giyim", "I\u0307ç  GİYİM"),
    ("Ayakkabı", "AYAKKABI", "ayakkabı"),
    ("Обувь", "обувь", "ОБУВЬ"),
]


@pytest.mark.parametrize("names", SPELLINGS)
def test_one_by_one_and_many_at_once(make_product: MakeProduct, names: tuple[str, ...]) -> None:
    before = Category.objects.count()
    for number, name in enumerate(names):
        make_product(f"A{number}", category=name)
    arrivals = [
        (Listing(f"B{number}", "A ball", None, category=name), intake.store_photo(photo()))
        for number, name in enumerate(names)
    ]

    for dry_run in (True, False):
        intake_bulk.store_many(arrivals, source="import", dry_run=dry_run)

    assert Category.objects.count() == before + 1
    assert set(Product.objects.values_list("category__name", flat=True)) == {names[0]}


@pytest.mark.parametrize("names", SPELLINGS)
def test_many_at_once_make_one(make_product: MakeProduct, names: tuple[str, ...]) -> None:
    made = [
        (Listing(f"B{number}", "A ball", None, category=name), intake.store_photo(photo()))
        for number, name in enumerate(names)
    ]

    intake_bulk.store_many(made, source="import")

    assert Product.objects.values("category").distinct().count() == 1


@pytest.mark.parametrize("names", SPELLINGS)
def test_commands_and_the_model_know_it(names: tuple[str, ...]) -> None:
    category = Category.objects.create(name=names[0], prompt="a thing")

    assert {lookup.category_by_name(name) for name in names} == {category}
    assert {noun for _, noun in scoring_requests._named(names)} == {"a thing"}


def test_an_unknown_name_is_told_its_near_ones() -> None:
    Category.objects.create(name="Обувь")

    with pytest.raises(lookup.UnknownName, match="near: Обувь"):
        lookup.category_by_name("обуфь")


def test_setting_up_again_adds_no_second_spelling() -> None:
    Category.objects.create(name="HANDBAGS")

    setup.seed_categories()

    assert Category.objects.filter(key="handbags").count() == 1
