"""Photos that cannot be read because of where they lie: nothing fails for good, all is told."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from moderation import tasks
from moderation.models import Analysis, Explanation, Heartbeat, PhotoSignature, Product, ReviewItem
from moderation.services.datasets import dataset, snapshots
from moderation.services.encoding import engine
from moderation.services.queue import explain, review, similar
from moderation.services.registry import versions
from moderation.services.release import evaluation, judged_pairs, shadow
from moderation.services.rules.photos_away import PhotosAway
from moderation.services.worker import heartbeat
from tests.support import judged_shop, object_store
from tests.support.factories import MakeItem, MakeProduct, MakeUser, RunWorker
from tests.support.snapshot_shop import unlike

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_heartbeats")]

AWAY = "The photos cannot be read"


@pytest.fixture
def unmounted(media: Path) -> Callable[[], Callable[[], None]]:
    """Takes the media folder away; what that gives brings it back."""
    elsewhere = media.with_name("away")

    def unmount() -> Callable[[], None]:
        media.rename(elsewhere)
        media.mkdir()  # where a drive is not mounted, its folder is empty

        def mount() -> None:
            media.rmdir()
            elsewhere.rename(media)

        return mount

    return unmount


def faulty(monkeypatch: pytest.MonkeyPatch, number: int, *, only: str = "") -> None:
    """Reading a photo (or just this one) ends in this fault of a disk, as FUSE would give it."""
    real = Path.open

    def opened(self: Path, *arguments: Any, **named: Any) -> Any:
        if self.suffix == ".jpg" and (not only or self.name == Path(only).name):
            raise OSError(number, errno.errorcode[number])
        return real(self, *arguments, **named)

    monkeypatch.setattr(Path, "open", opened)


def rows() -> list[tuple[str, int]]:
    return list(Analysis.objects.order_by("pk").values_list("status", "attempts"))


def health() -> tuple[int, str]:
    answer = Client().get("/clip/health")
    return answer.status_code, answer.json()["reason"]


def test_an_unmounted_folder_fails_nothing_and_work_goes_on_when_it_is_back(
    make_product: MakeProduct,
    run_worker: RunWorker,
    unmounted: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_product("A0")
    run_worker()
    for number in range(1, 4):
        make_product(f"A{number}")
    mount = unmounted()
    monkeypatch.setattr(tasks, "SECONDS_WITHOUT_PHOTOS", 0)

    assert tasks.analyse_pending() == 0
    assert rows() == [("done", 1), *[("pending", 0)] * 3]
    tasks.sweep()  # whatever beats meanwhile
    beat = Heartbeat.objects.get(worker=heartbeat.me())
    assert beat.doing.startswith(f"{AWAY}: none that was asked for is there.")
    status, reason = health()
    assert (status, reason) == (503, Analysis.objects.pending()[0].error)
    assert "media folder is mounted" in reason

    mount()
    assert tasks.analyse_pending() == 3
    assert rows() == [("done", 1)] * 4
    assert Heartbeat.objects.get(worker=heartbeat.me()).doing == ""
    assert health() == (200, "")


def test_a_new_shop_without_its_folder_waits_too(
    make_product: MakeProduct, run_worker: RunWorker, unmounted: Any
) -> None:
    make_product("A1")
    make_product("A2")
    unmounted()

    with pytest.raises(PhotosAway):
        run_worker()
    assert rows() == [("pending", 0)] * 2


def test_one_missing_photo_fails_alone(make_product: MakeProduct, run_worker: RunWorker) -> None:
    for number in range(3):
        make_product(f"A{number}")
    default_storage.delete(str(Product.objects.get(external_id="A1").image))

    assert run_worker() == 3
    assert [status for status, _ in rows()] == ["done", "failed", "done"]


def test_some_deleted_photos_fail_while_others_can_be_read(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    make_product("A0")
    run_worker()
    for number in range(1, 4):
        default_storage.delete(str(make_product(f"A{number}").image))

    assert run_worker() == 3
    assert rows() == [("done", 1), *[("failed", 1)] * 3]


def test_one_missing_photo_of_a_new_shop_fails(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    default_storage.delete(str(make_product("A1").image))

    assert run_worker() == 1
    assert rows() == [("failed", 1)]


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTUNREACH])
def test_faults_of_a_drive_cost_no_attempt(
    make_product: MakeProduct,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    make_product("A1")
    make_product("A2")
    faulty(monkeypatch, number)

    with pytest.raises(PhotosAway, match=errno.errorcode[number]):
        run_worker()
    assert rows() == [("pending", 0)] * 2
    assert health()[0] == 503


def test_a_folder_that_forbids_reading_costs_no_attempt(
    make_product: MakeProduct, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product("A1")
    make_product("A2")
    faulty(monkeypatch, errno.EACCES)

    with pytest.raises(PhotosAway):
        run_worker()
    assert rows() == [("pending", 0)] * 2


def test_one_bad_sector_holds_nobody_up_for_ever(
    make_product: MakeProduct,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    for number in range(3):
        make_product(f"A{number}")
    faulty(monkeypatch, errno.EIO, only=str(Product.objects.get(external_id="A1").image))

    run_worker()
    bad = Analysis.objects.get(product__external_id="A1")
    assert (bad.status, bad.attempts) == ("failed", settings.ANALYSIS_MAX_ATTEMPTS)
    assert bad.error.startswith("Given up after 3 attempts. The image")
    assert Analysis.objects.filter(status="done").count() == 2


def test_a_drive_that_gives_up_while_a_photo_is_read(
    make_product: MakeProduct, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decoder meets it then, and calls every fault of a file a damaged picture."""
    make_product("A1")
    make_product("A2")
    real = Path.open

    class GivesUp:
        def __init__(self, file: Any) -> None:
            self.file = file

        def read(self, size: int = -1) -> bytes:
            if size < 0 or self.file.tell() > 0:
                raise OSError(errno.EIO, "Input/output error")
            return bytes(self.file.read(min(size, 100)))

        def __enter__(self) -> GivesUp:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    def opened(self: Path, *arguments: Any, **named: Any) -> Any:
        file = real(self, *arguments, **named)
        return GivesUp(file) if self.suffix == ".jpg" else file

    monkeypatch.setattr(Path, "open", opened)

    with pytest.raises(PhotosAway, match="Input/output error"):
        run_worker()
    assert rows() == [("pending", 0)] * 2


def test_an_object_store_that_cannot_be_reached(
    make_product: MakeProduct,
    run_worker: RunWorker,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": object_store.BACKEND}}
    make_product("A1")
    make_product("A2")

    class EndpointConnectionError(Exception):
        """As of a client library: no OSError."""

    def no_route(*_: object) -> None:
        raise EndpointConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(object_store.ObjectStore, "_open", no_route)
        with pytest.raises(PhotosAway, match="EndpointConnectionError"):
            run_worker()
    assert rows() == [("pending", 0)] * 2
    assert run_worker() == 2
    assert rows() == [("done", 1)] * 2


# ── Whoever else reads photos ─────────────────────────────────────────────────────────────────
def test_the_others_say_it_in_a_sentence_and_keep_nothing_wrong(
    make_item: MakeItem, make_user: MakeUser, unmounted: Any, tmp_path: Path
) -> None:
    anna = make_user("anna")
    for number, verdict in enumerate(("confirm", "dismiss") * 2):
        item = make_item(f"D{number}", text=f"text {number}", image=unlike(f"D{number}"))
        ReviewItem.objects.filter(pk=item.pk).update(in_audit=True)
        reason = {"confirm": "other_product", "dismiss": "matches"}[verdict]
        review.decide(item, moderator=anna, verdict=verdict, reason=reason)
    make_item("D5", image=unlike("D5"))
    candidate = judged_shop.candidate(tmp_path / "random")
    pairs = judged_pairs.gold_and_audit()
    unmounted()

    for read in (
        lambda: evaluation.score(versions.current(), pairs),
        lambda: shadow.run(candidate),
        lambda: snapshots.build(tmp_path / "snapshot"),
        lambda: dataset.export(tmp_path / "labels"),
        lambda: dataset.export(tmp_path / "list", with_images=False),
    ):
        with pytest.raises(PhotosAway, match=AWAY):
            read()
    assert not any((tmp_path / name).exists() for name in ("snapshot", "labels", "list"))
    assert explain.explain_pending(limit=10, seconds=5) == 0
    similar.assign(Analysis.objects.all())
    assert not Explanation.objects.exists()
    assert not PhotoSignature.objects.exists()


def test_the_api_answers_503(
    lead_client: Client, make_product: MakeProduct, run_worker: RunWorker, unmounted: Any
) -> None:
    make_product("A1")
    make_product("A2")
    unmounted()
    engine.engine_for(versions.current())

    answer = lead_client.post(
        "/clip/analyze-batch", {"product_ids": ["A1", "A2"]}, content_type="application/json"
    )
    assert answer.status_code == 503
    assert answer.json()["error"].startswith(AWAY)


def test_reading_again_is_not_tried_150_times_a_second(
    make_product: MakeProduct, unmounted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product("A1")
    make_product("A2")
    unmounted()
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    assert tasks.analyse_pending() == 0
    assert slept == [tasks.SECONDS_WITHOUT_PHOTOS]
