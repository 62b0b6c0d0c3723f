"""`register_model` makes a version known and leaves the active one in force."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from moderation.models import ModelVersion
from moderation.services.queries import lookup
from tests.support.clip_models import build_folder

pytestmark = pytest.mark.django_db


def test_a_folder_becomes_a_version_that_others_can_name(
    bundled: ModelVersion, tmp_path: Path
) -> None:
    folder = build_folder(tmp_path / "another")
    out = StringIO()

    call_command("register_model", str(folder), stdout=out)

    name = out.getvalue().removeprefix("Registered: ").partition(". ")[0]
    assert name.startswith("another@")
    assert lookup.version_by_name(name).status != ModelVersion.Status.ACTIVE
    bundled.refresh_from_db()
    assert bundled.status == ModelVersion.Status.ACTIVE


def test_what_is_no_model_is_refused(bundled: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no model folder"):
        call_command("register_model", str(tmp_path / "nothing"))
