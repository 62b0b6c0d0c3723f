"""A decided product whose photo or text changed comes back with both versions shown."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from moderation.models import Analysis, Decision, Product, ReviewItem
from moderation.services.catalogue import intake
from moderation.services.queue import review
from moderation.services.scoring import results
from tests.support.factories import MakeItem, MakeUser
from tests.support.photos import photo

pytestmark = pytest.mark.django_db


@pytest.fixture
def decided(make_item: MakeItem, make_user: MakeUser) -> ReviewItem:
    """A listing that anna let pass."""
    item = make_item("A1", text="A red ball")
    review.decide(item, moderator=make_user("anna"), verdict="dismiss", reason="close_enough")
    return ReviewItem.objects.get(pk=item.pk)


def change(*, similarity: float = 0.0, **changes: Any) -> None:
    """Change the product and let the model judge it again, by a threshold of 0.99."""
    product = Product.objects.get(external_id="A1")
    listing = {"text": product.text, "image": None, "category": None, **changes}
    intake.take(intake.Listing("A1", **listing), source="import")
    row = Analysis.objects.pending().select_related("product", "model_version").get()
    row.threshold_override = 0.99
    results.apply_score(row, similarity)
    with transaction.atomic():
        row.save()
        results.settle([row])


def shown(client: Client, make_user: MakeUser) -> str:
    client.force_login(make_user("ben"))
    item = ReviewItem.objects.open().get()
    return client.get(f"/admin/queue/{item.pk}/").content.decode()


def test_a_new_text_is_shown_beside_the_old_one(
    decided: ReviewItem, client: Client, make_user: MakeUser
) -> None:
    change(text="A blue ball")
    page = shown(client, make_user)
    assert "The text changed since this listing was decided" in page
    assert "A red ball" in page
    assert "A blue ball" in page
    assert "anna decided" in page
    assert "close enough for a buyer" in page


def test_a_new_photo_is_shown_beside_the_old_one(
    decided: ReviewItem, client: Client, make_user: MakeUser
) -> None:
    old = Product.objects.get().image.url
    change(image=photo("green", mark=77))
    page = shown(client, make_user)
    assert "The photo changed since this listing was decided" in page
    assert old in page
    assert Product.objects.get().image.url in page


def test_it_comes_back_though_the_model_lets_the_new_text_pass(
    decided: ReviewItem, client: Client, make_user: MakeUser
) -> None:
    change(text="A blue ball", similarity=1.0)
    item = ReviewItem.objects.open().get()
    assert (item.stratum, item.in_audit) == ("reopened", False)
    assert "The text changed since this listing was decided" in shown(client, make_user)

    row = Analysis.objects.get(pk=item.analysis_id)
    with transaction.atomic():
        results.settle([row])  # scored again it stays, until somebody decides
    assert ReviewItem.objects.open().get() == item
    ben = User.objects.get(username="ben")
    review.decide(item, moderator=ben, verdict="dismiss", reason="matches")
    assert not ReviewItem.objects.open().exists()


def test_what_only_a_band_decided_does_not_come_back_for_people(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    item = make_item("A1", text="A red ball")
    ReviewItem.objects.update(state="decided")
    Decision.objects.create(
        item=item,
        analysis=item.analysis,
        moderator=make_user("lea", group="lead"),
        verdict="confirm",
        reason="other_product",
        mode="automatic",
    )
    change(text="A blue ball", similarity=1.0)
    assert not ReviewItem.objects.open().exists()


def test_a_blind_judgement_is_not_told_what_was_decided(
    decided: ReviewItem, client: Client, make_user: MakeUser
) -> None:
    change(text="A blue ball")
    ReviewItem.objects.open().update(in_audit=True)
    page = shown(client, make_user)
    assert "The text changed since this listing was decided" in page
    assert "anna decided" not in page


def test_what_was_never_decided_shows_one_version(
    make_item: MakeItem, client: Client, make_user: MakeUser
) -> None:
    make_item("A1")
    assert "since this listing was decided" not in shown(client, make_user)
