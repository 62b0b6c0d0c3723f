"""A second model may be asked where the active one is uncertain, and what it said is kept."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0024_product_not_drawn'),
    ]

    operations = [
        migrations.AlterField(
            model_name='decision',
            name='stratum',
            field=models.CharField(blank=True, choices=[('flagged', 'Flagged by the model'), ('audit', 'Random audit of what passed'), ('reopened', 'Decided before, then changed'), ('unreadable', 'Cannot be read by the model'), ('photo', 'A further photo does not fit'), ('judge', 'Only the second judge calls it a mismatch')], max_length=10),
        ),
        migrations.AlterField(
            model_name='reviewitem',
            name='stratum',
            field=models.CharField(choices=[('flagged', 'Flagged by the model'), ('audit', 'Random audit of what passed'), ('reopened', 'Decided before, then changed'), ('unreadable', 'Cannot be read by the model'), ('photo', 'A further photo does not fit'), ('judge', 'Only the second judge calls it a mismatch')], default='flagged', max_length=10),
        ),
        migrations.AlterField(
            model_name='reviewitem',
            name='uncertainty',
            field=models.FloatField(default=0.0, help_text='How little the model knows: 1 at P(mismatch) = 0.5, 0 at 0 and 1; 1 more where a second model says otherwise.'),
        ),
        migrations.CreateModel(
            name='SecondVerdict',
            fields=[
                ('analysis', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='second_verdict', serialize=False, to='moderation.analysis')),
                ('similarity', models.FloatField(null=True)),
                ('p_mismatch', models.FloatField(null=True, verbose_name='P(mismatch)')),
                ('threshold_used', models.FloatField(help_text="Of this version, never the other's.", null=True)),
                ('is_mismatch', models.BooleanField(help_text='Empty until it is answered, and where this model cannot read the text.', null=True)),
                ('unreadable', models.CharField(blank=True, default='', max_length=10)),
                ('precision', models.CharField(blank=True, default='', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('taken_at', models.DateTimeField(help_text='When a worker took it up last.', null=True)),
                ('error', models.TextField(blank=True, default='', help_text='Why there is no answer, or none yet.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('answered_at', models.DateTimeField(null=True)),
                ('model_version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='moderation.modelversion')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('answered_at', None)), fields=['attempts', 'analysis'], name='second_verdict_to_do')],
            },
        ),
    ]
