"""Makes what most tests need, through the services: people, products and flagged items.

The fixtures of the same names see to it that groups and an active model are there.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client

from moderation.models import Analysis, ModelVersion, Product, ReviewItem
from moderation.services.catalogue import intake
from moderation.services.registry import activation, registering
from moderation.services.scoring import analyze, results

from .photos import photo

MakeUser = Callable[..., User]
MakeProduct = Callable[..., Product]
MakeItem = Callable[..., ReviewItem]
RunWorker = Callable[[], int]


def activate_bundled() -> ModelVersion:
    """The bundled model, registered and active."""
    version = registering.register(registering.BUNDLED)
    activation.activate(version)
    return version


def make_user(name: str, *, group: str = "moderator") -> User:
    """Somebody who may enter the admin."""
    user = User.objects.create_user(name, password="correct horse", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def as_user(user: User) -> Client:
    """The browser of somebody who has logged in."""
    client = Client()
    client.force_login(user)
    return client


def make_product(external_id: str, *, text: str = "A red ball", **changes: Any) -> Product:
    """Takes in a product; its analysis is then pending. `changes` are fields of the listing."""
    image = photo(mark=zlib.crc32(external_id.encode()) % 9000)
    listing = intake.Listing(external_id=external_id, text=text, **{"image": image, **changes})
    return intake.take(listing, source="import")[0]


def make_item(external_id: str, *, similarity: float = 0.0, **changes: Any) -> ReviewItem:
    """A flagged product with an open review item, without asking the model."""
    product = make_product(external_id, **changes)
    row = Analysis.objects.select_related("product", "model_version").get(product=product)
    row.threshold_override = 0.99
    results.apply_score(row, similarity)
    with transaction.atomic():
        row.save()
        results.settle([row])
    return ReviewItem.objects.get(product=product)


def run_worker() -> int:
    """Answers everything that is pending, in this process; returns how much it was."""
    return analyze.run_pending(owner="test/0/0", seconds=600)
