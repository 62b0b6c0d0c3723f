"""Photos in another storage than a folder: what the shop does with them works there too."""

from __future__ import annotations

import csv
import errno
import hashlib
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from PIL import Image

from moderation.clip.errors import ImageError
from moderation.clip.pictures.images import open_image
from moderation.demo import draw
from moderation.models import (
    Analysis,
    Category,
    Decision,
    Explanation,
    PhotoSignature,
    Product,
    ReviewItem,
    TrainingRun,
)
from moderation.services.datasets import dataset, snapshots
from moderation.services.queue import review
from moderation.services.registry import versions
from moderation.services.release import evaluation, judged_pairs, shadow, zero_shot
from moderation.services.rules import photos
from moderation.services.scoring import scoring_requests
from tests.support import full_disk, judged_shop, object_store
from tests.support.factories import MakeItem, MakeProduct, MakeUser, RunWorker
from tests.support.photos import photo
from tests.support.snapshot_shop import jpeg, unlike

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_heartbeats")]

NAME = "products/ab/abc.jpg"


@pytest.fixture
def elsewhere(settings: Any, media: Path) -> Iterator[None]:
    """A storage that has no paths; at the end nothing lies in the media folder."""
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": object_store.BACKEND}}
    yield
    assert not list(media.iterdir())


def as_bytes(source: photos.Source) -> bytes:
    return source.read_bytes() if isinstance(source, Path) else source.read()


@pytest.fixture(params=["folder", "elsewhere"])
def either(request: pytest.FixtureRequest) -> str:
    if request.param == "elsewhere":
        request.getfixturevalue("elsewhere")
    return str(request.param)


def test_what_is_stored_once_is_found_again(either: str) -> None:
    data, name = photo(), "products/ab/ä b.jpg"
    assert not photos.exists(name)
    photos.store(name, data)
    photos.store(name, b"something else")  # a name says its content: the first stays
    assert photos.exists(name)
    assert photos.read(name) == as_bytes(photos.source(name)) == data
    assert photos.source(name).name == "ä b.jpg"
    assert photos.source(name) == photos.source(name)
    assert photos.url(name).endswith("/products/ab/%C3%A4%20b.jpg")
    assert open_image(photos.source(name)).size == (96, 128)


@pytest.mark.parametrize("name", ["", "products", "../a.jpg", "/etc/hostname", NAME])
def test_what_is_not_there_is_said_not_to_be(either: str, name: str) -> None:
    photos.store("products/other.jpg", photo())
    assert not photos.exists(name)


def test_a_missing_photo_is_named_when_it_is_read(either: str) -> None:
    source = photos.source(NAME)
    with pytest.raises(ImageError, match=r"The image abc\.jpg does not exist"):
        open_image(source)
    with pytest.raises(FileNotFoundError):
        photos.read(NAME)


def test_only_a_photo_on_this_disk_is_linked(either: str, tmp_path: Path) -> None:
    photos.store(NAME, photo())
    target = tmp_path / "copy.jpg"
    assert photos.link(NAME, target) is target.exists() is (either == "folder")
    assert not photos.link(NAME, target)  # there is something already
    assert (photos.local(NAME) is None) is (either == "elsewhere")


def test_a_local_photo_is_opened_by_its_path(media: Path) -> None:
    photos.store(NAME, photo())
    assert photos.source(NAME) == photos.local(NAME) == media / NAME
    assert [path.name for path in (media / NAME).parent.iterdir()] == ["abc.jpg"]
    assert (media / NAME).stat().st_mode & 0o777 == 0o644


def test_a_photo_that_finds_no_room_leaves_nothing_behind(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk.fill(monkeypatch)
    for _ in range(2):
        with pytest.raises(photos.NotStored, match="File too large"):
            photos.store(NAME, photo())
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_a_media_folder_that_cannot_be_written_is_said_to_be_so(settings: Any) -> None:
    settings.MEDIA_ROOT = "/proc/no-folder-is-made-here"
    with pytest.raises(photos.NotStored, match="let clipmod write there"):
        photos.store(NAME, photo())


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_product_is_scored_and_explained(
    elsewhere: None, make_product: MakeProduct, run_worker: RunWorker
) -> None:
    blue_mug = BytesIO()
    draw("mug", colour="blue", seed=1, size=96).save(blue_mug, "PNG")
    for name in ("A1", "A2"):
        make_product(name, text="Tea mug yellow", image=blue_mug.getvalue())
    make_product("A3", text="A lamp", image=unlike("A3"))
    Analysis.objects.filter(product__external_id="A3").update(image=NAME, image_sha256="0" * 64)
    assert run_worker() == 3

    first, second, lost = Analysis.objects.order_by("pk")
    assert (first.status, second.status, lost.status) == ("done", "done", "failed")
    assert lost.error == "The image abc.jpg does not exist; check its path."
    assert first.similarity == second.similarity
    assert first.image_url == f"https://photos.example/{first.image}"
    flagged = list(ReviewItem.objects.open().order_by("pk"))
    assert Explanation.objects.get(analysis=first).found["wrong"]["word"] == "yellow"
    assert len(flagged) == 2 and flagged[0].group == flagged[1].group  # copies of each other
    assert PhotoSignature.objects.get().image_sha256 == first.image_sha256
    (answer,) = scoring_requests.analyze_products(["A1"])
    assert isinstance(answer, scoring_requests.Answer)
    assert answer.p_mismatch == pytest.approx(first.p_mismatch, abs=1e-4)


@pytest.fixture
def decided(make_item: MakeItem, make_user: MakeUser, settings: Any) -> list[Decision]:
    """Four products of two people's making: two that match, two that do not."""
    anna = make_user("anna")
    found = []
    for number, verdict in enumerate(("confirm", "dismiss") * 2):
        item = make_item(f"D{number}", text=f"text {number}", image=unlike(f"D{number}"))
        ReviewItem.objects.filter(pk=item.pk).update(in_audit=True)
        reason = {"confirm": "other_product", "dismiss": "matches"}[verdict]
        found.append(review.decide(item, moderator=anna, verdict=verdict, reason=reason))
    return found


def test_labels_leave_with_their_photos(
    elsewhere: None, decided: list[Decision], tmp_path: Path
) -> None:
    for folder, with_images in ((tmp_path / "a", True), (tmp_path / "b", False)):
        manifest = dataset.export(folder, with_images=with_images)
        assert (manifest.rows, manifest.without_photo) == (4, [])
    for row in rows_of(tmp_path / "a" / "labels.csv"):
        assert sha256_of(tmp_path / "a" / row["image_path"]) == row["image_sha256"]
    for row in rows_of(tmp_path / "b" / "labels.csv"):
        assert photos.exists(row["image_path"])
    default_storage.delete(decided[0].analysis.image)
    assert dataset.export(tmp_path / "c").without_photo == ["D0"]


def test_a_snapshot_holds_files_that_a_training_reads(
    elsewhere: None, decided: list[Decision], tmp_path: Path
) -> None:
    default_storage.delete(decided[0].analysis.image)
    manifest = snapshots.build(tmp_path / "snapshot")
    assert manifest.without_photo == ["D0"]
    rows = [row for path in (tmp_path / "snapshot").glob("*.csv") for row in rows_of(path)]
    assert {row["product_id"] for row in rows} == {"D1", "D2", "D3"}
    for row in rows:
        assert sha256_of(tmp_path / "snapshot" / row["image_path"]) == row["image_sha256"]


def test_versions_are_compared_on_photos_and_trainings(
    elsewhere: None, decided: list[Decision], tmp_path: Path
) -> None:
    bundled = versions.current()
    toys = Category.objects.get_or_create(name="Toys")[0]
    Category.objects.get_or_create(name="Mugs")
    Product.objects.update(category=toys)
    pairs = judged_pairs.gold_and_audit()
    assert len(pairs) == 4 and bool(np.isfinite(evaluation.score(bundled, pairs)).all())
    shot = zero_shot.compare(bundled, bundled)
    assert shot is not None and len(shot.active) == 2  # of those that were not confirmed
    candidate = judged_shop.candidate(tmp_path / "random")
    report = shadow.run(candidate).report
    assert (report["photos_encoded"], report["unreadable"]) == (4, 0)

    # A training's CSV that names the shop's own photos, where a near-duplicate is looked for.
    (tmp_path / "data").mkdir()
    photos.store(NAME, jpeg(Image.open(BytesIO(unlike("D1"))), quality=60))
    (tmp_path / "data" / "train.csv").write_text(f"image_path,text,label\n{NAME},Else,1\n")
    TrainingRun.objects.create(
        base=bundled, version=bundled, dataset=str(tmp_path / "data"), live=None
    )
    left = judged_pairs.gold_and_audit(unseen_by=[bundled])
    assert {pair.text for pair in left} == {"text 0", "text 2", "text 3"}


# ── What is stored is stored ──────────────────────────────────────────────────────────────────
def named(data: bytes) -> str:
    return f"products/ab/{hashlib.sha256(data).hexdigest()}.jpg"


def test_an_empty_photo_is_repaired_when_it_comes_again(either: str) -> None:
    data = photo()
    photos.store(named(data), b"")  # as a full disk left it once
    photos.store(named(data), data)
    assert photos.read(named(data)) == data


def test_a_damaged_photo_is_repaired_and_a_sound_one_left(media: Path) -> None:
    data = photo()
    path = media / named(data)
    photos.store(named(data), data)
    path.write_bytes(data[:-1] + b"x")
    photos.store(named(data), data)
    assert path.read_bytes() == data
    before = path.stat().st_ino
    photos.store(named(data), data)
    assert path.stat().st_ino == before


def test_a_photo_is_on_the_disk_before_it_has_its_name(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        done.append("folder" if Path(f"/proc/self/fd/{handle}").is_dir() else "file")
        fsync(handle)

    def named_now(self: Path, target: Path) -> Path:
        done.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", named_now)
    photos.store(NAME, photo())
    assert done == ["file", "name", "folder", "folder", "folder"]  # ab, products, media
    photos.store("products/ab/other.jpg", photo())
    assert done[5:] == ["file", "name", "folder"]


def test_a_write_that_fails_leaves_nothing(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(photos.NotStored, match="Input/output error"):
        photos.store(NAME, photo())
    assert [path for path in media.rglob("*") if path.is_file()] == []
