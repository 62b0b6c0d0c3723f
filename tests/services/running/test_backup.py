"""A backup is whole or not there, can be checked, and gives the shop back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.scoring.test_never_lost import fill
from tests.support.photos import photo
from tools.live_project import LiveProject

pytestmark = pytest.mark.slow

MakeProject = Callable[..., LiveProject]
COUNT = 40


@pytest.fixture
def shop(make_project: MakeProject, tmp_path: Path) -> LiveProject:
    """Products, some analysed, with a model that was trained here."""
    models = tmp_path / "checkpoints"
    (models / "training-1").mkdir(parents=True)
    (models / "training-1" / "model.safetensors").write_bytes(b"weights")
    project = make_project(CLIP_CHECKPOINT_DIR=str(models))
    fill(project, COUNT)
    project.manage("shell", "-c", DECIDE)
    return project


# By hand of the ORM: a decision, whose row nothing may change, and figures of every kind.
DECIDE = """
from django.contrib.auth.models import User
from moderation.models import Analysis, Embedding, ReviewItem, Webhook
from moderation.services.queue import review
from moderation.services.scoring import results
from django.db import transaction
anna = User.objects.create_user("anna ☃", password="correct horse")
with transaction.atomic():
    for row in Analysis.objects.select_related("product", "model_version")[:8]:
        row.threshold_override = 0.99
        results.apply_score(row, 0.1)
        row.top_categories = [{"category": "Toys", "score": 0.5}]
        row.save()
        results.settle([row])
        Embedding.objects.create(model_version=row.model_version, tower="image", precision="fp32",
            content_hash=row.image_sha256, vector=bytes(range(256)) * 2)
review.decide(ReviewItem.objects.first(), moderator=anna, verdict="confirm", reason="other_product")
Webhook.objects.create(name="shop", url="https://shop.example/hook")
"""
# The second photo of a listing, and a listing whose only one is still to be fetched.
BY_ADDRESS = """
import hashlib
from moderation.models import Product, ProductPhoto
from moderation.services.rules import photos
photos.store("products/second.jpg", b"photo")
ProductPhoto.objects.create(product=Product.objects.first(), position=1, state="fetched",
    url="https://shop.example/2.jpg", image="products/second.jpg",
    image_sha256=hashlib.sha256(b"photo").hexdigest())
waits = Product.objects.create(external_id="waits", text="A ball")
ProductPhoto.objects.create(product=waits, position=0, url="https://shop.example/1.jpg")
"""
# Everything there is, in one text that does not depend on the kind of database.
FIGURES = """
import hashlib, json
from django.apps import apps
from django.core import serializers
from moderation.models import Webhook
from moderation.services.integration import webhooks
for model in apps.get_models(include_auto_created=True):
    name = model._meta.label
    if name in ("sessions.Session", "moderation.CacheEntry"):
        continue
    text = serializers.serialize("json", model._base_manager.order_by("pk"))
    text = json.dumps(json.loads(text), sort_keys=True)  # PostgreSQL keeps no order of keys
    print(name, model._base_manager.count(), hashlib.sha256(text.encode()).hexdigest())
print(*(webhooks.secret_of(webhook) for webhook in Webhook.objects.all()))  # can still be read
"""


FORGE = "from moderation.models import Decision; Decision.objects.update(note=1)"


def figures(project: LiveProject) -> str:
    return project.manage("shell", "-v", "0", "-c", FIGURES).stdout


def another(folder: Path) -> LiveProject:
    """A project with nothing at all in it: no tables, no photos."""
    return LiveProject(made(folder), {"CLIP_CHECKPOINT_DIR": str(folder / "checkpoints")})


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def photos_of(project: LiveProject) -> dict[str, bytes]:
    media = Path(project.environment["MEDIA_ROOT"])
    return {
        str(path.relative_to(media)): path.read_bytes()
        for path in media.rglob("*")
        if path.is_file()
    }


def said(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_shop_comes_back_as_it_was(shop: LiveProject, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    assert "Backed up into" in shop.manage("backup", str(folder)).stdout
    assert folder.stat().st_mode & 0o777 == 0o700
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["rows"]["moderation_product"] == COUNT
    assert manifest["migrations"]["moderation"][0] == "0001_initial"
    on_disk = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == on_disk - {"manifest.json"}
    assert shop.manage("verify_backup", str(folder)).stdout.startswith("Sound: ")

    new = another(tmp_path / "new")
    try:
        assert "Restored: " in new.manage("restore", str(folder)).stdout
        assert figures(new) == figures(shop)
        assert photos_of(new) == photos_of(shop)
        weights = Path(new.environment["CLIP_CHECKPOINT_DIR"], "training-1/model.safetensors")
        assert weights.read_bytes() == b"weights"
        refused = new.manage("shell", "-c", FORGE, check=False)
        assert "decisions are append only" in refused.stderr
        new.manage("migrate", "--check")
        new.manage("setup")
        assert "not empty" in said(new.manage("restore", str(folder), check=False))
    finally:
        new.close()


def test_it_works_while_people_write(shop: LiveProject, tmp_path: Path) -> None:
    writer = shop.start(
        "shell",
        "-c",
        "import itertools\n"
        "from moderation.services.catalogue import intake\n"
        "from tests.support.photos import photo\n"
        "for n in itertools.count():\n"
        "    listing = intake.Listing(f'N{n}', f'text {n}', photo(mark=n % 9000), 'Toys')\n"
        "    intake.take(listing, source='api')\n",
    )
    shop.wait_until(
        lambda: shop.rows("SELECT count(*) FROM moderation_product")[0][0] > COUNT + 5,
        seconds=60,
        what="somebody writes",
    )
    for number in range(3):
        folder = tmp_path / f"backup-{number}"
        shop.manage("backup", str(folder))
        shop.manage("verify_backup", str(folder))
    assert writer.poll() is None


def test_a_list_stands_for_the_photos(shop: LiveProject, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    shop.manage("backup", str(folder), "--media-list")
    assert not (folder / "media").exists()
    assert len(json.loads((folder / "manifest.json").read_text())["listed"]) == COUNT
    shop.manage("verify_backup", str(folder))
    new = another(tmp_path / "new")
    try:
        assert f"Missing: {COUNT} photos" in said(new.manage("restore", str(folder), check=False))
        shutil.copytree(shop.environment["MEDIA_ROOT"], new.environment["MEDIA_ROOT"])
        new.manage("restore", str(folder))
        assert figures(new) == figures(shop)
        assert photos_of(new) == photos_of(shop)
    finally:
        new.close()


def test_photos_by_their_addresses_are_in_it_once_they_are_here(
    shop: LiveProject, tmp_path: Path
) -> None:
    shop.manage("shell", "-c", BY_ADDRESS)
    folder = tmp_path / "backup"
    shop.manage("backup", str(folder), "--media-list")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert "products/second.jpg" in manifest["listed"]
    assert len(manifest["listed"]) == COUNT + 1
    assert manifest["lost"] == []
    shop.manage("verify_backup", str(folder))

    del manifest["listed"]["products/second.jpg"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    answer = said(shop.manage("verify_backup", str(folder), check=False))
    assert "Missing in the backup: 1 photo" in answer


def test_what_is_damaged_does_not_verify(shop: LiveProject, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    shop.manage("backup", str(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    image = next(name for name in manifest["files"] if name.startswith("media/"))

    def refused(what: str) -> str:
        return said(shop.manage("verify_backup", str(folder), check=False))

    for name in (manifest["database"], image, "checkpoints/training-1/model.safetensors"):
        path = folder / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert "is not as it was written" in refused(name)
        path.unlink()
        assert "cannot be read" in refused(name)
        path.write_bytes(whole)
    shop.manage("verify_backup", str(folder))

    without = {**manifest, "files": {k: v for k, v in manifest["files"].items() if k != image}}
    (folder / "manifest.json").write_text(json.dumps(without))
    assert "Missing in the backup: 1 photo" in refused("photo")
    fewer = {**manifest, "rows": {**manifest["rows"], "moderation_product": COUNT - 1}}
    (folder / "manifest.json").write_text(json.dumps(fewer))
    assert "does not hold what the manifest says" in refused("rows")
    (folder / "manifest.json").unlink()
    assert "it has no manifest.json" in refused("manifest")


def test_a_killed_backup_leaves_nothing_that_verifies(shop: LiveProject, tmp_path: Path) -> None:
    big = Path(shop.environment["MEDIA_ROOT"]) / "big"
    big.mkdir()
    for number in range(400):
        (big / f"{number}.bin").write_bytes(os.urandom(200_000))
    folder = tmp_path / "backups" / "backup"
    folder.parent.mkdir()
    for wait in (0.0, 0.1, 0.4):
        process = shop.start("backup", str(folder))
        shop.wait_until(
            lambda: any(folder.parent.iterdir()), seconds=60, what="the backup has begun"
        )
        time.sleep(wait)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not folder.exists()
        for left in folder.parent.iterdir():
            said(shop.manage("verify_backup", str(left), check=False))
            shutil.rmtree(left)
    shop.manage("backup", str(folder))
    shop.manage("verify_backup", str(folder))


@pytest.mark.any_database
def test_what_is_there_is_never_written_over(shop: LiveProject, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    assert "not empty" in said(shop.manage("backup", str(folder), check=False))
    folder = tmp_path / "other"
    shop.manage("backup", str(folder))
    before = figures(shop), photos_of(shop)
    assert "is not empty" in said(shop.manage("restore", str(folder), check=False))
    assert (figures(shop), photos_of(shop)) == before

    new = another(tmp_path / "new")
    try:
        media = Path(new.environment["MEDIA_ROOT"])
        media.mkdir()
        (media / "mine.jpg").write_bytes(photo())
        assert "media folder is not empty" in said(new.manage("restore", str(folder), check=False))
        assert photos_of(new) == {"mine.jpg": photo()}
    finally:
        new.close()


@pytest.mark.any_database
def test_photos_that_are_away_are_no_backup(shop: LiveProject, tmp_path: Path) -> None:
    media = Path(shop.environment["MEDIA_ROOT"])
    media.rename(tmp_path / "away")
    media.mkdir()
    answer = said(shop.manage("backup", str(tmp_path / "backup"), check=False))
    assert "The photos cannot be read" in answer
    assert not (tmp_path / "backup").exists()


@pytest.mark.any_database
def test_a_photo_that_was_lost_before_is_told_and_hinders_nothing(
    shop: LiveProject, tmp_path: Path
) -> None:
    first, second, *_ = sorted(Path(shop.environment["MEDIA_ROOT"]).rglob("*.jpg"))
    first.unlink()
    second.write_bytes(b"")
    folder = str(tmp_path / "backup")
    assert "Not there, or damaged: 2 photos" in shop.manage("backup", folder).stderr
    assert "2 photos" in shop.manage("verify_backup", folder).stderr
