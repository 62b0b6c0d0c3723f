"""An S3 server of one's own: real processes, keys and signatures, and photos in a folder.

It is nanio, which checks signatures and when they end, as AWS does. With `latency` each answer
begins that much later, as from a store that is not next door.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ACCESS_KEY, SECRET_KEY, REGION = "clipmod-tests", "a-secret-of-the-tests", "eu-central-1"


@dataclass
class S3Server:
    """May be stopped and started again, on its port and with what it holds."""

    folder: Path
    port: int
    latency: float = 0.0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it answers."""
        command = [sys.executable, "-m", "tools.s3_server", str(self.folder)]
        self._process = subprocess.Popen(
            [*command, f"--port={self.port}", f"--latency={self.latency}"],
            env={**os.environ, "NANIO_ACCESS_KEY": ACCESS_KEY, "NANIO_SECRET_KEY": SECRET_KEY},
            cwd=ROOT,
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        """As when its machine is gone: nobody answers at its address."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def make_bucket(self, name: str) -> None:
        """A folder is one."""
        (self.folder / name).mkdir(parents=True)


def storage(server: S3Server, *, address: str, url_seconds: int = 3600) -> dict[str, Any]:
    """The entry of STORAGES for a bucket of this server."""
    from clipmod import s3

    bucket = s3.bucket(
        address, endpoint=server.url, browser_endpoint="", region=REGION, is_https=False
    )
    assert bucket is not None
    return s3.storage(
        bucket,
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        session_token="",
        url_seconds=url_seconds,
    )


def environment(server: S3Server, *, address: str) -> dict[str, str]:
    """The same as variables, for a process."""
    return {
        "MEDIA_URL_STORAGE": address,
        "MEDIA_S3_ENDPOINT": server.url,
        "MEDIA_S3_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }


def main() -> None:
    import uvicorn
    from nanio.app import build_app

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(NANIO_DATA_DIR=str(asked.folder), NANIO_REGION=REGION)
    app: Callable[..., Awaitable[None]] = build_app()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asyncio.sleep(asked.latency)
        await app(scope, receive, send)

    uvicorn.run(slow, host="127.0.0.1", port=asked.port, log_level="error")


if __name__ == "__main__":
    main()
