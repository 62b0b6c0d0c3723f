"""For how many products each label stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from moderation.models import Decision, ModelVersion, Product
from moderation.services.estimates import figures, weights
from tests.support import sampled_shop
from tests.support.factories import MakeUser

pytestmark = pytest.mark.django_db

Add = Callable[..., list[Product]]


@pytest.fixture
def add(bundled: ModelVersion, anna: User) -> Add:
    def added(count: int, **about: Any) -> list[Product]:
        return sampled_shop.add(count, version=bundled, by=anna, **about)

    return added


def weight_of(product: Product) -> float:
    return weights.of_labels().of(
        Decision.objects.filter(analysis__product=product).latest("pk").pk
    )


def test_what_was_judged_by_lot_stands_for_what_was_drawn_alike(add: Add) -> None:
    flagged = add(300, flagged=True, lot=40, judged=30, wrong=20, opened=100, opened_wrong=90)
    near = add(400, flagged=False, lot=40, judged=20, wrong=2, share=0.08)
    far = add(4000, flagged=False, lot=80, judged=50, wrong=1)

    assert weight_of(flagged[0]) == pytest.approx(300 / 30)
    assert weight_of(flagged[40]) == 0  # somebody picked it
    assert weight_of(near[0]) == pytest.approx(400 / 20)
    assert weight_of(far[49]) == pytest.approx(4000 / 50)
    found = weights.of_labels()
    assert sum(found.by_decision.values()) == pytest.approx(4700) == found.products


def test_what_was_judged_as_a_whole_is_counted(add: Add) -> None:
    flagged = add(50, flagged=True, lot=6, judged=6, wrong=4, opened=44, opened_wrong=20)
    add(1000, flagged=False, lot=80, judged=60, wrong=3)

    assert {weight_of(flagged[0]), weight_of(flagged[49])} == {1.0}


def test_a_label_is_the_newest_on_what_is_shown_now(add: Add, make_user: MakeUser) -> None:
    first, changed, *_ = add(100, flagged=True, lot=20, judged=20, wrong=12)
    add(1000, flagged=False, lot=80, judged=60, wrong=3)
    old = Decision.objects.get(analysis__product=first)
    Decision.objects.create(
        item=old.item, analysis=old.analysis, moderator=make_user("ben"), verdict="dismiss"
    )
    Product.objects.filter(pk=changed.pk).update(content_hash="other")

    assert weights.of_labels().of(old.pk) == 0
    assert weight_of(first) == pytest.approx(99 / 19)
    assert weight_of(changed) == 0


def test_without_an_estimate_nothing_is_weighed_and_it_says_why(add: Add) -> None:
    flagged = add(100, flagged=True, lot=20, judged=20, wrong=12)
    add(1000, flagged=False)

    found = weights.of_labels()
    assert weight_of(flagged[0]) == 0 and not found.by_decision
    assert found.why_not == figures.overall().prevalence.why  # type: ignore[union-attr]


def test_an_empty_catalogue_has_no_weights(bundled: ModelVersion) -> None:
    found = weights.of_labels()
    assert (found.by_decision, found.products) == ({}, 0) and found.why_not
