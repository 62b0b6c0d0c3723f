"""What a version is beside its weights is hashed, too; empty is what was registered before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("moderation", "0014_given_rights")]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="files_sha256",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text=(
                    "Hash of configuration, tokenizer and preprocessor; empty until they were read."
                ),
                max_length=64,
            ),
        ),
    ]
