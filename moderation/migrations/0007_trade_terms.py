"""The columns get the names that the trade uses: heartbeat, random order."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0006_cache'),
    ]

    operations = [
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
    ]
