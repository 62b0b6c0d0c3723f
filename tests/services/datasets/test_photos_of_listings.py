"""Labels of listings with several photos: a row for each judged pair, all of them in one part."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from moderation.models import Decision, ReviewItem
from moderation.services.datasets import dataset, snapshots
from moderation.services.learning import training_labels
from moderation.services.queue import review, review_undo
from tests.support.several_photos import make_misfit

pytestmark = pytest.mark.django_db


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def decide(item: ReviewItem, anna: User, verdict: str, reason: str, **more: Any) -> Decision:
    return review.decide(item, moderator=anna, verdict=verdict, reason=reason, **more)


def test_a_label_has_the_photo_that_was_judged(bundled: Any, anna: User, tmp_path: Path) -> None:
    item = make_misfit("A1", misfit=3)
    made = decide(item, anna, "confirm", "other_product")
    dataset.export(tmp_path / "out")
    (row,) = rows(tmp_path / "out" / "labels.csv")
    third = made.analysis.further_photos[1]
    assert (row["photo"], row["label"], row["stratum"]) == ("3", "0", "photo")
    assert row["image_sha256"] == third.image_sha256
    assert float(row["similarity"]) == third.similarity
    assert (row["p_mismatch"], row["threshold_used"]) == ("", "")
    assert (tmp_path / "out" / row["image_path"]).is_file()


def test_each_judged_pair_is_a_row(bundled: Any, anna: User, tmp_path: Path) -> None:
    item = make_misfit("A1", misfit=3)
    decide(item, anna, "confirm", "other_product")
    again = ReviewItem.objects.create(
        product=item.product, analysis=item.analysis, suspicion=0.1, second_of=item
    )
    decide(again, User.objects.create_superuser("lead"), "confirm", "other_colour", photo=1)
    dataset.export(tmp_path / "out")
    found = rows(tmp_path / "out" / "labels.csv")
    assert [(row["photo"], row["reason"]) for row in found] == [
        ("3", "other_product"),
        ("1", "other_colour"),
    ]
    assert len({row["image_sha256"] for row in found}) == 2


def test_a_verdict_on_a_further_photo_is_no_label_of_the_main_one(bundled: Any, anna: User) -> None:
    decide(make_misfit("A1"), anna, "confirm", "other_product")
    assert Decision.objects.labels().count() == 0
    assert training_labels.counts().mismatches == 1


def test_undone_it_is_no_row(bundled: Any, anna: User, tmp_path: Path) -> None:
    decide(make_misfit("A1"), anna, "confirm", "other_product")
    review_undo.undo(moderator=anna)
    with pytest.raises(dataset.DatasetError, match="No decision gives a label"):
        dataset.export(tmp_path / "out")


def test_a_snapshot_keeps_the_photos_of_a_listing_in_one_part(
    bundled: Any, anna: User, tmp_path: Path
) -> None:
    for number in range(4):
        item = make_misfit(f"A{number}", misfit=2 + number % 3)
        decide(item, anna, "dismiss", "matches")
    snapshots.build(tmp_path / "snapshot")
    manifest = json.loads((tmp_path / "snapshot" / "manifest.json").read_text())
    assert manifest
    groups: dict[str, set[str]] = {}
    for part in snapshots.PARTS:
        for row in rows(tmp_path / "snapshot" / f"{part}.csv"):
            groups.setdefault(row["product_id"], set()).add(part)
    assert groups and all(len(parts) == 1 for parts in groups.values())
