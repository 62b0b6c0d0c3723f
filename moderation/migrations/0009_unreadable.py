"""Texts that a model cannot read have a band of their own; versions know what they read."""

from django.db import migrations, models

OF_THE_HUB = [
    'openai/clip-vit-base-patch32',
    'openai/clip-vit-base-patch16',
    'openai/clip-vit-large-patch14',
    'openai/clip-vit-large-patch14-336',
]


def say_what_is_known(apps, schema_editor):
    """The bundled model and OpenAI's read English, and so does what was trained from them here."""
    versions = apps.get_model('moderation', 'ModelVersion').objects.using(
        schema_editor.connection.alias
    )
    english = versions.filter(
        models.Q(source='bundled') | models.Q(source='hub', name__in=OF_THE_HUB)
    )
    english.update(languages=['en'])
    known = dict(versions.values_list('pk', 'languages'))
    for version in versions.filter(source='trained').order_by('pk'):  # parents come first
        version.languages = known[version.pk] = known.get(version.parent_id, [])
        version.save(update_fields=['languages'])


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0008_category_key'),
    ]

    operations = [
        migrations.AddField(
            model_name='analysis',
            name='unreadable',
            field=models.CharField(blank=True, db_default='', default='', help_text='The language, or letters, that kept the model from reading the text.', max_length=10),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='languages',
            field=models.JSONField(blank=True, default=list, help_text='Which ones it reads, such as en; empty: not known.'),
        ),
        migrations.AlterField(
            model_name='analysis',
            name='is_mismatch',
            field=models.BooleanField(help_text='Empty until it is done, and where the model cannot read the text.', null=True),
        ),
        migrations.AlterField(
            model_name='decision',
            name='stratum',
            field=models.CharField(blank=True, choices=[('flagged', 'Flagged by the model'), ('audit', 'Random audit of what passed'), ('reopened', 'Decided before, then changed'), ('unreadable', 'Cannot be read by the model')], max_length=10),
        ),
        migrations.AlterField(
            model_name='reviewitem',
            name='stratum',
            field=models.CharField(choices=[('flagged', 'Flagged by the model'), ('audit', 'Random audit of what passed'), ('reopened', 'Decided before, then changed'), ('unreadable', 'Cannot be read by the model')], default='flagged', max_length=10),
        ),
        migrations.AddIndex(
            model_name='analysis',
            index=models.Index(condition=models.Q(('unreadable', ''), _negated=True), fields=['model_version', 'unreadable'], name='analysis_unreadable'),
        ),
        migrations.RunPython(say_what_is_known, migrations.RunPython.noop),
    ]
