"""An analysis of a text that is longer than the model reads keeps its parts."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0010_text_preparation'),
    ]

    operations = [
        migrations.AddField(
            model_name='analysis',
            name='parts',
            field=models.JSONField(blank=True, help_text='Of a text longer than the model reads: its parts, each with its similarity and whether it fits. The first is the title, whose similarity is the score. Empty where it was read as a whole; null where that is not known.', null=True),
        ),
    ]
