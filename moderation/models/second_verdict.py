"""What a second model says of analyses near the threshold of the first."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .analysis import Analysis
from .versions import ModelVersion


class SecondVerdictQuerySet(models.QuerySet["SecondVerdict"]):
    def waiting(self) -> SecondVerdictQuerySet:
        """Not answered yet, nor given up after as many attempts as an analysis has."""
        limit = settings.ANALYSIS_MAX_ATTEMPTS
        return self.filter(answered_at=None, attempts__lt=limit)

    def free(self) -> SecondVerdictQuerySet:
        """Waiting, and in no worker's hands, by the database's clock."""
        lease = timedelta(seconds=settings.ANALYSIS_LEASE_SECONDS)
        return self.waiting().filter(Q(taken_at=None) | Q(taken_at__lte=Now() - lease))


class SecondVerdict(models.Model):
    """A question to the second judge about one analysis, and what it said.

    Asked for in the transaction that writes the analysis, answered after it: where the second
    judge fails, or its worker is killed, the analysis stands and this row waits.
    """

    analysis = models.OneToOneField(
        Analysis, primary_key=True, on_delete=models.CASCADE, related_name="second_verdict"
    )
    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    similarity = models.FloatField(null=True)
    p_mismatch = models.FloatField("P(mismatch)", null=True)
    threshold_used = models.FloatField(null=True, help_text="Of this version, never the other's.")
    is_mismatch = models.BooleanField(
        null=True,
        help_text="Empty until it is answered, and where this model cannot read the text.",
    )
    unreadable = models.CharField(max_length=10, blank=True, default="")
    precision = models.CharField(max_length=10, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    taken_at = models.DateTimeField(null=True, help_text="When a worker took it up last.")
    error = models.TextField(
        blank=True, default="", help_text="Why there is no answer, or none yet."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True)

    objects = SecondVerdictQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["attempts", "analysis"],
                condition=Q(answered_at=None),
                name="second_verdict_to_do",
            )
        ]

    def __str__(self) -> str:
        return f"Second verdict on analysis {self.pk}"

    @property
    def is_present(self) -> bool:
        """Whether it is of the second judge that is named now."""
        return self.model_version.name == settings.CLIP_SECOND_JUDGE
