"""`manage.py models`: which models can be used, what they cost, and which are registered here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from moderation.clip.checkpoints import checkpoint
from moderation.clip.checkpoints.known import KNOWN, PRESETS, KnownModel
from moderation.models import ModelVersion
from moderation.services.registry import facts

_KNOWN = ("model", "family", "MB", "pixels", "reads", "licence", "threshold", "pinned", "note")
_REGISTERED = ("version", "status", "family", "reads", "licence", "threshold")
_PRESET_OF = {name: preset for preset, name in PRESETS.items()}


class Command(BaseCommand):
    help = "Models that are known to load, presets of them, and the versions registered here."

    def handle(self, **options: Any) -> None:
        write = self.stdout.write
        write("Presets: names that stand for a model wherever one is asked for")
        presets = [(preset, name) for preset, name in PRESETS.items()]
        self.table(("preset", "model"), [*presets, (checkpoint.BUNDLED, "the one of clipmod")])
        write("\nKnown models of the hub")
        self.table(_KNOWN, [_known(model) for model in KNOWN])
        write(
            "\nOther models of these families load too, by hub name or folder. A threshold belongs "
            "to one\nmodel: set it anew for each (docs/thresholds.md)."
        )
        write("\nRegistered here")
        try:
            rows = [_registered(v) for v in ModelVersion.objects.select_related("parent")]
        except DatabaseError:
            write("There is no database yet: python manage.py setup")
            return
        self.table(_REGISTERED, rows)

    def table(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns as wide as what is in them."""
        widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
        for row in (names, *rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  " + "  ".join(cells).rstrip())


def _known(model: KnownModel) -> Sequence[str]:
    licence = f"{model.licence}: {model.limits}" if model.limits else model.licence
    preset = f"preset {_PRESET_OF[model.name]}" if model.name in _PRESET_OF else ""
    notes = "; ".join(filter(None, (preset, model.note)))
    return (
        model.name, model.family, f"{model.megabytes:,}", str(model.edge), model.reads, licence,
        model.threshold, model.revision[:8] or "no", notes,
    )  # fmt: skip


def _registered(version: ModelVersion) -> Sequence[str]:
    found = facts.of(version)
    return (
        version.name, version.get_status_display(), found.family, found.languages, found.licence,
        f"{version.threshold:.4g}",
    )  # fmt: skip
