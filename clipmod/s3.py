"""Where photos lie when it is in a bucket: what the settings say of it, checked.

Nothing of boto3 is imported here: that waits until somebody asks for a photo (`s3_storage`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

# A prefix of signs that need no quoting anywhere, and of no `..`.
ADDRESS = (
    r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9](/(?!\.{1,2}(/|$))[A-Za-z0-9!_.*'()=-]+)*/?"
)
ENDPOINT = r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?"
REGION = r"[a-z0-9]+(-[a-z0-9]+)*"

# A name says the content, which never changes; `private`: in the browser, and in no proxy.
_CACHING = "private, max-age=86400, immutable"
# Other servers than AWS sign by it where nobody tells them a region of their own.
_USUAL_REGION = "us-east-1"
_A_HOST_OF_ITS_OWN = r"[a-z0-9-]+"


@dataclass(frozen=True)
class Bucket:
    """A bucket, and below which prefix in it the photos lie.

    `endpoint` is the server as clipmod reaches it, `public` as browsers do.
    """

    name: str
    prefix: str
    endpoint: str
    public: str
    region: str
    has_own_host: bool  # bucket.host, and not host/bucket

    @property
    def origin(self) -> str:
        """What the addresses of photos begin with, for a content security policy."""
        scheme, host = urlsplit(self.public)[:2]
        return f"{scheme}://{self.name}.{host}" if self.has_own_host else f"{scheme}://{host}"


def bucket(
    address: str, *, endpoint: str, browser_endpoint: str, region: str, is_https: bool
) -> Bucket | None:
    """That of the settings; None where photos lie on a disk. Raises `ImproperlyConfigured`."""
    if not address:
        return None
    name, _, prefix = address.removeprefix("s3://").partition("/")
    if not (endpoint or region):
        raise ImproperlyConfigured(
            "MEDIA_S3_REGION is not set; set it to the bucket's region, such as eu-central-1, or "
            "MEDIA_S3_ENDPOINT to the address of a server that is not of AWS."
        )
    found = endpoint.rstrip("/") or _of_aws(region)
    public = browser_endpoint.rstrip("/") or found
    if is_https and public.startswith("http:"):
        raise ImproperlyConfigured(
            "The site is on https, and browsers show no photos from http there; set "
            "MEDIA_S3_BROWSER_ENDPOINT to an address of the object store that begins with https."
        )
    return Bucket(
        name=name,
        prefix=prefix.rstrip("/"),
        endpoint=found,
        public=public,
        region=region or _USUAL_REGION,
        has_own_host=not endpoint and re.fullmatch(_A_HOST_OF_ITS_OWN, name) is not None,
    )


def _of_aws(region: str) -> str:
    return f"https://s3.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")


def storage(
    bucket: Bucket, *, access_key: str, secret_key: str, session_token: str, url_seconds: int
) -> dict[str, Any]:
    """An entry of STORAGES. Without keys boto3 looks where it always does, as for a role."""
    if bool(access_key) != bool(secret_key):
        missing = "AWS_SECRET_ACCESS_KEY" if access_key else "AWS_ACCESS_KEY_ID"
        raise ImproperlyConfigured(
            f"{missing} is not set, and the other half of the key is; set both, or neither where "
            "a role or a file of AWS has them."
        )
    return {
        "BACKEND": "clipmod.s3_storage.PhotoBucket",
        "OPTIONS": {
            "bucket_name": bucket.name,
            "location": bucket.prefix,
            "endpoint_url": bucket.endpoint,
            "public_endpoint_url": bucket.public,
            "region_name": bucket.region,
            "addressing_style": "virtual" if bucket.has_own_host else "path",
            "access_key": access_key or None,
            "secret_key": secret_key or None,
            "security_token": session_token or None,
            "querystring_expire": url_seconds,
            "object_parameters": {"CacheControl": _CACHING},
        },
    }
