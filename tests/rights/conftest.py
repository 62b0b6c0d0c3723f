"""The shop and the visitors that the tests of the rights share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings
from django.urls import get_resolver

from . import world as rights_world
from .check import World


@pytest.fixture(scope="module")
def world(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Built once for all roles; each try is rolled back."""
    photos = tmp_path_factory.mktemp("rights")
    folders = {"MEDIA_ROOT": photos, "CLIP_IMAGE_ROOT": photos, "IMPORT_DIR": photos / "imports"}
    with django_db_blocker.unblock(), override_settings(**folders), transaction.atomic():
        rights_world.example.cache_clear()  # the rows of another module's world are gone
        rights_world.build()
        visitors = rights_world.visitors()
        rights_world.desks(visitors)
        yield World(visitors, photos)
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def media(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The photos that the rows name, instead of an empty folder for each test."""
    settings.MEDIA_ROOT = settings.CLIP_IMAGE_ROOT = world.photos
    settings.API_LOGIN_REQUIRED = True
    # Thousands of refusals without the page that says so; tests/admin/test_pages.py looks at that.
    monkeypatch.setattr("clipmod.urls.handler403", "django.views.defaults.permission_denied")
    # The client would keep a copy of what each template was given.
    monkeypatch.setattr("django.test.client.store_rendered_templates", lambda *args, **named: None)
    settings.WORKER_STALE_SECONDS = 3600  # /clip/health is well for as long as this takes
    for pattern in get_resolver().url_patterns:
        arguments = getattr(pattern, "default_args", None) or {}
        if "document_root" in arguments:
            monkeypatch.setitem(arguments, "document_root", world.photos)
    return world.photos
