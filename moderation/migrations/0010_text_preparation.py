"""Each analysis says by which text preparation the model read its text; none did before.

Vectors of texts are kept under a key with that version from now on, so the former ones go.
"""

from django.db import migrations, models

import moderation.models.analysis


def forget_texts(apps, schema_editor):
    apps.get_model('moderation', 'Embedding').objects.filter(tower='text').delete()


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0009_unreadable'),
    ]

    operations = [
        migrations.AddField(
            model_name='analysis',
            name='preparation',
            field=models.CharField(blank=True, default='', max_length=10),
        ),
        migrations.AlterField(
            model_name='analysis',
            name='preparation',
            field=models.CharField(blank=True, default=moderation.models.analysis.present_preparation, help_text='Which version of the text preparation the model read the text by; empty: the text as it was.', max_length=10),
        ),
        migrations.RunPython(forget_texts, migrations.RunPython.noop),
    ]
