"""HTTP requests to addresses that strangers name: of photos, feeds and webhooks.

`GuardedClient` is the only way out of clipmod to such addresses.
"""

from .answer import Answer
from .client import GuardedClient
from .problems import FetchError, Problem

__all__ = ["Answer", "FetchError", "GuardedClient", "Problem"]
