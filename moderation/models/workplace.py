"""What belongs to one moderator's desk: keys and saved views."""

from django.conf import settings
from django.db import models


class QueuePreferences(models.Model):
    """How one person works in the queue."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="queue_preferences",
    )
    keys_on = models.BooleanField("keys are on", default=True)
    keys = models.JSONField(
        default=dict, blank=True, help_text="Action -> key, where it is not the usual one."
    )

    class Meta:
        verbose_name_plural = "queue preferences"

    def __str__(self) -> str:
        return f"Queue preferences of {self.user}"


class SavedView(models.Model):
    """A filter of the queue under a name; a shared one is everybody's to use."""

    name = models.CharField(max_length=60)
    query = models.CharField(
        max_length=500, blank=True, help_text="The filter as it stands in an address."
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    is_shared = models.BooleanField("shared", default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_view_per_name_and_owner")
        ]

    def __str__(self) -> str:
        return self.name
