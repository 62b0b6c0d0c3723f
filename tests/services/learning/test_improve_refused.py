"""The whole loop where there is nothing to learn from, or nobody says yes."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from moderation.models import ModelVersion, TrainingRun
from moderation.services.registry import versions

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def test_without_enough_decisions_it_says_so(
    bundled: ModelVersion, settings: Any, tmp_path: Path
) -> None:
    settings.CLIP_CHECKPOINT_DIR = tmp_path / "checkpoints"
    with pytest.raises(CommandError, match="No decision gives a label here"):
        call_command("improve", "--yes", stdout=StringIO())
    assert versions.current() == bundled


def test_it_asks_before_it_begins(bundled: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "n")
    with pytest.raises(CommandError, match="Nothing was done"):
        call_command("improve", stdout=StringIO())
    assert not TrainingRun.objects.exists()
