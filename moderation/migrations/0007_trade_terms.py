"""The columns, and their help, get the names that the trade uses: heartbeat, random order."""

import django.db.models.deletion
from django.db import migrations, models


def rights_follow(apps, schema_editor):
    """Django makes rights for the new name and leaves those of the former ones behind."""
    _rename_rights(apps, schema_editor, ("workerbeat", "worker beat"), ("heartbeat", "heartbeat"))


def rights_return(apps, schema_editor):
    _rename_rights(apps, schema_editor, ("heartbeat", "heartbeat"), ("workerbeat", "worker beat"))


def _rename_rights(apps, schema_editor, old, new):
    rights = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    for right in rights.filter(
        content_type__app_label="moderation", codename__endswith=f"_{old[0]}"
    ):
        right.codename = right.codename.replace(old[0], new[0])
        right.name = right.name.replace(old[1], new[1])
        right.save()


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0006_cache'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.RunPython(rights_follow, rights_return),
        migrations.RenameModel(old_name="WorkerBeat", new_name="Heartbeat"),
        migrations.RenameField(
            model_name="heartbeat", old_name="beat_at", new_name="heartbeat_at"
        ),
        migrations.AlterModelOptions(
            name="heartbeat", options={"ordering": ["-heartbeat_at"]}
        ),
        migrations.RemoveIndex(
            model_name='reviewitem',
            name='review_queue_audit',
        ),
        migrations.RemoveIndex(
            model_name='reviewitem',
            name='review_queue_second',
        ),
        migrations.RenameField(
            model_name='reviewitem',
            old_name='lottery',
            new_name='random_order',
        ),
        migrations.RenameField(
            model_name='trainingrun',
            old_name='beat_at',
            new_name='heartbeat_at',
        ),
        migrations.AddIndex(
            model_name='reviewitem',
            index=models.Index(condition=models.Q(('in_audit', True), ('state', 'open')), fields=['random_order', 'id'], name='review_queue_audit'),
        ),
        migrations.AddIndex(
            model_name='reviewitem',
            index=models.Index(condition=models.Q(('second_of__isnull', False), ('state', 'open')), fields=['random_order', 'id'], name='review_queue_second'),
        ),
        migrations.AlterField(
            model_name='analysis',
            name='threshold_override',
            field=models.FloatField(help_text="A threshold requested by hand, instead of the version's.", null=True),
        ),
        migrations.AlterField(
            model_name='product',
            name='analysis',
            field=models.ForeignKey(editable=False, help_text='The newest finished analysis; after a change, of the previous photo or text until the present one is answered.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='moderation.analysis', verbose_name='current analysis'),
        ),
        migrations.AlterField(
            model_name='reviewitem',
            name='escalation',
            field=models.CharField(blank=True, choices=[('asked', 'Requested by a moderator'), ('skipped', 'Skipped three times')], max_length=10),
        ),
        migrations.AlterField(
            model_name='reviewitem',
            name='in_audit',
            field=models.BooleanField(default=False, help_text='Drawn at random, flagged or not, and judged without seeing what the model said.'),
        ),
        migrations.AlterField(
            model_name='reviewitem',
            name='reopens',
            field=models.ForeignKey(blank=True, help_text="What was decided of the product's previous photo or text.", null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='moderation.decision'),
        ),
        migrations.AlterField(
            model_name='reviewitem',
            name='shown_at',
            field=models.DateTimeField(blank=True, help_text='When the claiming person saw it; empty: only fetched ahead, not seen.', null=True),
        ),
        migrations.AlterField(
            model_name='trainingrun',
            name='reasons',
            field=models.JSONField(blank=True, default=list, help_text='Why this mode, and what was excluded, in sentences.'),
        ),
    ]
