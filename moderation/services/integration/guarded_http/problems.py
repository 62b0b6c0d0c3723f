"""Why nothing came of a request: a class to count and filter by, and a sentence for people.

Sentences name the host at most: an address may carry a key in its path or query.
"""

from __future__ import annotations

import http.client
import ssl
from typing import Final

from django.db.models import TextChoices
from urllib3 import BaseHTTPResponse, Retry, exceptions


class Problem(TextChoices):
    """The classes of failures; `label` is what people read."""

    NOT_FOUND = "not_found", "Not found"
    GONE = "gone", "Gone for good"
    UNAUTHORIZED = "unauthorized", "Wants a login"
    FORBIDDEN = "forbidden", "Forbidden"
    RATE_LIMITED = "rate_limited", "Asked too often"
    SERVER_ERROR = "server_error", "The host has an error"
    UNEXPECTED_STATUS = "unexpected_status", "Unexpected status"
    BAD_ANSWER = "bad_answer", "The answer cannot be read"
    TOO_LARGE = "too_large", "Too large"
    TIMEOUT = "timeout", "Took too long"
    CONNECTION = "connection", "No connection, or it broke"
    CERTIFICATE = "certificate", "The certificate is not valid"
    PROXY = "proxy", "The proxy does not let it through"
    HOST_NOT_FOUND = "host_not_found", "The host is not found"
    HOST_REFUSED = "host_refused", "The host is in a private network"
    BAD_ADDRESS = "bad_address", "The address cannot be used"
    REDIRECT_REFUSED = "redirect_refused", "Redirected from https to http"
    TOO_MANY_REDIRECTS = "too_many_redirects", "Redirected too often"

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later without anybody changing anything."""
        return self in _TEMPORARY


_TEMPORARY: Final = {
    Problem.RATE_LIMITED,
    Problem.SERVER_ERROR,
    Problem.TIMEOUT,
    Problem.CONNECTION,
    Problem.PROXY,
    # Resolvers fail more often than shops vanish, and tell the two apart badly.
    Problem.HOST_NOT_FOUND,
}
_STATUSES: Final = {
    401: Problem.UNAUTHORIZED,
    403: Problem.FORBIDDEN,
    404: Problem.NOT_FOUND,
    408: Problem.TIMEOUT,
    410: Problem.GONE,
    429: Problem.RATE_LIMITED,
    451: Problem.FORBIDDEN,
}
_NOT_HTTP: Final = "what came is not HTTP"


class FetchError(Exception):
    """Nothing came of a request; `str(error)` is a sentence.

    `status` is the HTTP status where there was one, `retry_after` the seconds that the host asks to
    wait (0 to six hours) where it does.
    """

    def __init__(
        self,
        sentence: str,
        *,
        problem: Problem,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.problem = problem
        self.status = status
        self.retry_after = retry_after


def of_status(response: BaseHTTPResponse) -> FetchError:
    """What an answer means that is not the one hoped for."""
    status = response.status
    problem = _STATUSES.get(
        status, Problem.SERVER_ERROR if status >= 500 else Problem.UNEXPECTED_STATUS
    )
    return FetchError(
        f"Answered {status}: {problem.label.lower()}.",
        problem=problem,
        status=status,
        retry_after=_retry_after(response),
    )


def _retry_after(response: BaseHTTPResponse) -> float | None:
    """`Retry-After` in seconds, which may be written as a number or as a date."""
    try:
        return Retry().get_retry_after(response)
    except (exceptions.InvalidHeader, ValueError, OverflowError):
        return None


def of_error(error: Exception, *, host: str = "the host", seconds: float = 0) -> FetchError:
    """What an error of urllib3 means that came after so many seconds."""
    cause = error.args[0] if isinstance(error, exceptions.SSLError) and error.args else error
    within = f"within {round(seconds, 1):g} seconds"
    match error:
        case exceptions.NewConnectionError():  # which urllib3 counts among the timeouts
            return FetchError(f"No answer: {_reason(error)}.", problem=Problem.CONNECTION)
        case exceptions.ConnectTimeoutError():
            return FetchError(f"No connection to {host} {within}.", problem=Problem.TIMEOUT)
        case exceptions.TimeoutError() | exceptions.EmptyPoolError():
            return FetchError(f"No answer {within}.", problem=Problem.TIMEOUT)
        case exceptions.SSLError() if isinstance(cause, ssl.SSLCertVerificationError):
            return FetchError(
                f"No secure connection: the certificate of {host} is not valid "
                f"({cause.verify_message.rstrip('.')}).",
                problem=Problem.CERTIFICATE,
            )
        case exceptions.SSLError():
            return FetchError(
                f"No secure connection: {getattr(cause, 'reason', None) or cause}.",
                problem=Problem.CONNECTION,
            )
        case exceptions.ProxyError():
            return FetchError(
                f"The proxy makes no connection to {host}: {_reason(error.original_error)}.",
                problem=Problem.PROXY,
            )
        case exceptions.DecodeError():
            return FetchError("The answer cannot be decompressed.", problem=Problem.BAD_ANSWER)
        case exceptions.LocationValueError() | ValueError():
            return FetchError(
                "The address cannot be used; check its host.", problem=Problem.BAD_ADDRESS
            )
        case _:
            return FetchError(f"No answer: {_reason(error)}.", problem=Problem.CONNECTION)


def _reason(error: Exception) -> str:
    """What went wrong in words: errors of urllib3 hold objects, and what the host sent."""
    wrapped = next((one for one in error.args if isinstance(one, Exception)), error)
    match error.__cause__ or wrapped:
        case http.client.RemoteDisconnected():
            return "the connection was closed"
        case OSError() as inner:
            return inner.strerror or str(inner) or "the connection broke"
        case exceptions.InvalidChunkLength() | exceptions.InvalidHeader():
            return _NOT_HTTP
        case http.client.IncompleteRead():
            return "what came ended early"
        case http.client.HTTPException():
            return _NOT_HTTP
        case _:
            return "the connection broke"
