"""A category is one, however its name is written; older databases are put in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor

from moderation.models import Category, Product, SavedView

OLD, NEW = ("moderation", "0007_trade_terms"), ("moderation", "0008_category_key")


def migrate(*target: tuple[str, str]) -> Any:
    """The models as they were after these migrations."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(target))
    return MigrationExecutor(connection).loader.project_state(list(target)).apps


@pytest.fixture
def old(transactional_db: None) -> Iterator[Any]:
    """The tables as they were, and afterwards as they are."""
    yield migrate(OLD)
    migrate(*MigrationExecutor(connection).loader.graph.leaf_nodes())


@pytest.mark.django_db
def test_two_spellings_of_a_name_cannot_both_be_there() -> None:
    Category.objects.create(name="Été")

    with pytest.raises(IntegrityError):
        Category.objects.bulk_create([Category(name="E\u0301TÉ")])


@pytest.mark.django_db
def test_the_key_follows_a_new_name_and_is_never_too_long() -> None:
    category = Category.objects.create(name="Été")
    category.name = "Обувь"
    category.save()
    long = Category.objects.create(name="\ufdfa" * 100)  # 18 letters each
    unseen = Category.objects.create(name="\u200b")

    assert Category.objects.get(key="обувь") == category
    assert len(long.key) == 200 and unseen.key == "\u200b"


def add(old: Any, name: str, **settings: Any) -> Any:
    category = old.get_model("moderation", "Category").objects.create(name=name, **settings)
    old.get_model("moderation", "Product").objects.create(
        external_id=f"P{category.pk}", text="A mug", image="a.jpg", category=category
    )
    return category


def test_spellings_of_one_category_are_merged_with_their_products_and_views(old: Any) -> None:
    plain, own, same = add(old, "Été"), add(old, "E\u0301té", threshold=0.3), add(old, "Été ")
    owner = User.objects.create(username="anna")
    SavedView.objects.create(owner=owner, name="x", query=f"category={plain.pk}&seller=a+b%26c")
    SavedView.objects.create(owner=owner, name="y", query=f"category={plain.pk}0")
    SavedView.objects.create(owner=owner, name="z", query=f"seller=category%3D{plain.pk}")

    migrate(NEW)

    kept = Category.objects.get()
    assert (kept.pk, kept.name, kept.threshold, kept.key) == (own.pk, "E\u0301té", 0.3, "été")
    assert set(Product.objects.values_list("external_id", "category")) == {
        (f"P{pk}", own.pk) for pk in (plain.pk, own.pk, same.pk)
    }
    assert list(SavedView.objects.order_by("name").values_list("query", flat=True)) == [
        f"category={own.pk}&seller=a+b%26c",
        f"category={plain.pk}0",
        f"seller=category%3D{plain.pk}",
    ]


def test_categories_with_settings_that_differ_both_stay_under_names_of_their_own(old: Any) -> None:
    first = add(old, "Чай", prompt="tea")
    second = add(old, "Чаи\u0306", prompt="a tea pot", is_active=False)
    add(old, "чай (2)")
    long = [add(old, "É" + "x" * 98, threshold=0.1), add(old, "E\u0301" + "x" * 98, threshold=0.2)]

    migrate(NEW)

    names = dict(Category.objects.values_list("pk", "name"))
    assert names[first.pk] == "Чай" and names[second.pk] == "Чаи\u0306 (3)"
    assert [names[one.pk][-6:] for one in long] == ["xxxxxx", "xx (2)"]
    assert Category.objects.get(pk=second.pk).prompt == "a tea pot"
    assert Product.objects.filter(category=second.pk).count() == 1
    assert all(category.key for category in Category.objects.all())


def test_the_way_back_leaves_the_names(old: Any) -> None:
    add(old, "Été")
    migrate(NEW)

    back = migrate(OLD)

    assert back.get_model("moderation", "Category").objects.get().name == "Été"
