"""Why an analysis came out as it did, worked out once by the worker."""

from django.db import models

from .analysis import Analysis


class Explanation(models.Model):
    """What the queue shows beside a flagged listing; `clip.explanation` says how it is found."""

    analysis = models.OneToOneField(
        Analysis, primary_key=True, on_delete=models.CASCADE, related_name="explanation"
    )
    found = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Explanation of analysis {self.pk}"
