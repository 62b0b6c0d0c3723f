"""A host of the web: a real HTTP server on this machine that answers each path as it is told."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    connection: tuple[str, int]  # the same for requests over the same one


class Exchange(BaseHTTPRequestHandler):
    """One request in the hands of what answers it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as servers of the web do; else each answer waits 40 ms

    def answer(self, body: bytes = b"", *, status: int = 200, **headers: str) -> None:
        """Send a whole answer; `ETag="x"`, `Retry_After="5"` are headers."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients hang up on purpose


Answer = Callable[[Exchange], None]


@dataclass
class Host:
    """What arrived, and what each path answers; any other path answers `b"ok"`."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    names: list[str | None] = field(default_factory=list)  # of TLS (SNI), one a connection

    def url(self, path: str = "/", *, name: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{name}:{self.port}{path}"

    @property
    def connections(self) -> int:
        return len({one.connection for one in self.asked})


@contextmanager
def hosting(*, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Host]:
    """A host on a free port of this machine."""
    host = Host()

    class Handler(Exchange):
        def handle_one(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            host.asked.append(Asked(self.command, self.path, headers, self.client_address[:2]))
            self.rfile.read(int(headers.get("content-length", "0")))
            host.answers.get(self.path, lambda exchange: exchange.answer(b"ok"))(self)

        def do_GET(self) -> None:
            self.handle_one()

        def do_POST(self) -> None:
            self.handle_one()

        def do_CONNECT(self) -> None:
            self.handle_one()

    class Server(_Server):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

    with Server((address, 0), Handler) as server:
        if tls is not None:
            tls.sni_callback = lambda sock, name, context: host.names.append(name)
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        host.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()


def tunnel(exchange: Exchange, *, to: tuple[str, int]) -> None:
    """Answer CONNECT: carry bytes both ways until one end hangs up."""
    with socket.create_connection(to) as beyond:
        exchange.send_response(200)
        exchange.end_headers()
        back = threading.Thread(target=_carry, args=(beyond, exchange.connection), daemon=True)
        back.start()
        _carry(exchange.connection, beyond)
        back.join()
    exchange.close_connection = True


def _carry(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
