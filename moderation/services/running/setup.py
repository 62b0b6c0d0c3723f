"""What a new installation needs before its first product: categories, groups, the sweeper."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from moderation.clip.prompts import DEFAULT_CATEGORIES
from moderation.models import Category, GivenRight, key_of

_VIEW = [
    "view_product",
    "view_productphoto",
    "view_category",
    "view_analysis",
    "view_reviewitem",
    "view_decision",
    "view_modelversion",
    "view_trainingrun",
    "view_evaluation",
    "view_shadowreport",
    "view_versionevent",
]
GROUPS = {
    # Looks at everything, decides nothing.
    "viewer": _VIEW,
    "moderator": [*_VIEW, "add_decision"],
    "lead": [
        *_VIEW,
        "add_decision",
        "add_product",
        "change_product",
        "add_category",
        "change_category",
        "reanalyze",
        "export_labels",
        "train",
        "promote",
        "set_threshold",
        "resolve_escalation",
        "view_team",
        "view_appeal",
        "decide_appeal",
        "view_webhook",
        "add_webhook",
        "change_webhook",
        "view_delivery",
    ],
    # Makes models; whether one is promoted, a lead says.
    "trainer": [*_VIEW, "export_labels", "train", "reanalyze"],
    # For programs: it sends listings and reads the answers.
    "shop": ["view_product", "add_product", "change_product", "add_appeal", "view_appeal"],
}


def seed_categories() -> int:
    """Add the default categories that are missing by name; returns how many were new."""
    known = set(Category.objects.values_list("key", flat=True))
    missing = [
        Category(name=name, prompt=prompt)
        for name, prompt in DEFAULT_CATEGORIES
        if key_of(name) not in known
    ]
    Category.objects.bulk_create(missing, ignore_conflicts=True)
    return len(missing)


def seed_groups() -> None:
    """Make the groups, and give each the rights it needs, once.

    What an administrator adds or takes away stays so; a right that a later release brings is new.
    """
    rights = Permission.objects.filter(content_type__app_label="moderation")
    for name, codenames in GROUPS.items():
        with transaction.atomic():
            group, _ = Group.objects.get_or_create(name=name)
            given = GivenRight.objects.filter(group=group).values("permission")
            new = list(rights.filter(codename__in=codenames).exclude(pk__in=given))
            group.permissions.add(*new)
            GivenRight.objects.bulk_create(
                [GivenRight(group=group, permission=right) for right in new],
                ignore_conflicts=True,  # another host's `setup` runs at this moment
            )
