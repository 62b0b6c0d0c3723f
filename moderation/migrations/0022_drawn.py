"""Products keep with which probabilities they were drawn for the random sample."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0021_further_photos'),
    ]

    operations = [
        migrations.AddField(
            model_name='product',
            name='audit_share',
            field=models.FloatField(editable=False, help_text='The largest probability with which it was ever drawn for the random sample; empty: not yet.', null=True),
        ),
        migrations.AddField(
            model_name='product',
            name='former_audit_share',
            field=models.FloatField(editable=False, help_text='The largest one before that; empty: there was none.', null=True),
        ),
        migrations.AddField(
            model_name='product',
            name='gold_share',
            field=models.FloatField(editable=False, help_text='The largest probability with which it was drawn for gold, and so judged blind; empty: it was never flagged.', null=True),
        ),
    ]
