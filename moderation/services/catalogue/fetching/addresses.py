"""Addresses of photos as shops give them."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urlsplit

import idna

MOST = 50  # photos of one listing
LONGEST = 2000
_WEB = re.compile(r"https?:", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]+:)?//", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]", re.IGNORECASE)


class BadAddress(ValueError):
    """`str()` is a sentence that says what is wrong and what to give."""


def is_address(text: str) -> bool:
    """Whether a cell holds an address of the web, or of anything, and not a path."""
    return bool(_ADDRESS.match(text.strip()))


def checked(address: str) -> str:
    """The address as it is stored. Raises `BadAddress`.

    What browsers mend is mended: spaces and letters beyond ASCII are escaped, in the name of a host
    by IDNA; without a scheme, as Shopify writes it ("//cdn.shop.example/1.jpg"), https is meant.
    """
    address = address.strip()
    if address.startswith("//"):
        address = f"https:{address}"
    if len(address) > LONGEST:
        raise BadAddress(f"The address of a photo has more than {LONGEST} characters; shorten it.")
    if not _WEB.match(address):
        raise BadAddress(f"{_shown(address)} is no web address; give one with http or https.")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadAddress(f"{_shown(address)} is no web address ({error}); correct it.") from error
    if not host:
        raise BadAddress(f"{_shown(address)} names no host; give the whole address.")
    if parts.username is not None:
        raise BadAddress(
            f"The address of a photo at {host} holds a login; give one that needs none."
        )
    netloc = _in_ascii(host) + (f":{port}" if port is not None else "")
    rest = parts._replace(scheme="", netloc="").geturl()
    written = f"{parts.scheme}://{netloc}{quote(rest, safe=_AS_THEY_ARE)}"
    if len(written) > LONGEST:
        raise BadAddress(f"The address of a photo has more than {LONGEST} characters; shorten it.")
    return written


def host_of(address: str) -> str:
    """Who is asked: scheme, host and port, as a browser tells origins apart."""
    parts: SplitResult = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"[:255]


_AS_THEY_ARE = "%/:=&?~#+!$,;'@()*[]"


def _in_ascii(host: str) -> str:
    name = f"[{host}]" if ":" in host else host
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except idna.IDNAError as error:
            raise BadAddress(f"{_shown(host)} is no name of a host; correct it.") from error
    if not _HOST.fullmatch(name):
        raise BadAddress(f"{_shown(host)} is no name of a host; correct it.")
    return name


def _shown(address: str) -> str:
    return address if len(address) <= 100 else f"{address[:100]}…"
