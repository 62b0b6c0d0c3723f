"""Secrets of webhooks are encrypted.

The former column stays as it is, since workers of the former release sign by it, until
`encrypt_secrets` empties it when the last one has stopped. It is dropped by a later release.
"""

from django.db import migrations, models

import moderation.models.outgoing


class Migration(migrations.Migration):
    dependencies = [("moderation", "0016_token_scope")]

    operations = [
        migrations.AddField(
            model_name="webhook",
            name="encrypted_secret",
            field=models.TextField(
                db_default="",
                default=moderation.models.outgoing.new_encrypted_secret,
                editable=False,
            ),
        ),
        migrations.AlterField(
            model_name="webhook",
            name="secret",
            field=models.CharField(
                default="",
                editable=False,
                help_text="Plain text for a former release; `encrypt_secrets` empties it.",
                max_length=100,
            ),
        ),
    ]
