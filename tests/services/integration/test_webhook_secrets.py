"""Secrets of webhooks are encrypted by SECRET_KEY, and outlive its change."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client

from moderation.models import Delivery, ModelVersion, Webhook
from moderation.models.encryption import decrypt
from moderation.services.integration import webhook_secrets, webhooks
from tests.support.factories import MakeUser
from tests.support.receiver import Receiver, receiving

FORMER, PRESENT = "f" * 50, "p" * 50
PLAIN = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYq"


@pytest.fixture
def shop(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def hook(db: None, settings: Any, shop: Receiver) -> Webhook:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = FORMER, []
    return Webhook.objects.create(name="shop", url=shop.url)


def stored(hook: Webhook) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM moderation_webhook WHERE id = %s", [hook.pk])
        return repr(cursor.fetchone())


def test_who_reads_the_table_cannot_sign(hook: Webhook) -> None:
    assert webhook_secrets.of(hook) not in stored(hook)


def test_a_former_key_still_reads_them_and_is_made_needless(hook: Webhook, settings: Any) -> None:
    secret = webhook_secrets.of(hook)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = PRESENT, [FORMER]
    assert webhook_secrets.of(hook) == secret

    assert webhook_secrets.encrypt_all() == webhook_secrets.Encrypted(1, [])
    assert webhook_secrets.encrypt_all() == webhook_secrets.Encrypted(0, [])
    settings.SECRET_KEY_FALLBACKS = []
    hook.refresh_from_db()
    assert webhook_secrets.of(hook) == secret


@pytest.fixture
def written_by_former(hook: Webhook) -> None:
    """It knows nothing of the new column: it adds webhooks without it, and renews the old one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO moderation_webhook (name, url, secret, is_active, created_at) "
            "VALUES ('added', 'https://shop.example/', %s, true, CURRENT_TIMESTAMP)",
            [PLAIN],
        )
    Webhook.objects.filter(pk=hook.pk).update(secret=PLAIN)


def secrets() -> list[str]:
    return [webhook_secrets.of(each) for each in Webhook.objects.all()]


def test_what_a_former_release_wrote_counts_and_is_encrypted_when_that_is_gone(
    written_by_former: None, bundled: ModelVersion
) -> None:
    assert secrets() == [PLAIN, PLAIN]

    out = StringIO()
    call_command("setup", stdout=out)  # on the first host, while the others sign by the plain ones
    assert "2. When every host has been upgraded, run: manage.py encrypt_secrets" in out.getvalue()
    assert set(Webhook.objects.values_list("secret", flat=True)) == {PLAIN}

    call_command("encrypt_secrets", stdout=out)
    assert "2 encrypted by this SECRET_KEY" in out.getvalue()
    assert secrets() == [PLAIN, PLAIN]
    assert not any(PLAIN in stored(each) for each in Webhook.objects.all())
    out = StringIO()
    call_command("setup", stdout=out)
    assert "encrypt_secrets" not in out.getvalue()


def test_new_secrets_can_be_read_by_a_former_release_until_it_is_gone(
    written_by_former: None, hook: Webhook, make_user: MakeUser
) -> None:
    lead = Client()
    lead.force_login(make_user("lena", group="lead"))

    def change(name: str) -> list[str]:
        """Renew one and add one; the plain texts of both."""
        lead.post(f"/admin/moderation/webhook/{hook.pk}/rotate/")
        address = "https://shop.example/"
        lead.post("/admin/moderation/webhook/add/", {"name": name, "url": address})
        rows = Webhook.objects.filter(name__in=["shop", name])
        assert len({webhook_secrets.of(row) for row in rows} - {PLAIN}) == 2
        return [row.secret for row in rows]

    during = change("during")
    assert during == [
        decrypt(row.encrypted_secret) for row in Webhook.objects.filter(name__in=["shop", "during"])
    ]
    call_command("encrypt_secrets", stdout=StringIO())
    assert change("after") == ["", ""]


def test_a_lost_key_is_a_sentence_wherever_the_secret_is_needed(
    hook: Webhook,
    bundled: ModelVersion,
    shop: Receiver,
    make_user: MakeUser,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.SECRET_KEY = PRESENT
    lead = Client()
    lead.force_login(make_user("lena", group="lead"))
    page = f"/admin/moderation/webhook/{hook.pk}/"
    sentence = "was encrypted by another SECRET_KEY"

    assert sentence in lead.get(f"{page}change/").content.decode()
    assert sentence in lead.post(f"{page}ping/", follow=True).content.decode()
    assert sentence in Delivery.objects.get().error
    assert sentence in caplog.text
    assert shop.messages == []
    with pytest.raises(CommandError, match=sentence):
        call_command("encrypt_secrets", stdout=StringIO())

    assert "whsec_" in lead.post(f"{page}rotate/").content.decode()
    assert "The test arrived" in lead.post(f"{page}ping/", follow=True).content.decode()
    hook.refresh_from_db()
    assert shop.messages[0].is_signed_with(webhooks.secret_of(hook))
