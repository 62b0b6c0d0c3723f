"""Rights that `setup` has given to groups."""

from django.contrib.auth.models import Group, Permission
from django.db import models


class GivenRight(models.Model):
    """A right that a group was given once; whether it has it now, its administrators decide."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+")
    permission = models.ForeignKey(Permission, on_delete=models.CASCADE, related_name="+")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["group", "permission"], name="one_gift_of_a_right")
        ]

    def __str__(self) -> str:
        return f"{self.permission_id} to {self.group_id}"
