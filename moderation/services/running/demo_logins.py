"""The demo's two logins, whose password everybody can read: made, and taken away again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import ForeignKey, ForeignObjectRel

USERNAME, PASSWORD = "demo", "clipmod-demo"
LEAD = "demo-lead"  # who decides what the other one escalates
# What of a login is no work: its rights, where it sits, and how it likes its keys.
_NO_WORK = {
    "auth.User_groups.user",
    "auth.User_user_permissions.user",
    "knox.AuthToken.user",
    "moderation.QueuePreferences.user",
    "moderation.ReviewItem.claimed_by",
}


def make() -> None:
    """Two demo users, who may do what a moderator and a lead may."""
    for name in (USERNAME, LEAD):
        user, created = User.objects.get_or_create(username=name, defaults={"is_staff": True})
        if created or _was_put_away(user):
            user.set_password(PASSWORD)
            user.is_active = True
            user.save(update_fields=["password", "is_active"])
            user.groups.set(Group.objects.filter(name__in=["moderator", "lead"]))


def remove(counts: Counter[str], kept: list[str]) -> None:
    """Delete the logins; one that did anything to what stays is put away, so that its work stands.

    A user of such a name with another password is somebody's own.
    """
    users = [u for u in User.objects.filter(username__in=[USERNAME, LEAD]) if not _was_put_away(u)]
    for user in users:
        if not user.check_password(PASSWORD):
            kept.append(f"The user {user.username} stays: its password is not the demo's.")
        elif has_worked(user):
            user.set_unusable_password()
            user.is_active = False
            user.save(update_fields=["password", "is_active"])
            kept.append(
                f"The user {user.username} stays, without password and inactive: what it did to "
                "products or settings of yours names it."
            )
        else:
            user.delete()
            counts["logins"] += 1
    if users and not User.objects.filter(is_superuser=True, is_active=True).exists():
        kept.append("No superuser is left: python manage.py createsuperuser makes your own login.")


def has_worked(user: User) -> bool:
    """Whether anything that stays names this user, such as a decision, a view or a log entry."""
    return any(
        field.model._default_manager.filter(**{field.name: user}).exists()
        for field in _naming_users()
        if f"{field.model._meta.label}.{field.name}" not in _NO_WORK
    )


def _naming_users() -> Iterator[ForeignKey[Any, Any]]:
    """The columns of all tables that name a user."""
    for relation in User._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and isinstance(relation.field, ForeignKey):
            yield relation.field


def _was_put_away(user: User) -> bool:
    return not user.is_active and not user.has_usable_password()
