"""Photos by address for the page between upload and import, which asks for them once it is there.

The server fetches the first few through the guarded client; no browser asks a stranger's host. What
came, or did not, is kept beside the upload, so that reading it again asks nobody twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from moderation.services.catalogue.fetching.glance import glance

from .import_preview import data_address, small
from .upload import Upload

_ASKED_AT_MOST = 40  # of one upload, however often it is read otherwise


def pictures(files: Upload, addresses: Sequence[str]) -> dict[str, str]:
    """Those of these photos that are pictures, as data addresses; none where all is gone."""
    try:
        return _pictures(files, addresses)
    except OSError:
        return {}


def _pictures(files: Upload, addresses: Sequence[str]) -> dict[str, str]:
    files.glanced.mkdir(exist_ok=True)
    places = {address: _place(files, address) for address in addresses}
    room = _ASKED_AT_MOST - sum(1 for _ in files.glanced.iterdir())
    new = [address for address, place in places.items() if not place.exists()][: max(room, 0)]
    if new:
        found = glance(new)
        for address in new:
            places[address].write_bytes(small(found[address]) if address in found else b"")
    kept = {address: place.read_bytes() for address, place in places.items() if place.exists()}
    return {address: data_address(data) for address, data in kept.items() if data}


def _place(files: Upload, address: str) -> Path:
    return files.glanced / hashlib.sha256(address.encode()).hexdigest()[:32]
