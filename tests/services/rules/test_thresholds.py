"""Which threshold holds: as a value, as SQL and as a cache's key, for every kind of product."""

from __future__ import annotations

from itertools import product as grid
from typing import Any

import pytest
from django.conf import settings as site

from moderation.models import Analysis, Category, ModelVersion, Product, ReviewItem
from moderation.services.rules import thresholds
from moderation.services.rules.thresholds import Thresholds, traits

pytestmark = pytest.mark.django_db

OWN = {"Plain": None, "Strict": 0.02, "Zero": 0.0, "Moved": None, "Both": 0.37, "Far": None}
OFFSETS = {"moved": 0.6, "both": -0.8, "far": 90.0, "gone": 1.0}
KNOTS = [[-0.1, 3.0], [0.2, 1.0], [0.5, -2.0]]
ASKED = (None, 0.15, 0.0)


@pytest.fixture
def shop(bundled: ModelVersion) -> list[ReviewItem]:
    """An item of each category, and of none, each with and without a threshold asked for."""
    Category.objects.all().delete()
    shelves = [Category.objects.create(name=name, threshold=own) for name, own in OWN.items()]
    return [item(bundled, shelf, asked) for shelf, asked in grid([None, *shelves], ASKED)]


def item(version: ModelVersion, category: Category | None, asked: float | None) -> ReviewItem:
    product = Product.objects.create(
        external_id=f"{category} {asked}", text="A mug", image="products/a.jpg", category=category
    )
    row = Analysis.objects.create(
        product=product, model_version=version, similarity=0.1, threshold_override=asked
    )
    return ReviewItem.objects.create(product=product, analysis=row, suspicion=0.5)


def expected(version: ModelVersion, at: float, category: Category | None) -> float:
    """A threshold of the version, moved by its calibration."""
    if category is None or version.calibrated is None or not OFFSETS.get(category.name.lower()):
        return at
    return min(max(version.calibrated.threshold_in(category.name, at), -1.0), 1.0)


def holds(version: ModelVersion, one: ReviewItem) -> float:
    """The rule in words: asked for, the category's, the setting's, the version's."""
    category = one.product.category
    own = category.threshold if category else None
    for threshold in (one.analysis.threshold_override, own, site.CLIP_SIMILARITY_THRESHOLD):
        if threshold is not None:
            return threshold
    return expected(version, version.threshold, category)


@pytest.mark.parametrize("setting", [None, 0.31])
@pytest.mark.parametrize(
    "calibration", [{}, {"offsets": OFFSETS}, {"offsets": OFFSETS, "knots": KNOTS}]
)
@pytest.mark.parametrize("clear", [None, 0.1, 0.9])
def test_value_and_sql_agree_for_every_kind_of_product(
    shop: list[ReviewItem],
    bundled: ModelVersion,
    settings: Any,
    setting: float | None,
    calibration: dict[str, Any],
    clear: float | None,
) -> None:
    settings.CLIP_SIMILARITY_THRESHOLD = setting
    bundled.calibration, bundled.clear_threshold = calibration, clear
    limits = Thresholds(bundled)
    asked = "threshold_override"
    rows = Analysis.objects.annotate(
        limit=limits.sql("product__", override=asked), general=limits.sql("product__")
    ).in_bulk()
    products = Product.objects.annotate(limit=limits.sql()).in_bulk()
    for one in shop:
        has, override, row = traits(one.product), one.analysis.threshold_override, one.analysis_id
        wanted = holds(bundled, one)
        assert limits.of(has, override=override) == rows[row].limit == wanted
        assert limits.of(has) == rows[row].general == products[one.product_id].limit
    if (sql := limits.clear_sql("product__", override=f"analysis__{asked}")) is None:
        assert clear is None and {limits.clear_of(traits(one.product)) for one in shop} == {None}
        return
    for item in ReviewItem.objects.annotate(limit=sql):
        band = limits.clear_of(traits(item.product), override=item.analysis.threshold_override)
        at = expected(bundled, clear or 0.0, item.product.category)
        assert band == item.limit == min(at, holds(bundled, item))


def test_columns_read_from_a_query_are_a_product_s_traits(shop: list[ReviewItem]) -> None:
    rows = ReviewItem.objects.values_list("pk", *thresholds.columns("product__"))
    found = {pk: tuple(has) for pk, *has in rows}
    assert found == {one.pk: traits(one.product) for one in shop}


def test_what_has_a_threshold_of_its_own_is_left_out(shop: list[ReviewItem]) -> None:
    without = {one.product_id for one in shop if not _own(one)}
    chosen = Product.objects.filter(thresholds.without_own())
    assert set(chosen.values_list("pk", flat=True)) == without
    from_items = ReviewItem.objects.filter(thresholds.without_own("product__"))
    assert set(from_items.values_list("product", flat=True)) == without
    before = thresholds.own_depends_on()
    Category.objects.filter(name="Strict").update(threshold=0.03)
    assert thresholds.own_depends_on() == before
    Category.objects.update(threshold=None)
    assert Product.objects.filter(thresholds.without_own()).count() == len(shop)
    assert thresholds.own_depends_on() != before


def _own(one: ReviewItem) -> bool:
    return one.product.category is not None and one.product.category.threshold is not None


@pytest.mark.parametrize(
    ("changes", "shelf", "differs"),
    [
        ({"threshold": 0.44}, {}, True),
        ({"calibration": {"offsets": {"moved": 0.7, "both": -0.8, "far": 90.0}}}, {}, True),
        ({"platt_a": -9.0}, {}, True),
        ({}, {"name": "Strict", "threshold": 0.05}, True),
        ({}, {"name": "Zero", "threshold": None}, True),
        ({}, {"name": "Moved", "to": "Bowls"}, True),
        # Nothing that a threshold follows from.
        ({"clear_threshold": 0.1}, {}, False),
        ({"calibration": {"offsets": {**OFFSETS, "both": 0.3, "gone": 2.0}}}, {}, False),
        ({}, {"name": "Plain", "to": "Bowls"}, False),
        ({}, {"name": "Strict", "is_active": False, "prompt": "a hat"}, False),
    ],
)
def test_the_key_changes_just_when_a_threshold_does(
    shop: list[ReviewItem],
    bundled: ModelVersion,
    changes: dict[str, Any],
    shelf: dict[str, Any],
    differs: bool,
) -> None:
    bundled.calibration = {"offsets": OFFSETS}
    before = Thresholds(bundled)
    key, found = before.depends_on, [before.of(traits(one.product)) for one in shop]
    for field, value in changes.items():
        setattr(bundled, field, value)
    if shelf:
        name, to = shelf.pop("name"), shelf.pop("to", None)
        Category.objects.filter(name=name).update(name=to or name, **shelf)
    after = Thresholds(bundled)
    assert (after.depends_on != key) is differs
    assert ([after.of(traits(one.product)) for one in shop] != found) is differs


def test_with_a_setting_the_key_forgets_the_version(
    shop: list[ReviewItem], bundled: ModelVersion, settings: Any
) -> None:
    settings.CLIP_SIMILARITY_THRESHOLD = 0.3
    key = Thresholds(bundled).depends_on
    bundled.threshold, bundled.calibration = 0.44, {"offsets": OFFSETS}
    assert Thresholds(bundled).depends_on == key
    settings.CLIP_SIMILARITY_THRESHOLD = 0.2
    assert Thresholds(bundled).depends_on != key


def test_without_a_product_no_table_is_read(
    bundled: ModelVersion, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        limits = Thresholds(bundled)
        assert limits.of() == limits.of(traits(None)) == limits.general == bundled.threshold
        assert limits.of(override=0.0) == 0.0


def test_for_many_products_the_tables_are_read_once(
    shop: list[ReviewItem], bundled: ModelVersion, django_assert_max_num_queries: Any
) -> None:
    bundled.calibration, bundled.clear_threshold = {"offsets": OFFSETS}, 0.1
    limits = Thresholds(bundled)
    with django_assert_max_num_queries(3):
        for one in shop:
            limits.of(traits(one.product)), limits.clear_of(traits(one.product))
