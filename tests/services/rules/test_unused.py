"""Of a photo that is removed while it comes again, one is there in the end: whoever was first."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from moderation.services.rules import photos, unused
from tests.support.paths import ROOT
from tests.support.photos import photo

DATA = photo()
SHA256 = hashlib.sha256(DATA).hexdigest()
NAME = f"products/{SHA256[:2]}/{SHA256}.jpg"
TURNS = 1500


def grow_old(path: Path) -> None:
    os.utime(path, (1, 1))


def yesterday() -> datetime:
    return datetime.now(UTC) - timedelta(days=1)


def test_what_is_stored_again_is_new(media: Path) -> None:
    photos.store(NAME, DATA)
    grow_old(media / NAME)
    photos.store(NAME, DATA)
    assert not photos.remove_untouched(NAME, since=yesterday())
    assert photos.read(NAME) == DATA


def test_what_is_old_goes(media: Path) -> None:
    photos.store(NAME, DATA)
    grow_old(media / NAME)
    assert photos.remove_untouched(NAME, since=yesterday())
    assert not photos.exists(NAME)
    assert not photos.remove_untouched(NAME, since=yesterday())


def test_a_file_that_may_only_be_read_goes_too(media: Path) -> None:
    photos.store(NAME, DATA)
    (media / NAME).chmod(0o444)
    grow_old(media / NAME)
    assert photos.remove_untouched(NAME, since=yesterday())


def test_between_the_look_and_the_removal_nobody_comes(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stores the photo at the worst moment waits, and then writes it."""
    photos.store(NAME, DATA)
    grow_old(media / NAME)
    unlink, stored = Path.unlink, threading.Event()

    def store() -> None:
        photos.store(NAME, DATA)
        stored.set()

    def slowly(path: Path, **options: bool) -> None:
        thread.start()
        assert not stored.wait(0.3)
        unlink(path, **options)

    thread = threading.Thread(target=store)
    monkeypatch.setattr(Path, "unlink", slowly)
    assert photos.remove_untouched(NAME, since=yesterday())
    thread.join()
    assert photos.read(NAME) == DATA


def test_one_process_stores_and_another_removes(media: Path) -> None:
    """After each `store` the photo is there, however often it was just removed."""
    remover = subprocess.Popen(
        [sys.executable, "-c", REMOVER, str(media / NAME)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    # On a busy machine it starts slowly.
    assert remover.stdout and remover.stdout.readline() == "ready\n"
    lost, until = 0, time.monotonic() + 5
    turns = 0
    try:
        while turns < TURNS and time.monotonic() < until:
            photos.store(NAME, DATA)
            lost += not (media / NAME).is_file()
            turns += 1
            if turns % 2:
                grow_old(media / NAME)
    finally:
        remover.terminate()
        removed = len(remover.communicate()[0].splitlines())
    assert lost == 0
    assert removed > 5, f"removed {removed} times in {turns} turns"


REMOVER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from moderation.services.rules import unused

path = Path(sys.argv[1])
print("ready", flush=True)
while True:
    if unused.removed(path, since=datetime.now(UTC) - timedelta(days=1)):
        print(1, flush=True)
"""


def test_elsewhere_an_old_photo_is_sent_again(media: Path, settings: object) -> None:
    assert unused.is_old(datetime.now(UTC) - unused.ON_ITS_WAY)
    assert not unused.is_old(datetime.now(UTC))
