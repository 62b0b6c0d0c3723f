"""Listings can be withdrawn, and erased; the notes of decisions on erased ones may go.

The rule of 0002 stands: a decision is neither changed nor deleted. One change is let through: that a
note becomes empty, of a decision on a product that has a row in `moderation_erasure`, and nothing
else of it.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

COLUMNS = (
    *("id", "item_id", "analysis_id", "moderator_id", "verdict", "reason", "wrong_side", "seconds"),
    *("mode", "stratum", "picked_by", "sampling_probability", "corrects_id", "act"),
    *("propagated_from_id", "idempotency_key", "created_at"),
)
ERASED = """EXISTS (
    SELECT 1 FROM moderation_analysis JOIN moderation_erasure
        ON moderation_erasure.product_id = moderation_analysis.product_id
    WHERE moderation_analysis.id = OLD.analysis_id)"""
ON_SQLITE = f"""
CREATE TRIGGER decision_no_update BEFORE UPDATE ON moderation_decision
WHEN NOT (NEW.note = '' AND {" AND ".join(f"NEW.{name} IS OLD.{name}" for name in COLUMNS)}
    AND {ERASED})
BEGIN SELECT RAISE(ABORT, 'decisions are append only'); END
"""
ON_SQLITE_BEFORE = """
CREATE TRIGGER decision_no_update BEFORE UPDATE ON moderation_decision
BEGIN SELECT RAISE(ABORT, 'decisions are append only'); END
"""
ON_POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION decision_append_only() RETURNS trigger AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.note = '' AND to_jsonb(NEW) - 'note' = to_jsonb(OLD) - 'note' AND {ERASED} THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'decisions are append only';
END
$$ LANGUAGE plpgsql
"""
ON_POSTGRESQL_BEFORE = """
CREATE OR REPLACE FUNCTION decision_append_only() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION 'decisions are append only'; END
$$ LANGUAGE plpgsql
"""


def _replace(schema_editor, *, on_sqlite, on_postgresql):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER IF EXISTS decision_no_update")
        schema_editor.execute(on_sqlite)
    else:
        schema_editor.execute(on_postgresql)


def let_notes_go(apps, schema_editor):
    _replace(schema_editor, on_sqlite=ON_SQLITE, on_postgresql=ON_POSTGRESQL)


def keep_notes(apps, schema_editor):
    _replace(schema_editor, on_sqlite=ON_SQLITE_BEFORE, on_postgresql=ON_POSTGRESQL_BEFORE)


class Migration(migrations.Migration):
    expands = "It lets one more change of a decision through; what was allowed before still is."

    dependencies = [
        ("moderation", "0018_photos_by_address"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="product",
            name="withdrawn_at",
            field=models.DateTimeField(
                editable=False,
                help_text="Since when the shop no longer offers it; empty: it does.",
                null=True,
                verbose_name="withdrawn",
            ),
        ),
        migrations.AlterModelOptions(
            name="product",
            options={
                "ordering": ["-id"],
                "permissions": [("erase_product", "Can erase products for good")],
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "product",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="erasure",
                        to="moderation.product",
                    ),
                ),
            ],
            options={"ordering": ["-id"], "default_permissions": ()},
        ),
        migrations.RunPython(let_notes_go, keep_notes),
    ]
