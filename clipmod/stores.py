"""Where rows and caches lie, by their addresses."""

from typing import Any

import environ


def database(url: str) -> dict[str, Any]:
    """An entry of DATABASES."""
    found: dict[str, Any] = environ.Env.db_url_config(url)
    if found["ENGINE"].endswith("sqlite3"):
        # Web server and worker write at the same moment: readers never wait for the writer (WAL),
        # and writers queue (IMMEDIATE) instead of failing when a read turns into a write.
        found["OPTIONS"] = {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        }
    elif "options" not in found.setdefault("OPTIONS", {}):
        # For one page of a queue of 50,000, both cost more than the whole query (docs/measures.md).
        found["OPTIONS"]["options"] = "-c jit=off -c max_parallel_workers_per_gather=0"
    return found | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


# Culled beyond so many; they are the answers below and one row for each user of the API.
_IN_DATABASE = {
    "BACKEND": "clipmod.signed_cache.SignedDatabaseCache",
    "LOCATION": "moderation_cache",
    # Former releases write into the same table what is not signed, and cannot read what is. Not a
    # version: `services/queries/cache.py` has one of its own.
    "KEY_PREFIX": "signed",
    "OPTIONS": {"MAX_ENTRIES": 1000},
}


def caches(redis: str) -> dict[str, Any]:
    """CACHES; `redis` is the address of a server, or empty."""
    return {
        # What each request of the API counts up (API_RATE), so in Redis where there is one.
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": redis,
            # Not Django's pickles; the version keeps apart what former releases wrote as such.
            "OPTIONS": {"serializer": "django.core.signing.JSONSerializer"},
            "VERSION": 2,
        }
        if redis
        else _IN_DATABASE,
        # What took long to find (services/queries/cache.py). Pages need it, and not Redis.
        "answers": _IN_DATABASE,
        # django-q notes how it does twice a second, and nobody reads it: not in the database.
        "django-q": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    }
