"""What tests of several rooms start from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from moderation.models import ModelVersion, Product
from tests.support import sampled_shop


@pytest.fixture
def add(bundled: ModelVersion, anna: User) -> Callable[..., list[Product]]:
    """Adds products that were drawn alike, some judged: `sampled_shop.add`."""

    def added(count: int, **about: Any) -> list[Product]:
        return sampled_shop.add(count, version=bundled, by=anna, **about)

    return added
