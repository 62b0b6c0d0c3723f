"""What a new installation needs before its first product: categories, groups, the sweeper."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission
from django_q.models import Schedule

from moderation.clip.prompts import DEFAULT_CATEGORIES
from moderation.models import Category

_VIEW = [
    "view_product",
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
    known = {name.lower() for name in Category.objects.values_list("name", flat=True)}
    missing = [
        Category(name=name, prompt=prompt)
        for name, prompt in DEFAULT_CATEGORIES
        if name.lower() not in known
    ]
    Category.objects.bulk_create(missing, ignore_conflicts=True)
    return len(missing)


def seed_groups() -> None:
    """Make the groups, with just the rights they need; rights added by hand are kept."""
    for name, codenames in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(
            *Permission.objects.filter(content_type__app_label="moderation", codename__in=codenames)
        )


def schedule_sweeper() -> None:
    """Let django-q run the sweeper each minute."""
    Schedule.objects.update_or_create(
        name="sweep",
        defaults={
            "func": "moderation.tasks.sweep",
            "schedule_type": Schedule.MINUTES,
            "minutes": 1,
            "repeats": -1,
        },
    )
