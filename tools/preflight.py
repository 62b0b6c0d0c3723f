"""Before anything is installed: is this Python new enough, and is the port free?

Runs with the machine's own Python and the standard library alone.
"""

import os
import socket
import sys


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python is what this looks for
        version = sys.version.split()[0]
        sys.exit(
            f"clipmod needs Python 3.11 or newer; this is {version}. Try `make PYTHON=python3.11`."
        )
    raw = os.environ.get("PORT") or "8000"
    if not raw.isdigit() or not 1 <= int(raw) <= 65535:
        sys.exit(f"PORT is {raw!r}; set it to a number between 1 and 65535.")
    if len(sys.argv) > 1 and sys.argv[1] == "port":
        check_port(int(raw))


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(f"Port {port} is taken; choose another one: PORT={port + 10} make run")


if __name__ == "__main__":
    main()
