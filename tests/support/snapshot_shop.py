"""A shop whose products look like nothing else, people who decide them, and snapshots read back."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from PIL import Image

from moderation.models import Decision
from moderation.services.queue import review
from tests.support.factories import MakeItem

Rows = dict[str, list[dict[str, str]]]


def deciding(make_item: MakeItem, moderator: User) -> Callable[..., Decision]:
    """Makes a product with a photo of its own and decides it: `decide("A1", "confirm")`."""

    def decided(name: str, verdict: str, reason: str = "", **changes: Any) -> Decision:
        changes = {"image": unlike(name), "text": f"text of {name}", **changes}
        item = make_item(name, **changes)
        reason = reason or {"confirm": "other_product", "dismiss": "matches"}[verdict]
        return review.decide(item, moderator=moderator, verdict=verdict, reason=reason)

    return decided


def unlike(name: str) -> bytes:
    """A photo like no other: noise, the same for the same name."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return jpeg(Image.fromarray(noise).resize((64, 64)))


def jpeg(image: Image.Image, *, quality: int = 90) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def read(folder: Path) -> Rows:
    """The rows of every CSV of a snapshot, by its name."""
    found = {}
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            found[path.stem] = list(csv.DictReader(file))
    return found


def products(rows: Rows, *parts: str) -> set[str]:
    return {row["product_id"] for part in parts for row in rows[part]}
