"""Addresses of sources: files and folders of this machine, and feeds at a host."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from moderation.models import CatalogueSource

from ...integration.guarded_http.addresses import Allowed
from ..catalogue_formats import ENDINGS, format_of, listed
from .problems import SourceError

LONGEST = 2000
PACKED = ".gz"
_WEB = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# A file that was changed so long ago is whole; a newer one is watched until it rests.
OLD, REST, LONGEST_WAIT = 60.0, 5.0, 600.0  # seconds


def is_feed(address: str) -> bool:
    return bool(_WEB.match(address.strip()))


def checked(address: str, *, is_anywhere: bool) -> str:
    """The address as it is stored. Raises `SourceError`, which says what to give instead.

    Without `is_anywhere` a file or folder must lie in SOURCE_ROOT: who may change a source in the
    admin must not read all that this machine can.
    """
    address = address.strip()
    if "\x00" in address:
        raise SourceError("The address holds a NUL character; remove it.")
    if len(address) > LONGEST:
        raise SourceError(f"The address has more than {LONGEST} characters; shorten it.")
    if is_feed(address):
        check_feed(address)
        return address
    path = Path(address).expanduser() if is_anywhere else _in_root(address)
    path = path.absolute()
    if not is_anywhere:
        check_inside(path)
    return str(path)


def check_feed(address: str) -> None:
    """Raises `SourceError` where it is none that may be asked."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SourceError(f"The address cannot be read ({error}); correct it.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise SourceError("The address is none of the web; give one with https and a host.")
    if parts.username is not None:
        raise SourceError("The address holds a login; give one that needs none.")
    if parts.scheme == "http" and not _is_listed(host):
        raise SourceError(
            "By http anybody on the way can change the feed; give an https address, or list "
            f"{host} in FETCH_ALLOW."
        )


def _is_listed(host: str) -> bool:
    """Whether FETCH_ALLOW has this host, by its name or, where that is written, its address."""
    allowed = Allowed.of(settings.FETCH_ALLOW)
    if host.lower().rstrip(".") in allowed.hosts:
        return True
    try:
        return any(ipaddress.ip_address(host) in network for network in allowed.networks)
    except ValueError:
        return False


def _in_root(address: str) -> Path:
    if not settings.SOURCE_ROOT:
        raise SourceError(
            "Files and folders can be named here once SOURCE_ROOT says in which folder; until then "
            "give an https address, or use `manage.py source`."
        )
    return Path(settings.SOURCE_ROOT) / address


def check_inside(path: Path) -> None:
    """Raises `SourceError` where a path, all links followed, lies outside SOURCE_ROOT."""
    root = settings.SOURCE_ROOT
    try:
        if root and path.resolve().is_relative_to(Path(root).resolve()):
            return
    except (OSError, RuntimeError, ValueError):  # RuntimeError: links in a circle
        pass
    where = root or "SOURCE_ROOT, which is not set"
    raise SourceError(f"{path.name} lies outside {where}; give a path inside it.")


def shown(source: CatalogueSource) -> str:
    """For who may only look: a feed's address may hold a key in its path or query."""
    if not source.address:
        return "given by hand"
    if not is_feed(source.address):
        return source.address
    parts = urlsplit(source.address)
    return f"{parts.scheme}://{parts.hostname}"


# ── Files ─────────────────────────────────────────────────────────────────────────────────────
def file_of(source: CatalogueSource) -> Path:
    """The file to read now: the source's own, or the newest catalogue file in its folder.

    Raises `SourceError`.
    """
    path = Path(source.address)
    _check(path, source)
    try:
        if path.is_file():
            return path.resolve()
        if path.is_dir():
            return _newest(path, source)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}).") from error
    raise SourceError(f"There is no file and no folder {path}.")


def _newest(folder: Path, source: CatalogueSource) -> Path:
    """By the time of its last change; names that begin with a dot are of uploads under way."""
    files = [one for one in folder.iterdir() if _is_catalogue(one) and one.is_file()]
    if not files:
        raise SourceError(
            f"The folder {folder} has no catalogue file; {listed(ENDINGS, by='and')} are read, "
            f"also with {PACKED}."
        )
    newest = max(files, key=lambda one: (one.stat().st_mtime_ns, one.name))
    _check(newest, source)
    return newest.resolve()


def _is_catalogue(path: Path) -> bool:
    inner = path.with_suffix("") if path.suffix.lower() == PACKED else path
    return not path.name.startswith(".") and format_of(inner) is not None


def _check(path: Path, source: CatalogueSource) -> None:
    if not source.is_anywhere:
        check_inside(path)


def stamp(path: Path) -> str:
    """Another one where a file was written anew."""
    found = path.stat()
    words = f"{path} {found.st_size} {found.st_mtime_ns} {found.st_ino}"
    return hashlib.sha256(words.encode("utf-8", "surrogateescape")).hexdigest()


def wait_until_written(path: Path, check: Callable[[], None]) -> None:
    """Return when nobody writes to the file any more; `check` is called meanwhile and may raise."""
    if time.time() - path.stat().st_mtime > OLD:
        return
    began = since = time.monotonic()
    seen = stamp(path)
    while time.monotonic() - since < REST:
        check()
        time.sleep(min(0.5, REST))
        if (now := stamp(path)) != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() - began > LONGEST_WAIT:
            raise SourceError(f"{path.name} is still being written after ten minutes.")
