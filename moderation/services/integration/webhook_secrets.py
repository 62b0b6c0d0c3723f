"""The secrets of webhooks: encrypted in the database, readable for who signs, and renewed.

Former releases keep them as plain text, in `Webhook.secret`, and sign by that. So it is left there
while one may still be at work, kept up to date, and counts: what stands there is at least as new as
what is encrypted. `encrypt_secrets` empties the field when every host has been upgraded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from moderation.models import Webhook
from moderation.models.encryption import KeyIsLost, decrypt, encrypt, is_by_present_key
from moderation.models.outgoing import new_secret


class SecretIsLost(Exception):
    """A secret that cannot be read any more; `str(error)` is a sentence."""


def of(webhook: Webhook) -> str:
    """What its messages are signed with. Raises `SecretIsLost`."""
    if webhook.secret:
        return webhook.secret
    try:
        return decrypt(webhook.encrypted_secret)
    except KeyIsLost as error:
        raise SecretIsLost(
            f"The secret of “{webhook.name}” was encrypted by another SECRET_KEY: put that key "
            "into SECRET_KEY_FALLBACKS, or make a new secret and give it to the receiver."
        ) from error


def is_lost(webhook: Webhook) -> str:
    """Why its secret cannot be read, or nothing."""
    try:
        of(webhook)
    except SecretIsLost as error:
        return str(error)
    return ""


def give_new(webhook: Webhook) -> None:
    """A new secret, not saved; as plain text, too, while that is what the others are signed by."""
    secret = new_secret()
    webhook.secret = secret if left_as_plain_text() else ""
    webhook.encrypted_secret = encrypt(secret)


def renew(webhook: Webhook) -> None:
    """Give it a new secret."""
    give_new(webhook)
    webhook.save(update_fields=["secret", "encrypted_secret"])


def left_as_plain_text() -> int:
    """How many secrets a former release can still read."""
    return Webhook.objects.exclude(secret="").count()


@dataclass(frozen=True)
class Encrypted:
    """What came of encrypting all by the present key."""

    count: int
    lost: Sequence[str]  # a sentence for each that cannot be read


def encrypt_all() -> Encrypted:
    """Encrypt by the present key what a former one encrypted, and leave no plain text."""
    count, lost = 0, []
    for webhook in Webhook.objects.order_by("name"):
        if not webhook.secret and is_by_present_key(webhook.encrypted_secret):
            continue
        try:
            secret = of(webhook)
        except SecretIsLost as error:
            lost.append(str(error))
            continue
        # Unless somebody has renewed it meanwhile.
        as_it_was = Webhook.objects.filter(
            pk=webhook.pk, secret=webhook.secret, encrypted_secret=webhook.encrypted_secret
        )
        count += as_it_was.update(secret="", encrypted_secret=encrypt(secret))
    return Encrypted(count, lost)
