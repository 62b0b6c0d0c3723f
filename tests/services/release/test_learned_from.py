"""What a version was trained on may not judge it: also not as another file of the same photo."""

from __future__ import annotations

import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from moderation.clip.data import grouping
from moderation.models import Analysis, ModelVersion, TrainingRun
from moderation.services.catalogue import intake
from moderation.services.release import judged as judged_labels
from moderation.services.release import judged_pairs, learned_from
from tests.support import judged_shop
from tests.support.factories import MakeUser

pytestmark = pytest.mark.django_db


def picture(number: int) -> Image.Image:
    """A photo like no other."""
    pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((96, 96), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, *, quality: int = 90) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture
def judged(bundled: ModelVersion, make_user: MakeUser) -> list[str]:
    """Twelve products that were drawn by lot and judged, each with a photo of its own."""
    products = [
        intake.take(
            intake.Listing(
                external_id=f"P{number}",
                text=f"A {judged_shop.COLOURS[number % 8]} thing of kind {number}",
                image=jpeg(picture(number)),
            ),
            source="import",
        )[0]
        for number in range(12)
    ]
    judged_shop.judge_all(products, by=[make_user("ben")])
    return [product.text for product in products]


def trained_on(folder: Path, version: ModelVersion, images: list[bytes]) -> TrainingRun:
    """A training with these photos under titles and names that nothing else has."""
    (folder / "images").mkdir(parents=True)
    lines = ["image_path,text,label\n"]
    for number, image in enumerate(images):
        (folder / "images" / f"{number}.jpg").write_bytes(image)
        lines.append(f"images/{number}.jpg,Elsewhere {number},1\n")
    (folder / "train.csv").write_text("".join(lines))
    return TrainingRun.objects.create(base=version, version=version, dataset=str(folder), live=None)


def test_a_near_duplicate_of_a_trained_photo_is_left_out(
    bundled: ModelVersion, judged: list[str], tmp_path: Path
) -> None:
    smaller = picture(3).resize((64, 64))
    recompressed = [jpeg(smaller, quality=70), jpeg(picture(7), quality=60)]
    trained_on(tmp_path / "data", bundled, [*recompressed, jpeg(picture(100))])
    child = judged_shop.candidate(tmp_path / "child", parent=bundled)

    left = {pair.text for pair in judged_pairs.gold_and_audit(unseen_by=[child])}

    assert left == set(judged) - {judged[3], judged[7]}


def test_the_photos_of_a_training_s_own_csv_are_found_where_it_said(
    bundled: ModelVersion, judged: list[str], tmp_path: Path
) -> None:
    run = trained_on(tmp_path / "data", bundled, [jpeg(picture(5), quality=60)])
    (tmp_path / "data" / "images").rename(tmp_path / "images")
    run.options = {"train_csv": str(tmp_path / "train.csv")}
    run.save()

    left = {pair.text for pair in judged_pairs.gold_and_audit(unseen_by=[bundled])}

    assert left == set(judged) - {judged[5]}


def test_photos_of_our_own_data_sets_are_read_once(
    bundled: ModelVersion, judged: list[str], tmp_path: Path, settings: Any
) -> None:
    settings.CLIP_CHECKPOINT_DIR = tmp_path / "checkpoints"
    home = tmp_path / "checkpoints" / "training-1"
    trained_on(home / "dataset", bundled, [jpeg(picture(2), quality=60), b"no photo"])
    for _ in range(2):
        left = {pair.text for pair in judged_pairs.gold_and_audit(unseen_by=[bundled])}
        assert left == set(judged) - {judged[2]}
        (home / "dataset" / "images" / "0.jpg").unlink(missing_ok=True)
    (kept,) = set(home.iterdir()) - {home / "dataset"}

    kept.write_bytes(kept.read_bytes()[:200])  # cut off: as if it were not there
    assert len(judged_pairs.gold_and_audit(unseen_by=[bundled])) == 12


def test_a_csv_that_begins_with_a_byte_order_mark_is_read(
    bundled: ModelVersion, judged: list[str], tmp_path: Path
) -> None:
    trained_on(tmp_path / "data", bundled, [])
    rows = f"image_path,text,label\nelsewhere.jpg,{judged[4]},1\n"
    (tmp_path / "data" / "train.csv").write_text(rows, encoding="utf-8-sig")

    left = {pair.text for pair in judged_pairs.gold_and_audit(unseen_by=[bundled])}

    assert left == set(judged) - {judged[4]}


def test_thresholds_and_probabilities_are_not_fitted_on_what_the_weights_learned(
    bundled: ModelVersion, judged: list[str], tmp_path: Path, settings: Any
) -> None:
    Analysis.objects.update(similarity=0.3)
    run = trained_on(tmp_path / "data", bundled, [])
    head = "image_path,text,label\n"
    (tmp_path / "data" / "train.csv").write_text(f"{head}a.jpg,{judged[4]},1\n")
    (tmp_path / "data" / "listings.csv").write_text(f"{head}b.jpg,{judged[5]},\n")
    # What the probabilities were fitted on trained no weights.
    (tmp_path / "data" / "calibration.csv").write_text(f"{head}c.jpg,{judged[6]},1\n")

    assert len(judged_labels.judged(bundled)) == len(judged) - 2

    TrainingRun.objects.filter(pk=run.pk).update(mode="calibrate")
    assert len(judged_labels.judged(bundled)) == len(judged)

    TrainingRun.objects.filter(pk=run.pk).update(mode="full")
    (tmp_path / "data" / "train.csv").unlink()
    settings.GOLD_SHARE = 0.0
    assert judged_labels.judged(bundled) == []  # nobody knows what it has learned from
    settings.GOLD_SHARE = 1.0
    assert len(judged_labels.judged(bundled)) == len(judged)


@pytest.mark.slow
def test_thousands_of_photos_are_compared_in_seconds(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    # White around something in the middle, as in a catalogue.
    known = np.full((30_000, 16, 16, 3), 255, dtype=np.uint8)
    known[:, 3:13, 3:13] = random.integers(0, 255, (30_000, 10, 10, 3))
    known = known.reshape(30_000, 768)
    noisy = np.clip(known[:1000].astype(int) + random.integers(-4, 5, (1000, 768)), 0, 255)
    other = np.full((2000, 16, 16, 3), 255, dtype=np.uint8)
    other[:, 3:13, 3:13] = random.integers(0, 255, (2000, 10, 10, 3))
    asked = np.concatenate([noisy.astype(np.uint8), other.reshape(2000, 768)])

    began = time.monotonic()
    found = grouping.near_duplicates(asked, known)

    assert found.tolist() == [True] * 1000 + [False] * 2000
    assert time.monotonic() - began < 20  # 2 s where nothing else runs


def test_the_rule_is_the_one_that_divides_data_sets() -> None:
    pairs = [(n, n + 50) for n in range(10)] + [(n, n) for n in range(10)]
    one = np.stack([grouping.signature(picture(a)) for a, _ in pairs])
    two = np.stack([grouping.signature(picture(b).resize((60, 80))) for _, b in pairs])
    for row in range(len(pairs)):
        both = np.stack([one[row], two[row]])
        grouped = grouping.groups(images=["a", "b"], signatures=both, titles=["", ""])[1] == 0
        assert grouping.near_duplicates(one[row : row + 1], two[row : row + 1])[0] == grouped
    flat = np.full((1, 768), 200, dtype=np.uint8)
    assert not grouping.near_duplicates(flat, flat)[0]  # correlation says nothing of flat colours
    assert not learned_from.Seen().holds([])
