"""Answers that took long to find."""

from django.db import models


class HeldAnswer(models.Model):
    """What was found, for all processes; `services.queries.held` alone reads and writes it."""

    key = models.CharField(max_length=100, primary_key=True)
    answer = models.BinaryField()
    seconds = models.FloatField(help_text="How long it took to find.")
    found_at = models.DateTimeField()
    until = models.DateTimeField(help_text="Until when pages take it instead of asking anew.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key
