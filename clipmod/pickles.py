"""Pickles of the database: whoever may write a table must not run code in our processes.

A pickle may name any function, and reading it calls that. So one is read only where SECRET_KEY
signed it (`Signed`), or as nothing but plain values (`plain`).
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import picklefield.fields


class Signed:
    """For `django.core.signing`, which hands over only what our own key has signed."""

    def dumps(self, value: Any) -> bytes:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data)


def plain(data: bytes) -> Any:
    """What a pickle holds of plain values. Raises `UnpicklingError` where it holds others."""
    return _Plain(io.BytesIO(data)).load()


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"A pickle names {module}.{name}; only plain values are read.")


def read_results_plainly() -> None:
    """Of django-q's tasks: arguments and results, which it stores as pickles without a signature.

    Ours are numbers and texts. What is none stays the text that it is stored as.
    """
    picklefield.fields.loads = plain
