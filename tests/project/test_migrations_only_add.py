"""Hosts are upgraded one after the other: migrations since the last release only add."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from tests.support.previous_release import PREVIOUS, of_previous_release

# What nobody can read off an operation, a migration says: `expands`, why it is harmless.
OPAQUE = migrations.RunPython | migrations.RunSQL | migrations.SeparateDatabaseAndState


def since_previous_release() -> Iterator[tuple[str, Operation, ProjectState]]:
    """What our migrations that the last release lacks do to its tables, and what was there before.

    Where one says in `contract` since which release nothing needs what it takes, it may; and where
    one says in `expands` why its own code harms nothing that the last release does, that may.
    """
    tree = of_previous_release("ls-tree", "--name-only", PREVIOUS, "moderation/migrations/")
    known = {Path(line).stem for line in tree.decode().splitlines()}
    loader = MigrationLoader(None)
    ours = sorted(name for app, name in loader.disk_migrations if app == "moderation")
    tables = loader.project_state(("moderation", [n for n in ours if n in known][-1])).models
    for name in (n for n in ours if n not in known):
        migration = loader.disk_migrations["moderation", name]
        before = loader.project_state(("moderation", name), at_end=False)
        for operation in () if says(migration, "contract") else migration.operations:
            if isinstance(operation, OPAQUE):
                is_judged = not says(migration, "expands")
            else:
                is_judged = ("moderation", table_of(operation)) in tables
            if is_judged:
                yield name, operation, before
            before = before.clone()
            operation.state_forwards("moderation", before)


def says(migration: migrations.Migration, name: str) -> bool:
    """Whether it has a word of this name, and not an empty one."""
    return bool(str(getattr(migration, name, "")).strip())


def table_of(operation: Operation) -> str:
    """The model that it changes, in small letters; empty where it changes none."""
    if isinstance(operation, migrations.RenameModel):
        return operation.old_name_lower
    return str(getattr(operation, "model_name", "") or getattr(operation, "name", "")).lower()


def takes_away(operation: Operation, before: ProjectState) -> bool:
    """Whether the code from before would meet something that it does not know."""
    if isinstance(operation, migrations.AddField):
        field = operation.field
        return not (field.null or field.many_to_many or field.has_db_default())
    if isinstance(operation, migrations.AlterField):
        model = before.apps.get_model("moderation", operation.model_name)
        old, new = model._meta.get_field(operation.name), operation.field
        return is_stricter(new, old)
    return isinstance(
        operation,
        OPAQUE
        | migrations.RemoveField
        | migrations.RenameField
        | migrations.DeleteModel
        | migrations.RenameModel
        | migrations.AddConstraint
        | migrations.AlterUniqueTogether
        | migrations.AlterModelTable,
    )


def is_stricter(new: models.Field, old: models.Field) -> bool:
    """Whether a value that fitted may not fit any more, or is another one."""
    if old.get_internal_type() != new.get_internal_type():
        return True
    is_shorter = old.max_length is not None and (new.max_length or old.max_length) < old.max_length
    return (old.null and not new.null) or is_shorter or (new.unique and not old.unique)


def test_migrations_since_the_previous_release_only_add() -> None:
    wrong = [
        f"{name}: {operation.describe()}"
        for name, operation, before in since_previous_release()
        if takes_away(operation, before)
    ]
    assert wrong == [], "The previous release's code cannot run on these tables."


@pytest.mark.parametrize(
    ("operation", "taken"),
    [
        (migrations.AddField("product", "x", models.IntegerField(null=True)), False),
        (migrations.AddField("product", "x", models.IntegerField(db_default=0)), False),
        (migrations.AddField("product", "x", models.IntegerField(default=0)), True),
        (migrations.AlterField("product", "seller", models.CharField(max_length=300)), False),
        (migrations.AlterField("product", "seller", models.CharField(max_length=5)), True),
        (
            migrations.AlterField(
                "product", "seller", models.CharField(max_length=300, unique=True)
            ),
            True,
        ),
        (migrations.AlterField("heartbeat", "about", models.JSONField()), True),
        (migrations.AlterField("product", "seller", models.IntegerField()), True),
        (migrations.RemoveField("product", "seller"), True),
        (migrations.RenameField("product", "seller", "vendor"), True),
        (migrations.DeleteModel("Skip"), True),
        (migrations.RunPython(migrations.RunPython.noop), True),
        (migrations.RunSQL("SELECT 1"), True),
    ],
)
def test_what_counts_as_taking_away(operation: Operation, taken: bool) -> None:
    state = MigrationLoader(None).project_state()
    assert takes_away(operation, state) is taken
