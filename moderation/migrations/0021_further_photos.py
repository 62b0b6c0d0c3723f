"""Further photos are scored and decided on.

The rule of 0019 stands: of a decision only the note may become empty, after an erasure. On SQLite
its trigger names the columns that stay, and there is one more.
"""

import importlib

from django.db import migrations, models

ERASED = importlib.import_module("moderation.migrations.0019_way_out")
ON_SQLITE = ERASED.ON_SQLITE.replace("NEW.note = ''", "NEW.note = '' AND NEW.photo IS OLD.photo")


def keep_the_photo_too(apps, schema_editor):
    _replace(schema_editor, on_sqlite=ON_SQLITE)


def as_before(apps, schema_editor):
    _replace(schema_editor, on_sqlite=ERASED.ON_SQLITE)


def _replace(schema_editor, *, on_sqlite):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER IF EXISTS decision_no_update")
        schema_editor.execute(on_sqlite)


class Migration(migrations.Migration):
    expands = "It holds back one more change of a decision, of a column that is new."

    dependencies = [
        ('moderation', '0020_sources'),
    ]

    operations = [
        migrations.AddField(
            model_name='analysis',
            name='photos',
            field=models.JSONField(blank=True, help_text='Of a listing with several photos: those after the main one, as they were then, each with its similarity and whether it fits, where that was asked for.', null=True),
        ),
        migrations.AddField(
            model_name='decision',
            name='photo',
            field=models.PositiveSmallIntegerField(help_text='The position of the further photo that it speaks of; empty: the main photo.', null=True),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='photo_threshold',
            field=models.FloatField(blank=True, help_text='A similarity of a further photo below it flags the listing; empty: none does.', null=True),
        ),
        migrations.AddField(
            model_name='product',
            name='photos_hash',
            field=models.CharField(blank=True, db_default='', default='', editable=False, help_text='SHA-256 over the further photos that are here; empty: there are none.', max_length=64),
        ),
        migrations.AlterField(
            model_name='decision',
            name='stratum',
            field=models.CharField(blank=True, choices=[('flagged', 'Flagged by the model'), ('audit', 'Random audit of what passed'), ('reopened', 'Decided before, then changed'), ('unreadable', 'Cannot be read by the model'), ('photo', 'A further photo does not fit')], max_length=10),
        ),
        migrations.AlterField(
            model_name='reviewitem',
            name='stratum',
            field=models.CharField(choices=[('flagged', 'Flagged by the model'), ('audit', 'Random audit of what passed'), ('reopened', 'Decided before, then changed'), ('unreadable', 'Cannot be read by the model'), ('photo', 'A further photo does not fit')], default='flagged', max_length=10),
        ),
        migrations.RunPython(keep_the_photo_too, as_before),
    ]
