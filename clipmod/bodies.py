"""A body that ends before its Content-Length is an error where it is read, not a shorter body.

A proxy that buffers requests never sends on a cut-off one. A server that is reached directly does,
and Django takes what came for the whole: half a text would be stored as a listing's.
"""

import io
from collections.abc import Iterable
from wsgiref.types import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

KEY = "clipmod.body"  # of the environment: the body, which knows whether it was cut off


class Body(io.RawIOBase):
    """The bytes of a request, counted."""

    def __init__(self, stream: InputStream, length: int) -> None:
        self._stream, self._left = stream, length
        self.is_cut_off = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._left:
            return 0
        block = self._stream.read(min(len(buffer), self._left))
        if not block:
            self.is_cut_off = True
            raise OSError(f"The body lacks {self._left:,} bytes of its Content-Length.")
        buffer[: len(block)] = block
        self._left -= len(block)
        return len(block)


def counted(application: WSGIApplication) -> WSGIApplication:
    """The application, which meets an `OSError` at the end of a body that was cut off."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        length = str(environ.get("CONTENT_LENGTH") or "")
        if length.isascii() and length.isdigit():
            body = Body(environ["wsgi.input"], int(length[:18]))
            environ |= {KEY: body, "wsgi.input": io.BufferedReader(body)}
        return application(environ, start_response)

    return answer
