"""A few photos fetched at once, to be looked at before anything is imported: nothing is kept.

What does not come at once is left out: the worker fetches it with patience once it is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.conf import settings

from ...integration.guarded_http import FetchError, GuardedClient

MOST = 8
_SECONDS = 4.0  # for each: two rounds of four
_BYTES = 4 << 20


def glance(addresses: Sequence[str]) -> dict[str, bytes]:
    """What the first of these addresses answer, whatever it is."""
    asked = list(dict.fromkeys(addresses))[:MOST]
    connections = min(settings.FETCH_CONNECTIONS, len(asked) or 1)
    with (
        GuardedClient(
            connections=connections, connect_seconds=_SECONDS, read_seconds=_SECONDS
        ) as client,
        ThreadPoolExecutor(connections) as pool,
    ):
        answers = pool.map(partial(_asked, client), asked)
        return {address: data for address, data in zip(asked, answers, strict=True) if data}


def _asked(client: GuardedClient, address: str) -> bytes:
    try:
        with client.get(address, limit=_BYTES, seconds=_SECONDS) as answer:
            return answer.read()
    except FetchError:
        return b""
