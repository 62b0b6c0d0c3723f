"""The worker finds at once of which products no draw was noted."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0023_blind_notes_and_guesses'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='product',
            index=models.Index(condition=models.Q(('audit_share', None), ('withdrawn_at', None)), fields=['id'], name='product_not_drawn'),
        ),
    ]
