"""Django's cache in the database, with signed entries: it stores pickles, which could run code."""

from __future__ import annotations

import base64
import logging
import pickle
from collections.abc import Iterable
from typing import Any

from django.core import signing
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.utils import timezone

from moderation.models import CacheEntry

from . import pickles

logger = logging.getLogger(__name__)

# What reading bytes that are no pickle of ours may raise (documentation of `pickle`, and base64's).
_NOT_OURS = (
    *(signing.BadSignature, pickle.UnpicklingError, AttributeError, EOFError, ImportError),
    *(IndexError, KeyError, TypeError, ValueError),
)


class SignedDatabaseCache(DatabaseCache):
    """Each entry is signed for its key; one of another SECRET_KEY, or of nobody, is not there."""

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        asked = {self.make_and_validate_key(key, version=version): key for key in keys}
        entries = CacheEntry.objects.filter(cache_key__in=asked, expires__gte=timezone.now())
        found = {}
        for key, stored in entries.values_list("cache_key", "value"):
            try:
                found[asked[key]] = _opened(key, stored)
            except _NOT_OURS as error:
                logger.warning("An entry of the cache is not ours: %s (%s)", key, error)
        return found

    def _base_set(
        self, mode: str, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT
    ) -> bool:
        signed = signing.dumps(value, salt=_salt(key), serializer=pickles.Signed)
        stored: bool = super()._base_set(mode, key, signed, timeout)  # type: ignore[misc]
        return stored


def _opened(key: str, stored: str) -> Any:
    """What was signed. Django pickles the signed text once more, so that is a plain value."""
    signed = str(pickles.plain(base64.b64decode(stored)))
    return signing.loads(signed, salt=_salt(key), serializer=pickles.Signed)


def _salt(key: str) -> str:
    return f"clipmod.cache:{key}"
