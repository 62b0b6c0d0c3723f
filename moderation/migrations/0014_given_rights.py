"""`setup` remembers which rights it has given, and gives none of them a second time."""

import django.db.models.deletion
from django.db import migrations, models

# As `setup` gave them up to here, whether or not an administrator has taken some since.
VIEW = """
    view_product view_category view_analysis view_reviewitem view_decision view_modelversion
    view_trainingrun view_evaluation view_shadowreport view_versionevent
""".split()
LEAD = """
    add_decision add_product change_product add_category change_category reanalyze export_labels
    train promote set_threshold resolve_escalation view_team view_appeal decide_appeal view_webhook
    add_webhook change_webhook view_delivery
""".split()
GIVEN = {
    "viewer": VIEW,
    "moderator": [*VIEW, "add_decision"],
    "lead": [*VIEW, *LEAD],
    "trainer": [*VIEW, "export_labels", "train", "reanalyze"],
    "shop": ["view_product", "add_product", "change_product", "add_appeal", "view_appeal"],
}


def remember(apps, schema_editor):
    GivenRight = apps.get_model("moderation", "GivenRight")
    rights = apps.get_model("auth", "Permission").objects
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GIVEN):
        given = rights.filter(
            content_type__app_label="moderation", codename__in=GIVEN[group.name]
        )
        GivenRight.objects.bulk_create(
            [GivenRight(group=group, permission=right) for right in given]
        )


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("moderation", "0013_operation"),
    ]
    expands = "It fills a table that the release before does not know."

    operations = [
        migrations.CreateModel(
            name="GivenRight",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="auth.group",
                    ),
                ),
                (
                    "permission",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="auth.permission",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("group", "permission"), name="one_gift_of_a_right"
                    )
                ],
            },
        ),
        migrations.RunPython(remember, migrations.RunPython.noop),
    ]
