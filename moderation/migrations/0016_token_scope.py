"""A token's name and scopes; without a row it has them all, as the tokens of before."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("knox", "0009_extend_authtoken_field"),
        ("moderation", "0015_files_sha256"),
    ]

    operations = [
        migrations.CreateModel(
            name="TokenScope",
            fields=[
                (
                    "token",
                    # No constraint: the release before this one deletes tokens without knowing
                    # of these rows.
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="scope",
                        serialize=False,
                        to="knox.authtoken",
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=60)),
                (
                    "scopes",
                    models.CharField(
                        help_text="Parted by blanks, as OAuth 2 has them.", max_length=200
                    ),
                ),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[],
            options={
                "verbose_name": "API token",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("knox.authtoken",),
        ),
    ]
