"""A shop whose photos lie in a bucket: from the import to the erasure, and what browsers see."""

from __future__ import annotations

import csv
import hashlib
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from moderation.models import Analysis, Appeal, Decision, Delivery, Product, ReviewItem
from moderation.services.catalogue import erasure
from moderation.services.catalogue.catalogue_import import import_catalogue
from moderation.services.datasets import dataset, snapshots
from moderation.services.queue import review
from moderation.services.rules import photos
from moderation.services.rules.photos_away import PhotosAway
from tests.support import buckets, factories
from tests.support.factories import MakeItem, RunWorker
from tests.support.photos import photo
from tests.support.ports import free_port
from tools.s3_server import S3Server

pytestmark = pytest.mark.django_db


def catalogue_of(folder: Path, *, count: int) -> Path:
    (folder / "images").mkdir()
    path = folder / "catalogue.csv"
    with path.open("w", newline="") as file:
        write = csv.writer(file).writerow
        write(["product_id", "image_path", "text", "seller"])
        for number in range(count):
            (folder / "images" / f"{number}.jpg").write_bytes(photo(mark=number))
            write([f"P{number}", f"images/{number}.jpg", f"Blue teapot {number}", "bert"])
    return path


def test_from_the_import_to_the_erasure(
    bucket: str,
    s3: S3Server,
    bundled: Any,
    run_worker: RunWorker,
    anna: User,
    tmp_path: Path,
    settings: Any,
) -> None:
    settings.CLIP_SIMILARITY_THRESHOLD = 0.99  # whatever the photo shows, people look at it
    report = import_catalogue(catalogue_of(tmp_path, count=12))
    assert (report.created, report.bad_rows) == (12, [])
    assert len(list(photos.names())) == 12
    # Again: nothing is sent twice, and nothing changes.
    assert import_catalogue(tmp_path / "catalogue.csv").unchanged == 12

    assert run_worker() == 12
    assert set(Analysis.objects.values_list("status", flat=True)) == {"done"}
    assert ReviewItem.objects.open().count() == 12

    page = factories.as_user(anna).get("/admin/queue/").content.decode()
    shown = [unescape(one) for one in re.findall(r'<img src="([^"]+)" alt="Photo of', page)]
    assert len(shown) == 1 and shown[0].startswith(f"{s3.url}/{bucket}/photos/of-shop/products/")
    sha256 = hashlib.sha256(buckets.fetched(shown[0])).hexdigest()
    assert Analysis.objects.filter(image_sha256=sha256).exists()
    assert buckets.status(shown[0].partition("?")[0]) == 403

    for item in ReviewItem.objects.open():
        review.decide(item, moderator=anna, verdict="dismiss", reason="matches")
    manifest = dataset.export(tmp_path / "labels")
    assert (manifest.rows, manifest.without_photo) == (12, [])
    with (tmp_path / "labels" / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            copy = (tmp_path / "labels" / row["image_path"]).read_bytes()
            assert hashlib.sha256(copy).hexdigest() == row["image_sha256"]
            assert "Signature" not in str(row)
    without = dataset.export(tmp_path / "named", with_images=False)
    assert (without.rows, without.without_photo) == (12, [])
    assert snapshots.build(tmp_path / "snapshot").without_photo == []

    erased = erasure.erase(
        list(Product.objects.values_list("pk", flat=True)), reason="asked for", by=anna
    )
    assert (erased.photos, erased.photos_left) == (12, 0)
    assert list(photos.names()) == []
    assert buckets.status(shown[0]) == 404  # also by an address that was given out before


def test_the_database_and_what_programs_keep_have_names_and_no_addresses(
    bucket: str, make_item: MakeItem, anna: User, lead: User
) -> None:
    item = make_item("A1")
    review.decide(item, moderator=anna, verdict="confirm", reason="other_product")
    name = item.analysis.image
    assert name == item.product.image.name and photos.exists(name)
    for model in (Analysis, Appeal, Decision, Delivery, Product):
        for row in model.objects.values():
            assert "http" not in str(row)


def test_the_api_answers_with_an_address_that_opens(
    bucket: str, make_item: MakeItem, anna: User, settings: Any
) -> None:
    item = make_item("A1")
    api = APIClient()
    api.force_authenticate(factories.make_user("lena", group="lead"))
    for found in (api.get("/api/products/A1").json(), api.get(f"/api/reviews/{item.pk}").json()):
        assert buckets.fetched(found["image"]) == photos.read(item.analysis.image)


def test_a_photo_sent_by_the_api_while_the_store_is_away_is_refused_in_a_sentence(
    bundled: Any, groups: None, settings: Any, media: Path
) -> None:
    buckets.use(settings, S3Server(Path("/nowhere"), free_port()), address="s3://shop")
    api = APIClient()
    api.force_authenticate(factories.make_user("lena", group="lead"))
    form = {"product_id": "A1", "text": "A ball", "image": SimpleUploadedFile("a.jpg", photo())}
    answer = api.post("/api/products", form)
    assert answer.status_code == 503
    assert "The photo cannot be stored (the object store" in answer.json()["error"]
    assert not Product.objects.exists() and not list(media.iterdir())


def test_an_import_stops_in_a_sentence_while_the_store_is_away(
    bucket: str, bundled: Any, tmp_path: Path, settings: Any
) -> None:
    catalogue = catalogue_of(tmp_path, count=3)
    assert import_catalogue(catalogue).created == 3
    buckets.use(settings, S3Server(Path("/nowhere"), free_port()), address="s3://shop")
    report = import_catalogue(catalogue)
    assert report.stopped.startswith("The photo cannot be stored (the object store")
    assert report.created == report.updated == 0 and len(report.bad_rows) == 3


def test_nothing_is_erased_while_the_store_is_away(
    bucket: str, s3: S3Server, make_item: MakeItem, anna: User, settings: Any
) -> None:
    item = make_item("A1")
    there = settings.STORAGES
    buckets.use(settings, S3Server(Path("/nowhere"), free_port()), address="s3://shop")
    with pytest.raises(PhotosAway, match="the object store answers"):
        erasure.erase([item.product_id], reason="asked for", by=anna)
    settings.STORAGES = there
    item.product.refresh_from_db()
    assert item.product.external_id == "A1" and photos.exists(item.product.image.name)


def test_a_photo_that_cannot_be_deleted_is_told(
    bucket: str,
    make_item: MakeItem,
    anna: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    item = make_item("A1")

    def refused(*_: Any) -> None:
        raise OSError(5, "the object store answers AccessDenied")

    monkeypatch.setattr(type(default_storage._wrapped), "delete", refused)
    report = erasure.erase([item.product_id], reason="asked for", by=anna)
    assert (report.photos, report.photos_left) == (0, 1)
    assert "photos that could not be deleted: 1, whose names are in the log" in report.counts()
    assert item.analysis.image in caplog.text
