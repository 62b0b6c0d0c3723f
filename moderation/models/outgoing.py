"""What leaves the house: webhooks, each with the log of its deliveries."""

import secrets
import uuid

from django.conf import settings
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q

from .appeal import Appeal
from .decision import Decision
from .encryption import encrypt


def new_secret() -> str:
    """The shared secret of a new webhook."""
    return secrets.token_urlsafe(32)


def new_encrypted_secret() -> str:
    """As it is stored; `services/integration/webhook_secrets.py` reads it."""
    return encrypt(new_secret())


class Webhook(models.Model):
    """An address of the shop that is notified of each decision, signed with a shared secret."""

    name = models.CharField(max_length=60, unique=True)
    url = models.CharField(
        "address", max_length=500, validators=[URLValidator(schemes=["http", "https"])]
    )
    encrypted_secret = models.TextField(default=new_encrypted_secret, db_default="", editable=False)
    secret = models.CharField(
        max_length=100,
        default="",
        editable=False,
        help_text="Plain text for a former release; `encrypt_secrets` empties it.",
    )
    is_active = models.BooleanField("active", default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One message to one webhook. It waits for the undo window, then is tried until it arrives."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Delivered"
        FAILED = "failed", "Given up"
        CANCELLED = "cancelled", "Cancelled: undone or corrected in time"

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.UUIDField(
        default=uuid.uuid4, help_text="The idempotency key: the same at every attempt and replay."
    )
    event = models.CharField(max_length=40)
    decision = models.ForeignKey(
        Decision, null=True, on_delete=models.PROTECT, related_name="deliveries"
    )
    appeal = models.ForeignKey(
        Appeal, null=True, on_delete=models.PROTECT, related_name="deliveries"
    )
    payload = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    answer_status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=500, blank=True)
    tried_at = models.DateTimeField(null=True, help_text="When the last attempt ended.")
    sent_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event_id"], name="one_delivery_per_event")
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"],
                condition=Q(state__in=["waiting", "sending"]),
                name="delivery_due",
            ),
            models.Index(fields=["id"], condition=Q(state="failed"), name="delivery_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook}"
