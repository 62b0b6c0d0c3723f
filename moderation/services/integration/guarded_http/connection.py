"""Connections of urllib3 that go to checked addresses only, and headers that come in time.

The host's name stays what TLS (SNI, the certificate) and the Host header have; only the socket is
made to one of the addresses that were just looked at. So a name that means another address a moment
later (DNS rebinding) leads nowhere else, and a connection that is kept for the next request is one
that was checked.
"""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.response import HTTPResponse

from .addresses import Allowed, checked
from .deadline import Deadline, ended_after


class _Connection(HTTPConnection):
    def __init__(self, *args: Any, allowed: Allowed, **named: Any) -> None:
        super().__init__(*args, **named)
        self.allowed = allowed

    def _new_conn(self) -> socket.socket:
        if self.proxy:
            return super()._new_conn()
        addresses = checked(self._dns_host, port=self.port, allowed=self.allowed)
        deadline = Deadline(self.timeout or 0)
        for tried, address in enumerate(addresses):
            # An address that swallows packets leaves time for the next one.
            share = deadline.left / (len(addresses) - tried)
            try:
                sock = socket.create_connection((str(address), self.port), max(share, 0.001))
                break
            except OSError as error:
                failure = error
        else:
            if isinstance(failure, TimeoutError):
                raise ConnectTimeoutError(self, "No connection.") from failure
            raise NewConnectionError(self, str(failure)) from failure
        for option in self.socket_options or ():
            sock.setsockopt(*option)
        sock.settimeout(max(deadline.left, 0.001))  # what the TLS handshake may take
        return sock

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        """As its parent's, but all headers together have the time that each read would have."""
        sock = self.sock
        with ended_after(self.timeout or 0, hang_up=partial(sock.shutdown, socket.SHUT_RDWR)):
            return super().getresponse()


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def pools(allowed: Allowed) -> dict[str, Any]:
    """The `pool_classes_by_scheme` of a `PoolManager` whose connections are checked."""
    return {
        "http": partial(_Pool, allowed=allowed),
        "https": partial(_SecurePool, allowed=allowed),
    }
