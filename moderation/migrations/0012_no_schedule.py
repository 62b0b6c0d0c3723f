"""Each cluster asks its own worker to sweep; the schedule that did so before is not run any more.

Its row stays, since workers of the release before sweep by it. A later release may delete it.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("moderation", "0011_text_parts"),
        ("django_q", "0018_task_success_index"),
    ]

    operations = []
