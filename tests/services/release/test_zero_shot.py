"""The sample of the catalogue on which a version shows that it still knows products."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from moderation.models import Category, Decision, ModelVersion, Product
from moderation.services.release import zero_shot
from tests.support import scored_shop
from tests.support.factories import MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def categories() -> list[Category]:
    return [Category.objects.create(name=f"Kind {number}") for number in range(4)]


def test_it_is_drawn_by_lot_in_the_database(
    categories: list[Category], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zero_shot, "SAMPLE", 200)
    # In turns, as an import by shelf would bring them: a fixed step would meet one kind only.
    Product.objects.bulk_create(
        Product(
            external_id=f"P{number}",
            text="A ball",
            image_sha256=f"{number:064}",
            category=categories[number % 4],
        )
        for number in range(4000)
    )
    Product.objects.bulk_create(Product(external_id=f"N{n}", text="A ball") for n in range(50))

    with CaptureQueriesContext(
        connection,
    ) as queries:
        drawn = zero_shot._sample(categories)

    assert len(queries) == 1 and "LIMIT 200" in queries[0]["sql"]
    assert len({product.pk for product in drawn}) == 200
    kinds = Counter(product.category_id for product in drawn)
    assert set(kinds) == {category.pk for category in categories}
    assert min(kinds.values()) > 30
    keys = [product.pk for product in drawn]
    middle = (keys[0] + keys[-1]) / 2
    assert 80 < sum(key < middle for key in keys) < 120  # old and new products alike
    assert zero_shot._sample(categories) == drawn


def test_confirmed_mismatches_are_not_in_it(
    bundled: ModelVersion, make_user: MakeUser, categories: list[Category]
) -> None:
    products = scored_shop.fill(bundled, count=60, category="Kind 0")
    scored_shop.judge(products, moderator=make_user("ben"))
    confirmed = Decision.objects.filter(verdict="confirm")
    wrong = set(confirmed.values_list("analysis__product", flat=True))

    drawn = {product.pk for product in zero_shot._sample(categories)}

    assert wrong and drawn == {product.pk for product in products} - wrong
