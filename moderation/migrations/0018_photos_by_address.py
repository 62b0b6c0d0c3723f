"""Photos by their addresses, several of a listing, and who asks which host."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("moderation", "0017_encrypted_secrets"),
    ]

    operations = [
        migrations.CreateModel(
            name="PhotoHost",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Scheme, host and port.", max_length=255, unique=True
                    ),
                ),
                ("claimed_by", models.CharField(blank=True, max_length=200)),
                ("lease_expires_at", models.DateTimeField(null=True)),
                (
                    "not_before",
                    models.DateTimeField(
                        help_text="The host asked to be left alone until then (Retry-After).",
                        null=True,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="ProductPhoto",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(help_text="0 is the main photo.")),
                ("url", models.CharField(blank=True, max_length=2000, verbose_name="address")),
                ("host", models.CharField(blank=True, editable=False, max_length=255)),
                ("image", models.CharField(blank=True, max_length=200)),
                ("image_sha256", models.CharField(blank=True, editable=False, max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("fetched", "Fetched"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                (
                    "problem",
                    models.CharField(
                        blank=True,
                        help_text="The class of what went wrong at the last attempt.",
                        max_length=20,
                    ),
                ),
                ("error", models.CharField(blank=True, max_length=500)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                (
                    "due_at",
                    models.DateTimeField(
                        help_text="When it is asked for, where it waits.", null=True
                    ),
                ),
                (
                    "checked_at",
                    models.DateTimeField(help_text="When the host last answered.", null=True),
                ),
                ("etag", models.CharField(blank=True, max_length=200)),
                ("last_modified", models.CharField(blank=True, max_length=100)),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="photos",
                        to="moderation.product",
                    ),
                ),
            ],
            options={
                "ordering": ["product_id", "position"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["host", "due_at"],
                        name="photo_to_fetch",
                    ),
                    models.Index(
                        condition=models.Q(("state", "failed")),
                        fields=["problem"],
                        name="photo_failed",
                    ),
                    models.Index(fields=["image_sha256"], name="photo_by_content"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("product", "position"), name="one_photo_per_position"
                    )
                ],
            },
        ),
    ]
