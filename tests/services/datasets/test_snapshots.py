"""Frozen data sets: what goes where, what never meets, and always the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from moderation.clip.data import partition
from moderation.demo import draw
from moderation.models import Decision, ReviewItem
from moderation.services.catalogue import intake
from moderation.services.datasets import dataset, snapshots
from moderation.services.datasets.dataset_manifest import Filters
from moderation.services.queue import review, review_undo
from moderation.services.rules import sampling
from tests.support.factories import MakeItem, MakeProduct
from tests.support.photos import photo
from tests.support.snapshot_shop import deciding, jpeg, products, read, unlike

from .test_export import bytes_of

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_gold(settings: Any) -> None:
    settings.GOLD_SHARE = 0.0


@pytest.fixture
def decide(make_item: MakeItem, anna: User) -> Make:
    return deciding(make_item, anna)


def test_each_label_is_in_one_part_and_each_part_has_both_classes(
    decide: Make, tmp_path: Path
) -> None:
    for number in range(16):
        decide(f"A{number}", "confirm" if number % 3 == 0 else "dismiss")
    manifest = snapshots.build(tmp_path / "out")
    rows = read(tmp_path / "out")
    listed = [row["product_id"] for part in snapshots.PARTS for row in rows[part]]
    assert sorted(listed) == sorted(f"A{number}" for number in range(16))
    for part in partition.SHARES:
        assert {row["label"] for row in rows[part]} == {"0", "1"}, part
    assert manifest.rows == 16
    assert rows["gold"] == []


def test_a_row_says_where_its_label_is_from(decide: Make, tmp_path: Path) -> None:
    decision = decide("A1", "confirm", category="Mugs")
    snapshots.build(tmp_path / "out")
    rows = read(tmp_path / "out")
    (row,) = [row for part in partition.SHARES for row in rows[part]]
    assert list(row)[:3] == ["image_path", "text", "label"]
    assert (row["text"], row["label"], row["category"]) == ("text of A1", "0", "Mugs")
    assert (row["source"], row["stratum"], float(row["weight"])) == ("flagged", "flagged", 1.0)
    assert row["model_version"] == decision.analysis.model_version.name
    assert float(row["similarity"]) == decision.analysis.similarity
    assert float(row["p_mismatch"]) == decision.analysis.p_mismatch
    assert row["decided_at"] == decision.created_at.isoformat()
    assert row["content_hash"] == decision.analysis.content_hash
    data = (tmp_path / "out" / row["image_path"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == row["image_sha256"]


def test_the_same_decisions_give_the_same_bytes(decide: Make, tmp_path: Path) -> None:
    for number in range(8):
        decide(f"A{number}", "confirm" if number % 2 else "dismiss")
    one = snapshots.build(tmp_path / "one")
    two = snapshots.build(tmp_path / "deep" / "two")
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "deep" / "two")
    assert one.sha256 == two.sha256
    other = snapshots.build(tmp_path / "other", seed=1)
    assert other.sha256 != one.sha256


def test_the_manifest_vouches_for_every_file(decide: Make, tmp_path: Path) -> None:
    decide("A1", "confirm")
    decide("A2", "dismiss")
    manifest = snapshots.build(tmp_path / "out", filters=Filters(verdict="confirm"), seed=3)
    files = bytes_of(tmp_path / "out")
    told = json.loads(files["manifest.json"])
    assert told["files"] == {
        name: hashlib.sha256(data).hexdigest()
        for name, data in files.items()
        if name.endswith((".csv", ".parquet"))
    }
    assert {f"{part}.csv" for part in (*snapshots.PARTS, "listings")} < told["files"].keys()
    photos = files.keys() - told["files"].keys() - {"manifest.json"}
    names = "".join(f"{name}\n" for name in sorted(photos))
    assert all(hashlib.sha256(files[name]).hexdigest() in name for name in photos)
    assert told["images"]["sha256_of_sorted_names"] == hashlib.sha256(names.encode()).hexdigest()
    assert (told["filters"], told["seed"]) == ({"verdict": "confirm"}, 3)
    assert sum(part["mismatches"] for part in told["parts"].values()) == 1
    assert manifest.sha256 == hashlib.sha256(files["manifest.json"]).hexdigest()


# ── Groups ────────────────────────────────────────────────────────────────────────────────────
def test_groups_never_cross_the_parts(decide: Make, tmp_path: Path) -> None:
    mug = draw("mug", colour="red", seed=1)
    for number in range(6):
        twin = jpeg(mug, quality=90 - number) if number % 2 else unlike(f"family {number}")
        decide(f"twin{number}", "dismiss", image=twin, text=f"A mug, number {number % 5}")
    for number in range(10):
        decide(f"title{number}", "confirm" if number % 2 else "dismiss", text="RED mug!")
    for number in range(20):
        decide(f"A{number}", "confirm" if number % 2 else "dismiss")
    snapshots.build(tmp_path / "out")
    rows = read(tmp_path / "out")
    groups = [{row["group"] for row in rows[part]} for part in snapshots.PARTS]
    assert sum(map(len, groups)) == len(set.union(*groups))
    of = {row["product_id"]: row["group"] for part in snapshots.PARTS for row in rows[part]}
    assert len({of[f"twin{number}"] for number in (1, 3, 5)}) == 1
    assert of["twin0"] == of["twin5"]
    assert len({of[f"title{number}"] for number in range(10)}) == 1
    assert len(set(of.values())) == 20 + 1 + 1 + 2


def test_later_decisions_neither_rename_nor_move_a_group(decide: Make, tmp_path: Path) -> None:
    for number in range(40):
        decide(f"A{number}", "confirm" if number % 2 else "dismiss")
    snapshots.build(tmp_path / "before")
    for number in range(10):
        decide(f"B{number}", "confirm", text=f"Text of A{number}")
    snapshots.build(tmp_path / "after")
    places = [
        {
            row["product_id"]: (part, row["group"])
            for part in snapshots.PARTS
            for row in read(folder)[part]
        }
        for folder in (tmp_path / "before", tmp_path / "after")
    ]
    before, after = places
    assert {name: after[name][1] for name in before} == {name: g for name, (_, g) in before.items()}
    # A group that a part was lent, so that it has both classes, goes back where it came from.
    assert sum(after[name] != before[name] for name in before) <= 2
    assert all(places[1][f"B{n}"] == places[1][f"A{n}"] for n in range(10))


# ── Gold, audit and what is no label ──────────────────────────────────────────────────────────
@pytest.fixture
def second(settings: Any, decide: Make, ben: User) -> Make:
    """Two people decide a product: `second("A1", "confirm", "dismiss")`."""

    def decided(name: str, one: str, two: str, reason: str = "", **changes: Any) -> None:
        settings.GOLD_SHARE = 1.0
        first = decide(name, one, **changes)
        item = ReviewItem.objects.get(second_of=first.item)
        reason = reason or {"confirm": "other_colour", "dismiss": "close_enough"}[two]
        review.decide(item, moderator=ben, verdict=two, reason=reason)
        settings.GOLD_SHARE = 0.0

    return decided


def test_what_two_people_agree_on_is_gold_and_its_group_is_never_trained_on(
    second: Make, decide: Make, tmp_path: Path
) -> None:
    second("G1", "confirm", "confirm", text="A golden mug")
    decide("mate", "dismiss", text="a golden MUG")
    for number in range(20):
        decide(f"A{number}", "confirm" if number % 2 else "dismiss")
    snapshots.build(tmp_path / "out")
    rows = read(tmp_path / "out")
    (gold,) = rows["gold"]
    assert (gold["product_id"], gold["label"], gold["source"]) == ("G1", "0", "gold")
    assert "mate" in products(rows, "test")
    assert "mate" not in products(rows, "train", "validation", "calibration", "listings")
    assert not {gold["group"]} & {row["group"] for row in rows["listings"]}


def test_disagreement_and_what_nobody_can_tell_are_left_out_and_counted(
    second: Make, decide: Make, tmp_path: Path
) -> None:
    second("D1", "confirm", "dismiss")
    second("D2", "dismiss", "dismiss", "unclear")
    decide("U1", "dismiss", "unclear")
    decide("A1", "dismiss")
    manifest = snapshots.build(tmp_path / "out")
    assert products(read(tmp_path / "out"), *snapshots.PARTS) == {"A1"}
    assert manifest.left_out == {"disagreement": 1, "unclear": 2}


def test_a_second_opinion_that_was_undone_makes_no_gold(
    second: Make, ben: User, tmp_path: Path
) -> None:
    second("G1", "confirm", "confirm")
    review_undo.undo(moderator=ben)
    snapshots.build(tmp_path / "out")
    rows = read(tmp_path / "out")
    assert products(rows, "gold") == set()
    assert products(rows, *partition.SHARES) == {"G1"}


def test_products_drawn_for_gold_are_kept_out_of_training_before_they_are_gold(
    settings: Any, decide: Make, make_product: MakeProduct, tmp_path: Path
) -> None:
    for number in range(30):
        decide(f"A{number}", "confirm" if number % 2 else "dismiss")
        make_product(f"L{number}", image=unlike(f"L{number}"), text=f"listing {number}")
    settings.GOLD_SHARE = 0.3
    snapshots.build(tmp_path / "out")
    rows = read(tmp_path / "out")
    seen = products(rows, "train", "validation", "calibration", "listings")
    drawn = {name for name in products(rows, *partition.SHARES) if sampling.drawn_for_gold(name)}
    assert 0 < len(drawn) <= len(products(rows, "test"))
    assert not any(sampling.drawn_for_gold(name) for name in seen)
    assert any(name.startswith("L") for name in seen)


def test_what_was_drawn_weighs_for_what_was_not_but_within_bounds(
    decide: Make, tmp_path: Path, anna: User
) -> None:
    plain = decide("A1", "dismiss")
    for name, probability, in_audit in (("A2", 0.5, True), ("A3", 0.02, True), ("A4", 1.0, True)):
        decision = decide(name, "dismiss")
        Decision.objects.create(
            item=decision.item,
            analysis=decision.analysis,
            moderator=anna,
            verdict="dismiss",
            reason="matches",
            stratum="audit" if probability < 1 else "flagged",
            sampling_probability=probability,
            corrects=decision,
        )
        ReviewItem.objects.filter(pk=decision.item_id).update(in_audit=in_audit)
    Decision.objects.create(
        item=plain.item,
        analysis=plain.analysis,
        moderator=anna,
        verdict="dismiss",
        reason="matches",
        picked_by="uncertain",
        corrects=plain,
    )
    snapshots.build(tmp_path / "out")
    rows = read(tmp_path / "out")
    found = {row["product_id"]: row for part in partition.SHARES for row in rows[part]}
    assert {name: row["source"] for name, row in found.items()} == {
        "A1": "uncertain",
        "A2": "audit",
        "A3": "audit",
        "A4": "audit",
    }
    assert float(found["A3"]["sampling_probability"]) == 0.02
    for part in partition.SHARES:
        raw = [
            min(10.0, 1 / float(found[name]["sampling_probability"]))
            for name in (row["product_id"] for row in rows[part])
        ]
        told = [float(row["weight"]) for row in rows[part]]
        assert told == pytest.approx([weight * len(raw) / sum(raw) for weight in raw])


def test_what_a_band_confirmed_by_itself_is_no_label(
    decide: Make, make_item: MakeItem, anna: User, tmp_path: Path
) -> None:
    item = make_item("auto", image=unlike("auto"))
    Decision.objects.create(
        item=item,
        analysis=item.analysis,
        moderator=anna,
        verdict="confirm",
        reason="other_product",
        mode=Decision.Mode.AUTOMATIC,
    )
    decide("A1", "dismiss")
    snapshots.build(tmp_path / "out")
    rows = read(tmp_path / "out")
    assert products(rows, *snapshots.PARTS) == {"A1"}
    assert "auto" not in products(rows, "listings")
    assert dataset.export(tmp_path / "plain").rows == 1


# ── Listings ──────────────────────────────────────────────────────────────────────────────────
def test_listings_are_what_nobody_called_wrong_as_it_is_now(
    decide: Make, make_item: MakeItem, tmp_path: Path
) -> None:
    decide("wrong", "confirm")
    for number in range(12):
        decide(f"right{number}", "dismiss")
    make_item("new", image=unlike("new"), text="A new lamp", category="Lamps", similarity=0.25)
    snapshots.build(tmp_path / "out")
    rows = read(tmp_path / "out")
    listed = {row["product_id"]: row for row in rows["listings"]}
    assert "wrong" not in listed
    assert "new" in listed
    assert (listed["new"]["text"], listed["new"]["category"]) == ("A new lamp", "Lamps")
    assert float(listed["new"]["similarity"]) == 0.25
    assert (tmp_path / "out" / listed["new"]["image_path"]).is_file()
    held_out = products(rows, "validation", "calibration", "test")
    assert held_out
    assert not held_out & set(listed)
    assert products(rows, "train") - {"wrong"} <= set(listed)


def test_a_listing_that_was_repaired_follows_its_former_self(decide: Make, tmp_path: Path) -> None:
    decide("repaired", "confirm")
    for number in range(16):
        decide(f"A{number}", "confirm" if number % 2 else "dismiss")
    intake.take(
        intake.Listing("repaired", "Another text", photo("green", mark=77)), source="import"
    )
    listed = set()
    for seed in range(6):
        snapshots.build(tmp_path / str(seed), seed=seed)
        rows = read(tmp_path / str(seed))
        now = [row for row in rows["listings"] if row["product_id"] == "repaired"]
        assert bool(now) == ("repaired" in products(rows, "train"))
        assert all((row["text"], row["similarity"]) == ("Another text", "") for row in now)
        listed.add(bool(now))
    assert listed == {True, False}


def test_a_large_shop_is_sampled_and_the_sample_stays(
    decide: Make, make_product: MakeProduct, tmp_path: Path
) -> None:
    decide("A1", "confirm")
    for number in range(20):
        make_product(f"L{number}", image=unlike(f"L{number}"), text=f"listing {number}")
    manifest = snapshots.build(tmp_path / "few", max_listings=8)
    few = products(read(tmp_path / "few"), "listings")
    assert len(few) == manifest.listings["rows"] == 8
    make_product("L20", image=unlike("L20"), text="listing 20")
    snapshots.build(tmp_path / "more", max_listings=12)
    assert len(few - products(read(tmp_path / "more"), "listings")) <= 1
