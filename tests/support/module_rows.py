"""Rows that all tests of a module start from, made once.

    @pytest.fixture(scope="module")
    def module_photos(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Path]:
        photos = tmp_path_factory.mktemp("photos")
        with module_rows(django_db_blocker, photos):
            make_product("A1")
            yield photos

A test's own transaction lies inside this one: what it changes is rolled back to these rows, and
its `media` folder holds a copy of the photos.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import transaction
from django.test import override_settings

# Only what is flagged enters the queue, the most suspicious first, judged once and in the open.
PLAIN_QUEUE = dict.fromkeys(
    (
        *("AUDIT_SHARE", "AUDIT_FLAGGED_SHARE", "GOLD_SHARE"),
        *("QUEUE_UNCERTAIN_SHARE", "QUEUE_AUDIT_SHARE"),
    ),
    0.0,
)


@contextmanager
def module_rows(blocker: Any, photos: Path, **settings: Any) -> Iterator[None]:
    """Lets the block make rows, and files in the folder `photos`; at the end all rows go."""
    folders = {"MEDIA_ROOT": photos, "CLIP_IMAGE_ROOT": photos}
    told = override_settings(**{**PLAIN_QUEUE, **folders, **settings})
    with blocker.unblock(), told, transaction.atomic():
        yield
        transaction.set_rollback(True)
