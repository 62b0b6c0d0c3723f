"""Photos in a bucket of a real S3 server, which checks keys, signatures and when they end."""

from __future__ import annotations

import errno
import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from clipmod import s3_storage
from moderation.clip.errors import ImageError, Unread
from moderation.clip.pictures.images import open_image
from moderation.services.rules import many_photos, photos
from tests.support import buckets
from tests.support.photos import photo
from tests.support.ports import free_port
from tools.s3_server import S3Server

NAME = "products/ab/ä b.jpg"


def named(data: bytes) -> str:
    return f"products/ab/{hashlib.sha256(data).hexdigest()}.jpg"


def store(count: int) -> list[str]:
    names = [f"products/{number:04}.jpg" for number in range(count)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: photos.store(name, name.encode()), names))
    return names


# ── One photo ─────────────────────────────────────────────────────────────────────────────────
def test_what_is_stored_is_found_below_the_prefix(bucket: str, s3: S3Server) -> None:
    data = photo()
    photos.store(NAME, data)
    assert photos.exists(NAME) and photos.holds(NAME, data)
    assert photos.read(NAME) == data
    assert open_image(photos.source(NAME)).size == (96, 128)
    assert photos.local(NAME) is None and not photos.link(NAME, Path("/tmp/none"))
    assert (s3.folder / bucket / "photos/of-shop" / NAME).read_bytes() == data
    assert list(photos.names()) == [NAME]


@pytest.mark.parametrize("name", ["", "products", "../a.jpg", "/etc/hostname", "products/no.jpg"])
def test_what_is_not_there_is_said_not_to_be(bucket: str, name: str) -> None:
    photos.store("products/other.jpg", photo())
    assert not photos.exists(name)
    with pytest.raises(ImageError, match="does not exist"):
        open_image(photos.source(name))
    with pytest.raises(OSError):
        photos.read(name)


def test_names_say_the_content_so_nobody_races(bucket: str) -> None:
    data = photo()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: photos.store(named(data), data), range(32)))
    assert photos.read(named(data)) == data
    assert list(photos.names()) == [named(data)]


def test_half_a_photo_is_repaired_when_it_comes_again(bucket: str) -> None:
    data = photo()
    photos.store(named(data), b"half")
    assert not photos.holds(named(data), data)
    photos.store(named(data), data)
    assert photos.read(named(data)) == data


def test_a_photo_is_deleted_once(bucket: str) -> None:
    photos.store(NAME, photo())
    assert photos.remove(NAME)
    assert not photos.remove(NAME) and not photos.exists(NAME)


# ── Addresses ─────────────────────────────────────────────────────────────────────────────────
def test_a_signed_address_opens_a_photo_and_no_other_way_does(bucket: str, s3: S3Server) -> None:
    photos.store(NAME, photo())
    address = photos.url(NAME)
    assert address.startswith(f"{s3.url}/{bucket}/photos/of-shop/products/ab/%C3%A4%20b.jpg?")
    assert buckets.fetched(address) == photo()
    plain = address.partition("?")[0]
    other_signature = address[:-1] + ("1" if address.endswith("0") else "0")
    other_photo = address.replace("%C3%A4", "a")
    for refused in (plain, other_signature, other_photo, f"{s3.url}/{bucket}?list-type=2"):
        assert buckets.status(refused) == 403


def test_an_address_ends(bucket: str, s3: S3Server, settings: Any) -> None:
    address = f"s3://{bucket}/photos/of-shop"
    buckets.use(settings, s3, address=address, querystring_expire=2)
    photos.store(NAME, photo())
    signed = photos.url(NAME)
    assert buckets.status(signed) == 200
    time.sleep(3.1)
    assert buckets.status(signed) == 403
    assert buckets.status(photos.url(NAME)) == 200


def test_an_address_stays_for_a_while_so_that_a_browser_keeps_the_photo(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos.store(NAME, photo())
    now = [3600.0 * 1000]
    monkeypatch.setattr(s3_storage.time, "time", lambda: now[0])
    first = photos.url(NAME)
    now[0] += 1799
    assert photos.url(NAME) is first
    now[0] += 2
    assert photos.url(NAME) is not first
    with buckets.urllib.request.urlopen(first) as answer:
        assert answer.headers["Cache-Control"] == "private, max-age=86400, immutable"
        assert answer.headers["Content-Type"] == "image/jpeg"


def test_an_address_is_another_when_lent_keys_are(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = photos.url(NAME)

    class Lent:
        token = "of the next hour"

    class Credentials:
        def get_frozen_credentials(self) -> Lent:
            return Lent()

    monkeypatch.setattr(default_storage._wrapped, "_credentials", Credentials())
    assert photos.url(NAME) is not first


def test_browsers_may_reach_it_at_another_address(bucket: str, s3: S3Server, settings: Any) -> None:
    public = s3.url.replace("127.0.0.1", "localhost")
    buckets.use(settings, s3, address=f"s3://{bucket}/x", public_endpoint_url=public)
    photos.store(NAME, photo())
    assert photos.url(NAME).startswith(f"{public}/{bucket}/x/")
    assert buckets.fetched(photos.url(NAME)) == photo()


# ── Many photos ───────────────────────────────────────────────────────────────────────────────
def test_names_are_listed_as_far_as_somebody_wants_them(
    bucket: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = s3.folder / bucket / "photos/of-shop/products"
    folder.mkdir(parents=True)
    for number in range(2500):
        (folder / f"{number:04}.jpg").write_bytes(b"x")
    (folder.parents[1] / "other.jpg").write_bytes(b"not below the prefix")
    asked: list[str] = []
    events = default_storage._client().meta.events
    events.register("before-call.s3.ListObjectsV2", lambda **_: asked.append("page"))

    names = photos.names()
    assert asked == []
    assert next(names) == "products/0000.jpg" and len(asked) == 1
    assert sum(1 for _ in names) == 2499 and len(asked) == 3
    assert many_photos.lost(["products/0001.jpg", "products/none.jpg"]) == ["products/none.jpg"]


def test_all_threads_share_one_client(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = store(100)
    made: list[str] = []
    real = s3_storage.PhotoBucket._made
    monkeypatch.setattr(
        s3_storage.PhotoBucket, "_made", lambda self, url: (made.append(url), real(self, url))[1]
    )
    default_storage._clients.clear()
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(photos.read, names)) == [name.encode() for name in names]
    assert len(made) == 1


class Watched:
    """How many photos are being fetched at once, and how many ever were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.most = self.all = 0
        lock, real = threading.Lock(), s3_storage.PhotoBucket._open

        def opened(storage: Any, name: str, mode: str = "rb") -> Any:
            with lock:
                self.now, self.all = self.now + 1, self.all + 1
                self.most = max(self.most, self.now)
            time.sleep(0.02)
            try:
                return real(storage, name, mode)
            finally:
                with lock:
                    self.now -= 1

        monkeypatch.setattr(s3_storage.PhotoBucket, "_open", opened)


def test_photos_are_fetched_before_a_decoder_asks(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = store(60)
    watched = Watched(monkeypatch)
    with many_photos.ahead([photos.source(name) for name in names]) as sources:
        assert watched.all == 0
        assert [source.read() for source in sources] == [name.encode() for name in names]
        assert watched.all == 60 and 8 <= watched.most <= many_photos.AT_ONCE
        assert sources[3].read() == names[3].encode()  # once more, and kept nowhere
        assert watched.all == 61


def test_two_that_decode_different_ends_do_not_wait_for_each_other(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = store(60)
    watched = Watched(monkeypatch)
    with many_photos.ahead([photos.source(name) for name in names]) as sources:
        assert sources[40].read() == names[40].encode()
        assert watched.all <= 20  # what lies before it was not fetched
        assert sources[0].read() == names[0].encode()


def test_of_photos_ahead_what_fails_fails_alone(bucket: str, tmp_path: Path) -> None:
    names = store(3)
    own = tmp_path / "own.jpg"
    asked = [*map(photos.source, (names[0], "products/no.jpg")), own, photos.source(names[2])]
    with many_photos.ahead(asked) as sources:
        assert sources[2] is own
        with pytest.raises(ImageError, match=r"The image no\.jpg does not exist"):
            sources[1].read()
        assert sources[3].read() == names[2].encode()


def test_rows_come_in_order_beside_their_photos(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = store(50)
    watched, asked = Watched(monkeypatch), []

    def rows() -> Any:
        for name in names:
            asked.append(name)
            yield name

    read = many_photos.beside(rows(), str, ask=photos.read)
    first, data = next(read)
    assert data() == first.encode() == names[0].encode()
    assert len(asked) == many_photos.AT_ONCE + 1  # a few ahead, never all
    assert [(row, found()) for row, found in read] == [(name, name.encode()) for name in names[1:]]
    assert watched.most >= 8


def test_many_are_deleted_and_counted(bucket: str) -> None:
    names = store(40)
    assert many_photos.remove([*names[:30], "products/none.jpg"]) == (30, [])
    assert list(photos.names()) == names[30:]


# ── A server that is away ─────────────────────────────────────────────────────────────────────
@pytest.fixture
def away(settings: Any) -> None:
    """Nobody listens there."""
    buckets.use(settings, S3Server(Path("/nowhere"), free_port()), address="s3://shop/photos")


def test_a_server_that_is_away_is_a_fault_and_no_missing_photo(away: None) -> None:
    started = time.monotonic()
    with pytest.raises(Unread, match="the object store: EndpointConnectionError"):
        photos.source(NAME).read()
    with pytest.raises(OSError, match="the object store") as caught:
        photos.read(NAME)
    assert caught.value.errno == errno.EIO
    with pytest.raises(photos.NotStored, match="see that it answers"):
        photos.store(NAME, b"x")
    with pytest.raises(OSError, match="the object store"):
        photos.remove(NAME)
    with pytest.raises(OSError, match="the object store"):
        next(photos.names())
    assert not photos.exists(NAME)
    assert many_photos.remove([NAME]) == (0, [NAME])
    assert photos.url(NAME)  # an address is signed here
    assert time.monotonic() - started < 60


def test_without_any_keys_a_page_has_no_photo_and_is_a_page(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    nowhere = S3Server(tmp_path, free_port())
    buckets.use(settings, nowhere, address="s3://shop", access_key=None, secret_key=None)
    assert photos.url(NAME) == f"{nowhere.url}/products/ab/%C3%A4%20b.jpg"
    assert "No address of a photo can be signed: Unable to locate credentials" in caplog.text
    with pytest.raises(OSError, match="the object store: NoCredentialsError"):
        photos.read(NAME)


def test_keys_that_are_refused_are_a_fault(bucket: str, s3: S3Server, settings: Any) -> None:
    photos.store(NAME, photo())
    buckets.use(settings, s3, address=f"s3://{bucket}/photos/of-shop", secret_key="another")
    with pytest.raises(OSError, match="the object store answers SignatureDoesNotMatch"):
        photos.read(NAME)
    with pytest.raises(photos.NotStored, match="lets clipmod write"):
        photos.store("products/new.jpg", photo())


def test_a_bucket_that_is_not_there_is_a_fault(s3: S3Server, settings: Any) -> None:
    buckets.use(settings, s3, address="s3://nobody-made-it")
    with pytest.raises(OSError, match="the object store answers NoSuchBucket"):
        photos.read(NAME)


def test_an_answer_that_breaks_off_is_a_fault(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.response import StreamingBody

    class Client:
        def get_object(self, **_: Any) -> dict[str, Any]:
            return {"Body": StreamingBody(BytesIO(b"half"), content_length=8)}

    monkeypatch.setattr(s3_storage.PhotoBucket, "_client", lambda *_: Client())
    with pytest.raises(Unread, match="IncompleteReadError"):
        photos.source(NAME).read()
