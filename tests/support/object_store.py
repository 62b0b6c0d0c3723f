"""A storage as an object store is one: files are sent and fetched, and have no path."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils import timezone
from django.utils.encoding import filepath_to_uri

BACKEND = f"{__name__}.ObjectStore"


class ObjectStore(Storage):
    """In memory, and empty at first. (Django's own storage in memory makes paths up.)"""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.times: dict[str, datetime] = {}

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        if name not in self.files:
            raise FileNotFoundError(name)
        return ContentFile(self.files[name], name)

    def _save(self, name: str, content: File[Any]) -> str:
        self.files[name], self.times[name] = content.read(), timezone.now()
        return name

    def delete(self, name: str) -> None:
        del self.files[name]

    def exists(self, name: str) -> bool:
        return name in self.files

    def get_modified_time(self, name: str) -> datetime:
        return self.times[name]

    def size(self, name: str) -> int:
        if name not in self.files:
            raise FileNotFoundError(name)
        return len(self.files[name])

    def names(self) -> Iterator[str]:
        yield from list(self.files)

    def url(self, name: str | None) -> str:
        return f"https://photos.example/{filepath_to_uri(name)}"
