"""Tell a full disk from other failures, whoever noticed it: a file's write or the database."""

from __future__ import annotations

import errno
import sqlite3

from django.db import OperationalError

_FILES = (errno.ENOSPC, errno.EDQUOT)
_POSTGRESQL = "53100"  # disk_full


def is_full(error: BaseException) -> bool:
    """Whether this error says that there is no room left."""
    if isinstance(error, OperationalError):
        cause = error.__cause__
        code = getattr(cause, "sqlite_errorcode", None)
        return code == sqlite3.SQLITE_FULL or getattr(cause, "sqlstate", None) == _POSTGRESQL
    return isinstance(error, OSError) and error.errno in _FILES
