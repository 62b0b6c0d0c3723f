"""One photo downloaded: from the host's answer, whatever it is, to what is written down.

Runs in threads and touches no database.
"""

from __future__ import annotations

import logging

from django.conf import settings

from moderation.models import ProductPhoto

from ...integration.guarded_http import FetchError, GuardedClient
from ...rules import photos
from ...rules.photos import NotStored
from .. import intake
from .arrivals import Answer, Fetched, NotFetched, NotModified
from .problems import NOT_AN_IMAGE, UNEXPECTED

logger = logging.getLogger(__name__)

# A photo of 10 MB in this time is 170 KB a second; what takes longer is tried again later.
SECONDS = 60.0


def client() -> GuardedClient:
    """For one host, with as many connections as are polite."""
    return GuardedClient(connections=settings.FETCH_CONNECTIONS)


def download(client: GuardedClient, row: ProductPhoto) -> Answer:
    """Fetch, check and store the photo of this row. Raises `NotStored` where no room is left.

    What nobody thought of is of this photo alone: the others go on.
    """
    try:
        return _download(client, row)
    except NotStored:
        raise
    except Exception as error:
        logger.exception("Photo %d could not be fetched", row.pk)
        return unexpected(error)


def unexpected(error: Exception) -> NotFetched:
    """An error of ours: the log has it, and another attempt is made."""
    return NotFetched(UNEXPECTED, f"{type(error).__name__}; the log says more.", again=True)


def _download(client: GuardedClient, row: ProductPhoto) -> Answer:
    # Only of a photo that is here the host may say that nothing has changed.
    is_here = bool(row.image) and photos.exists(row.image)
    known = {"etag": row.etag, "last_modified": row.last_modified} if is_here else {}
    try:
        with client.get(
            row.url, limit=settings.MAX_UPLOAD_BYTES, seconds=SECONDS, **known
        ) as answer:
            if answer.is_unchanged:
                return NotModified()
            data = answer.read()
            about = {"etag": answer.etag, "last_modified": answer.last_modified}
    except FetchError as error:
        return NotFetched(
            error.problem,
            str(error),
            again=error.problem.is_temporary,
            wait=error.retry_after or 0.0,
        )
    try:
        intake.check_image(data)
    except intake.IntakeError as error:
        return NotFetched(NOT_AN_IMAGE, str(error))
    return Fetched(intake.store_photo(data), **about)
