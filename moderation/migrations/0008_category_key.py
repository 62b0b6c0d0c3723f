"""A category gets a key: its name as it is compared. Categories whose names are one are merged.

SQLite compared ASCII letters alone without regard to case, PostgreSQL as its locale said, so one
category may be there twice. Nothing is lost: the products and saved views of a merged one belong
to the one that stays. Where two have settings of their own that differ, both stay, and the later
one is renamed.
"""

import logging
from urllib.parse import parse_qsl, urlencode

from django.db import migrations, models

import moderation.models.folded
from moderation.models.folded import key_of

logger = logging.getLogger("moderation.migrations")

NO_SETTINGS = ("", None, True)
LONGEST_NAME = 100


def fill(apps, schema_editor):
    database = schema_editor.connection.alias
    categories = apps.get_model("moderation", "Category").objects.using(database)
    alike = {}
    for category in categories.order_by("pk"):
        alike.setdefault(key_of(category.name), []).append(category)
    taken = set(alike)
    for first, *others in alike.values():
        # One that somebody set up stays, else the first.
        kept = next((c for c in (first, *others) if settings_of(c) != NO_SETTINGS), first)
        for other in (c for c in (first, *others) if c is not kept):
            if settings_of(other) in (NO_SETTINGS, settings_of(kept)):
                merge(other, kept, apps, database)
            else:
                rename(other, taken)
    for category in categories.order_by("pk"):
        categories.filter(pk=category.pk).update(key=key_of(category.name))
    # PostgreSQL alters no table whose changed rows it has still to check.
    schema_editor.connection.check_constraints()


def settings_of(category):
    return category.prompt, category.threshold, category.is_active


def merge(category, kept, apps, database):
    product, view = (apps.get_model("moderation", name) for name in ("Product", "SavedView"))
    product.objects.using(database).filter(category=category.pk).update(category=kept.pk)
    for saved in view.objects.using(database).filter(query__contains=f"category={category.pk}"):
        old, new = ("category", str(category.pk)), ("category", str(kept.pk))
        pairs = [new if pair == old else pair for pair in parse_qsl(saved.query)]
        view.objects.using(database).filter(pk=saved.pk).update(query=urlencode(pairs))
    logger.info("The category %r is %r; its products belong there now.", category.name, kept.name)
    category.delete()


def rename(category, taken):
    name, number = category.name, 2
    while key_of(new := f"{name[: LONGEST_NAME - 10]} ({number})") in taken:
        number += 1
    taken.add(key_of(new))
    type(category).objects.using(category._state.db).filter(pk=category.pk).update(name=new)
    logger.info("The category %r is called %r now: another has its name.", name, new)


class Migration(migrations.Migration):

    dependencies = [
        ('moderation', '0007_trade_terms'),
    ]

    operations = [
        migrations.AddField(
            model_name='category',
            name='key',
            field=moderation.models.folded.FoldedField(default='', of='name'),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name='category', name='category_name_once'),
        migrations.AddConstraint(
            model_name='category',
            constraint=models.UniqueConstraint(fields=('key',), name='category_key_once'),
        ),
    ]
