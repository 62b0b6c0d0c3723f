"""What came back: a few headers, and a body that is read in pieces and never past its limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from . import problems
from .deadline import Deadline, ended_after
from .problems import FetchError, Problem

_PIECE = 64 * 1024
_REST = 64 * 1024  # bytes that are read of an answer nobody wants, to keep its connection
_REST_SECONDS = 1.0


class Answer:
    """What was asked for (200, 203), or that it `is_unchanged` (304); a body can be read once.

    `url` is where it came from after redirects; `tells_its_end` whether a body that breaks off can
    be told from a whole one (else its host ends it by hanging up). `etag`, `last_modified` and
    `content_type` are printable ASCII, and empty where the host did not say, or something else.
    """

    def __init__(
        self, response: BaseHTTPResponse, *, url: str, limit: int, deadline: Deadline
    ) -> None:
        self._response = response
        self._limit, self._deadline = limit, deadline
        self.url = url
        self.status = response.status
        self.is_unchanged = response.status == 304
        chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        self.tells_its_end = chunked or response.length_remaining is not None
        self.etag = _printable(response, "ETag")
        self.last_modified = _printable(response, "Last-Modified")
        self.content_type = _printable(response, "Content-Type")
        if not self.is_unchanged and (response.length_remaining or 0) > limit:
            raise self._too_large()

    def read(self) -> bytes:
        """The whole body. Raises as `pieces`."""
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """The body, decompressed, in pieces of at most 64 KiB.

        Raises `FetchError`: too_large after `limit` bytes, timeout, connection where it breaks off
        or ends early, bad_answer where it cannot be decompressed.
        """
        size = 0
        try:
            with ended_after(self._deadline.left, hang_up=self._response.shutdown):
                for piece in self._response.stream(_PIECE, decode_content=True):
                    size += len(piece)
                    if size > self._limit:
                        raise self._too_large()
                    yield piece
        except TimeoutError as error:
            raise FetchError(
                f"Not complete within {self._deadline.seconds:g} seconds.", problem=Problem.TIMEOUT
            ) from error
        except HTTPError as error:
            raise problems.of_error(error, seconds=self._deadline.passed) from error

    def _too_large(self) -> FetchError:
        return FetchError(f"Larger than {self._limit:,} bytes.", problem=Problem.TOO_LARGE)


def _printable(response: BaseHTTPResponse, name: str) -> str:
    """A header as it may be stored and sent again: PostgreSQL takes no NUL, HTTP only ASCII."""
    value = response.headers.get(name, "")
    return value if value.isascii() and value.isprintable() else ""


def pass_over(response: BaseHTTPResponse, *, deadline: Deadline) -> None:
    """Read a little of what nobody wants: a short one leaves its connection to the next request."""
    with (
        suppress(HTTPError, TimeoutError),
        ended_after(min(_REST_SECONDS, deadline.left), hang_up=response.shutdown),
    ):
        response.read(_REST, decode_content=False)


def close(response: BaseHTTPResponse) -> None:
    """Give a connection back to its pool: as it is after a whole answer, else closed."""
    response.close()
    response.release_conn()
