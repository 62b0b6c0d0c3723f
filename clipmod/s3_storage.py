"""Photos in a bucket: django-storages' names and settings, with one request for each read.

What django-storages does for a file of any size costs a photo three requests and a pool of threads,
and each of our threads a client of its own, which takes longer to make than a photo to fetch.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.exceptions import SuspiciousFileOperation, SuspiciousOperation
from django.core.files.base import ContentFile, File
from django.utils.encoding import filepath_to_uri
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

logger = logging.getLogger(__name__)

# As many threads may read at once and none waits for a connection, or throws one away.
CONNECTIONS = 32
# At most: a quarter of a minute for a server that is away, half a one for one that is silent.
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 4, 10, 3
_ADDRESSES_KEPT = 4096


class PhotoBucket(S3Storage):
    """Bytes by their names. What goes wrong is an `OSError`, whatever boto3 calls it."""

    def __init__(self, **options: Any) -> None:
        self._clients: dict[tuple[int, str], Any] = {}
        self._making = threading.Lock()
        self._kept_address = lru_cache(maxsize=_ADDRESSES_KEPT)(self._address)
        super().__init__(
            **options,
            client_config=Config(
                signature_version="s3v4",
                s3={"addressing_style": options["addressing_style"]},
                max_pool_connections=CONNECTIONS,
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                # Checksums of other kinds than SHA-256 are AWS's alone; others refuse them.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def get_default_settings(self) -> dict[str, Any]:
        return {**super().get_default_settings(), "public_endpoint_url": None}

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        """The whole photo, in one request."""
        with _said(name):
            found = self._client().get_object(**self._place(name))
            return ContentFile(found["Body"].read(), name=name)

    def _save(self, name: str, content: File[bytes]) -> str:
        """In one piece, so that nobody ever reads half a photo; the last of two that race stays."""
        key = self._normalize_name(clean_name(name))
        with _said(name):
            self._client().put_object(
                **self._place(name),
                **self._get_write_parameters(key, content),
                Body=content.read(),
            )
        return str(clean_name(name))

    def delete(self, name: str) -> None:
        with _said(name):
            self._client().delete_object(**self._place(name))

    def size(self, name: str) -> int:
        with _said(name):
            return int(self._client().head_object(**self._place(name))["ContentLength"])

    def exists(self, name: str) -> bool:
        try:
            self.size(name)
        except FileNotFoundError:
            return False
        return True

    def names(self) -> Iterator[str]:
        """All names below the prefix, asked for a thousand at a time while somebody wants more."""
        start = f"{self.location}/" if self.location else ""
        with _said(""):
            pages = self._client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket_name, Prefix=start):
                for found in page.get("Contents", ()):
                    name = found["Key"].removeprefix(start)
                    if name and not name.endswith("/"):  # what consoles show as folders
                        yield name

    def url(self, name: str, *_: Any, **__: Any) -> str:
        """An address that anybody may use for `querystring_expire` seconds, or half of them.

        For half of them it stays the same, so that a browser finds the photo in its cache. An
        address ends with the keys that signed it, where they are lent, as to a role: it changes
        when they do.
        """
        key = self._normalize_name(clean_name(name))
        period = int(time.time() // max(1, self.querystring_expire // 2))
        try:
            client = self._client(self.public_endpoint_url)
            lent = self._credentials.get_frozen_credentials().token if self._credentials else None
            return self._kept_address(client, key, period, lent)
        except BotoCoreError as error:  # a page without its photo is better than no page
            logger.error("No address of a photo can be signed: %s", error)
            return f"{self.public_endpoint_url}/{filepath_to_uri(key)}"

    def _address(self, client: Any, key: str, period: int, lent: str | None) -> str:
        return str(
            client.generate_presigned_url(
                "get_object",
                Params={"Bucket": self.bucket_name, "Key": key},
                ExpiresIn=self.querystring_expire,
            )
        )

    def _normalize_name(self, name: str) -> str:
        try:
            return str(super()._normalize_name(name))
        except SuspiciousOperation as error:
            raise SuspiciousFileOperation(str(error)) from error

    def _place(self, name: str) -> dict[str, str]:
        if not name:
            raise FileNotFoundError(errno.ENOENT, "a photo without a name", name)
        return {"Bucket": self.bucket_name, "Key": self._normalize_name(clean_name(name))}

    def _client(self, endpoint: str | None = None) -> Any:
        """The process's own, for all its threads; what a fork inherited shares connections."""
        which = os.getpid(), endpoint or self.endpoint_url
        if which not in self._clients:
            with self._making:
                if which not in self._clients:
                    self._clients[which] = self._made(which[1])
        return self._clients[which]

    def _made(self, endpoint: str) -> Any:
        session = self._create_session()
        self._credentials = session.get_credentials()
        return session.client(
            "s3",
            endpoint_url=endpoint,
            region_name=self.region_name,
            config=self.client_config,
        )


@contextmanager
def _said(name: str) -> Iterator[None]:
    """What boto3 raises as an `OSError` with a reason that may be shown to anybody."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in ("404", "NoSuchKey"):
            raise FileNotFoundError(errno.ENOENT, "there is no such photo", name) from error
        raise OSError(errno.EIO, f"the object store answers {code}") from error
    except BotoCoreError as error:
        raise OSError(errno.EIO, f"the object store: {type(error).__name__}") from error
