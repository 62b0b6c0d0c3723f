"""Slow answers lie in the table of Django's cache; the table made by hand goes."""

from django.db import migrations, models


def spare_the_log(apps, schema_editor):
    """A write per request of the API costs a third without PostgreSQL's log, which a cache needs not."""
    if schema_editor.connection.vendor == 'postgresql':
        schema_editor.execute('ALTER TABLE moderation_cache SET UNLOGGED')


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0005_skip_act'),
    ]

    operations = [
        migrations.CreateModel(
            name='CacheEntry',
            fields=[
                ('cache_key', models.CharField(max_length=255, primary_key=True, serialize=False)),
                ('value', models.TextField()),
                ('expires', models.DateTimeField(db_index=True)),
            ],
            options={
                'db_table': 'moderation_cache',
                'default_permissions': (),
            },
        ),
        migrations.RunPython(spare_the_log, migrations.RunPython.noop),
        migrations.DeleteModel(
            name='HeldAnswer',
        ),
    ]
