"""Copies of a listing are found by the worker, and offered to be decided together."""

from __future__ import annotations

import csv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.template.loader import render_to_string
from PIL import Image

from moderation import tasks
from moderation.clip.data import grouping, similar
from moderation.demo import draw
from moderation.models import Decision, PhotoSignature, Product, ReviewItem, Skip
from moderation.services.catalogue import intake
from moderation.services.datasets import dataset, snapshots
from moderation.services.queue import review, review_claims, review_undo
from moderation.services.queue import similar as groups_of
from moderation.services.release import judged, judged_pairs
from tests.support.factories import MakeItem, MakeProduct, MakeUser, RunWorker
from tests.support.snapshot_shop import jpeg, read, unlike

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]
MUG, RED_MUG = "A blue mug", draw("mug", colour="red", seed=1)


def resized(image: Image.Image, *, size: int, quality: int = 80) -> bytes:
    return jpeg(image.resize((size, size)), quality=quality)


@pytest.fixture
def analysed(make_product: MakeProduct, run_worker: RunWorker, settings: Any) -> Callable[[], None]:
    """Has the worker answer what is pending; everything is flagged."""
    settings.CLIP_SIMILARITY_THRESHOLD = 1.0
    return lambda: run_worker()


def item_of(external_id: str) -> ReviewItem:
    return ReviewItem.objects.open().get(product__external_id=external_id)


def seen_with(external_id: str, moderator: User) -> list[str]:
    found = groups_of.preview(item_of(external_id), moderator=moderator)
    return [item.product.external_id for item in found]


def three_mugs(make_product: MakeProduct) -> None:
    make_product("A1", text=MUG, image=jpeg(RED_MUG))
    make_product("A2", text="a blue MUG!", image=resized(RED_MUG, size=150))
    make_product("A3", text=MUG, image=jpeg(RED_MUG, quality=60))


# ── What is alike ─────────────────────────────────────────────────────────────────────────────
def test_photos_that_share_nothing_but_a_place_on_white_share_no_band() -> None:
    mugs = [draw("mug", colour="red", seed=seed) for seed in range(3)]
    others = [draw(kind, colour="red", seed=1) for kind in ("dress", "lamp", "sneaker")]
    found = [set(enumerate(similar.bands(grouping.signature(p)))) for p in (*mugs, *others)]
    assert not found[0] & (found[3] | found[4] | found[5])


def test_a_probe_differs_from_the_band_in_one_bit_and_holds_the_band() -> None:
    signature = grouping.signature(RED_MUG)
    for band, numbers in zip(similar.bands(signature), similar.probes(signature), strict=True):
        assert numbers[0] == band
        assert all((number ^ band).bit_count() == 1 for number in numbers[1:])
        assert all(0 <= number < 2**16 for number in numbers)


def test_one_flat_colour_looks_like_nothing() -> None:
    white = grouping.signature(Image.new("RGB", (50, 50), "white"))
    assert not similar.look_alike(white, np.stack([white])).any()


@pytest.mark.catalogue
def test_copies_of_real_photos_are_found_again(catalogue: Path) -> None:
    with (catalogue / "val.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::27]
    found = 0
    for row in rows:
        photo = Image.open(catalogue / row["image_path"]).convert("RGB")
        copy = Image.open(BytesIO(jpeg(photo.resize((photo.width // 2, photo.height // 2)))))
        own, other = grouping.signature(photo), grouping.signature(copy)
        shared = any(
            band in numbers
            for band, numbers in zip(similar.bands(own), similar.probes(other), strict=True)
        )
        found += bool(shared and similar.look_alike(own, other[None])[0])
    assert len(rows) > 50
    assert found >= 0.97 * len(rows)


# ── Groups ────────────────────────────────────────────────────────────────────────────────────
def test_the_worker_groups_copies_with_the_same_title(
    make_product: MakeProduct, analysed: Make, anna: User
) -> None:
    three_mugs(make_product)
    make_product("other text", text="A red mug", image=jpeg(RED_MUG))
    make_product("other photo", text=MUG, image=jpeg(draw("lamp", colour="red", seed=1)))
    analysed()
    assert set(seen_with("A1", anna)) == {"A2", "A3"}
    assert set(seen_with("A3", anna)) == {"A1", "A2"}
    assert seen_with("other text", anna) == []
    assert seen_with("other photo", anna) == []


def test_the_same_bytes_are_alike_though_one_flat_colour(
    make_product: MakeProduct, analysed: Make, anna: User
) -> None:
    for name in ("A1", "A2"):
        make_product(name, image=jpeg(Image.new("RGB", (64, 64), "white")))
    analysed()
    assert seen_with("A1", anna) == ["A2"]


def test_a_group_takes_only_what_is_alike_every_member(
    make_product: MakeProduct, analysed: Make, anna: User
) -> None:
    """Cropped a little more each time: A is like B and B like C, but A is not like C."""
    for number, name in enumerate("ABC"):
        edge = number * RED_MUG.width // 100
        box = (edge, edge, RED_MUG.width - edge, RED_MUG.height - edge)
        make_product(name, text=MUG, image=jpeg(RED_MUG.crop(box)))
        analysed()
    assert {name: seen_with(name, anna) for name in "ABC"} == {"A": ["B"], "B": ["A"], "C": []}
    review.decide(item_of("A"), moderator=anna, verdict="dismiss", reason="matches")
    make_product("C2", text=MUG, image=jpeg(RED_MUG.crop(box), quality=70))
    analysed()
    assert seen_with("B", anna) == []  # A may come back by an undo
    assert seen_with("C2", anna) == ["C"]


def test_a_group_has_a_limit(
    make_product: MakeProduct, analysed: Make, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups_of, "MEMBERS_AT_MOST", 3)
    for number in range(5):
        make_product(f"A{number}", text=MUG, image=jpeg(RED_MUG))
    analysed()
    sizes = sorted(len(seen_with(f"A{number}", anna)) + 1 for number in range(5))
    assert sizes == [2, 2, 3, 3, 3]


def test_the_vector_keeps_apart_what_the_pixels_do_not(
    make_product: MakeProduct, analysed: Make, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(similar, "COSINE", 1.01)
    three_mugs(make_product)
    make_product("A4", text=MUG, image=jpeg(RED_MUG))  # the bytes of A1
    analysed()
    assert seen_with("A1", anna) == ["A4"]
    assert seen_with("A2", anna) == []


def test_what_is_judged_blind_or_waits_for_a_lead_is_in_no_group(
    make_product: MakeProduct,
    analysed: Make,
    make_user: MakeUser,
    anna: User,
    ben: User,
    settings: Any,
) -> None:
    make_user("lea", group="lead")
    settings.AUDIT_FLAGGED_SHARE = 1.0
    make_product("blind", text=MUG, image=jpeg(RED_MUG))
    analysed()
    settings.AUDIT_FLAGGED_SHARE = 0.0
    three_mugs(make_product)
    analysed()
    assert item_of("blind").group_id is None
    assert seen_with("blind", anna) == []
    review.escalate(item_of("A2"), moderator=ben)
    assert seen_with("A1", anna) == ["A3"]
    assert seen_with("A2", anna) == []
    ReviewItem.objects.filter(pk=item_of("A3").pk).update(in_audit=True)  # drawn later
    assert seen_with("A1", anna) == []


def test_what_leaves_leaves_and_a_new_photo_is_placed_anew(
    make_product: MakeProduct, analysed: Make, anna: User
) -> None:
    three_mugs(make_product)
    make_product("lamp", text=MUG, image=jpeg(draw("lamp", colour="red", seed=1)))
    analysed()
    review.decide(item_of("A2"), moderator=anna, verdict="dismiss", reason="matches")
    assert seen_with("A1", anna) == ["A3"]
    lamp = jpeg(draw("lamp", colour="red", seed=1), quality=70)
    intake.take(intake.Listing(external_id="A3", text=MUG, image=lamp), source="import")
    assert seen_with("A1", anna) == []  # at once: what was shown is no longer what is sold
    analysed()
    assert seen_with("lamp", anna) == ["A3"]


def test_one_undo_brings_all_members_back(
    make_product: MakeProduct, analysed: Make, anna: User
) -> None:
    three_mugs(make_product)
    analysed()
    others = [item.pk for item in groups_of.preview(item_of("A1"), moderator=anna)]
    verdict = {"moderator": anna, "verdict": "confirm", "reason": "other_colour"}
    review.decide(item_of("A1"), **verdict, also=others)
    assert not ReviewItem.objects.open().exists()
    review_undo.undo(moderator=anna)
    assert set(seen_with("A1", anna)) == {"A2", "A3"}


def test_the_sweep_places_what_no_worker_placed(
    make_item: MakeItem, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("A1", "A2", "A3"):
        make_item(name, text=MUG, image=jpeg(RED_MUG))
    assert seen_with("A1", anna) == []
    assert groups_of.assign_pending(limit=2, seconds=60) == 2
    tasks.sweep()
    assert set(seen_with("A1", anna)) == {"A2", "A3"}
    assert groups_of.assign_pending(limit=2, seconds=60) == 0
    assert PhotoSignature.objects.count() == 1


def test_a_photo_that_is_gone_stops_nothing(make_item: MakeItem, anna: User, media: Path) -> None:
    for name in ("A1", "A2", "A3"):
        make_item(name, text=MUG, image=jpeg(RED_MUG, quality=90 if name == "A1" else 70))
    for file in media.rglob("*.jpg"):
        file.unlink()
    assert groups_of.assign_pending(limit=9, seconds=60) == 3
    assert seen_with("A1", anna) == []
    assert seen_with("A2", anna) == ["A3"]  # the same bytes once


def test_trouble_while_placing_leaves_the_answers_written(
    make_product: MakeProduct, analysed: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trouble(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(groups_of, "_place", trouble)
    three_mugs(make_product)
    analysed()
    assert Product.objects.filter(analysis__status="done").count() == 3


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_put_copies_into_one_group(make_item: MakeItem) -> None:
    for number in range(8):
        make_item(f"A{number}", text=MUG, image=jpeg(RED_MUG))
    analyses = [item.analysis for item in ReviewItem.objects.all()]
    start = Barrier(4)

    def place(part: int) -> None:
        try:
            start.wait()
            groups_of.assign(analyses[part::4] if part % 2 else analyses)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(place, range(4)))

    placed = list(ReviewItem.objects.values_list("group", flat=True))
    assert None not in placed
    assert len(set(placed)) == 1


# ── The strip beside the item ─────────────────────────────────────────────────────────────────
def test_the_preview_holds_what_this_moderator_may_decide_now(
    make_product: MakeProduct, analysed: Make, anna: User, ben: User, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        make_product(f"A{number}", text=MUG, image=jpeg(RED_MUG))
    analysed()
    review_claims.claim(item_of("A1"), moderator=ben)
    Skip.objects.create(item=item_of("A2"), moderator=anna)
    review_claims.claim(item_of("A3"), moderator=anna)
    item = item_of("A0")
    with django_assert_num_queries(1):
        found = groups_of.preview(item, moderator=anna)
        shown = [(row.product.external_id, row.analysis.image_url) for row in found]
    assert {name for name, _ in shown} == {"A3", "A4"}


def test_the_strip_ticks_nothing_by_itself_and_escapes_what_sellers_write(
    make_product: MakeProduct, analysed: Make, anna: User
) -> None:
    for name in ("A1", "A2"):
        make_product(name, text="<b>mug</b>", image=jpeg(RED_MUG), seller="<i>")
    analysed()
    item = item_of("A1")
    found = groups_of.preview(item, moderator=anna)
    html = render_to_string("admin/queue/similar.html", {"item": item, "similar": found})
    assert f'name="also" value="{item_of("A2").pk}"' in html
    assert "checked" not in html
    assert "&lt;b&gt;mug" in html
    assert "<i>" not in html
    assert "1 similar item:" in html
    assert "style=" not in html


# ── Labels that were taken over ───────────────────────────────────────────────────────────────
@pytest.fixture
def decided(make_product: MakeProduct, analysed: Make, anna: User) -> Decision:
    """Three mugs confirmed by one verdict, and a lamp by another."""
    three_mugs(make_product)
    make_product("lamp", text="A lamp", image=unlike("lamp"))
    analysed()
    others = [item.pk for item in groups_of.preview(item_of("A1"), moderator=anna)]
    verdict = {"moderator": anna, "verdict": "confirm", "reason": "other_colour"}
    review.decide(item_of("lamp"), **verdict)
    return review.decide(item_of("A1"), **verdict, also=others)


def test_a_snapshot_marks_copies_and_lets_them_weigh_less(
    decided: Decision, tmp_path: Path
) -> None:
    manifest = snapshots.build(tmp_path / "out")
    rows = {row["product_id"]: row for part in read(tmp_path / "out").values() for row in part}
    sources = {name: row["source"] for name, row in rows.items() if "source" in row}
    assert sources == {"A1": "flagged", "A2": "group", "A3": "group", "lamp": "flagged"}
    weights = {name: float(rows[name]["weight"]) for name in ("A1", "A2", "A3")}
    assert weights["A2"] == weights["A3"] == pytest.approx(weights["A1"] / 2, rel=1e-4)
    assert "0.5" in manifest.weight_rule


def test_an_export_marks_copies(decided: Decision, tmp_path: Path) -> None:
    manifest = dataset.export(tmp_path / "out")
    with (tmp_path / "out" / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["product_id"]: row for row in csv.DictReader(file)}
    assert manifest.rows == 4
    assert {name: row["mode"] for name, row in rows.items()} == {
        "A1": "queue",
        "A2": "group",
        "A3": "group",
        "lamp": "queue",
    }


def test_a_copy_is_neither_gold_nor_audit_nor_calibration(
    decided: Decision, ben: User, tmp_path: Path, settings: Any
) -> None:
    settings.GOLD_SHARE = 1.0
    copy = Decision.objects.get(item__product__external_id="A2")
    twin = ReviewItem.objects.create(
        product=copy.item.product,
        analysis=copy.analysis,
        second_of=copy.item,
        suspicion=0.5,
        in_audit=True,
    )
    assert len(judged.judged(copy.analysis.model_version)) == 2
    snapshots.build(tmp_path / "one")
    review.decide(twin, moderator=ben, verdict="confirm", reason="other_colour")
    snapshots.build(tmp_path / "two")
    assert read(tmp_path / "one")["gold"] == read(tmp_path / "two")["gold"] == []
    assert [pair.source for pair in judged_pairs.gold_and_audit()] == ["audit"]  # Ben's own
    assert len(judged.judged(copy.analysis.model_version)) == 3
