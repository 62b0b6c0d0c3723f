"""Tokens of the API: made with scopes and an expiry, shown once, and asked what they may do."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from knox.models import AuthToken, get_digest_token
from knox.settings import CONSTANTS

from moderation import acts
from moderation.models import Scope, TokenScope


def create(
    user: User,
    *,
    scopes: Collection[str],
    name: str = "",
    expires_at: datetime | None = None,
    by: User | None = None,
) -> tuple[AuthToken, str]:
    """A token and the text that a program sends, which is stored as a hash only."""
    digest, secret = get_digest_token()
    token = AuthToken(
        digest=digest, token_key=secret[: CONSTANTS.TOKEN_KEY_LENGTH], user=user, expiry=expires_at
    )
    with transaction.atomic():
        token.save(force_insert=True)
        _describe(token, scopes=scopes, name=name)
        _note("made a token", token, scopes=scopes, by=by)
    return token, secret


def change(token: AuthToken, *, scopes: Collection[str], name: str, by: User | None = None) -> None:
    """Give a token its name, and no other scopes than these."""
    with transaction.atomic():
        _describe(token, scopes=scopes, name=name)
        _note("changed a token", token, scopes=scopes, by=by)


def revoke(token: AuthToken, *, by: User | None = None) -> None:
    """Delete a token: a program that sends it is answered 401."""
    with transaction.atomic():
        _note("revoked a token", token, scopes=scopes_of(token), by=by)
        token.delete()


def _describe(token: AuthToken, *, scopes: Collection[str], name: str) -> None:
    values = {"scopes": " ".join(_sorted(scopes)), "name": name}
    TokenScope.objects.update_or_create(token=token, defaults=values)


def _note(act: str, token: AuthToken, *, scopes: Collection[str], by: User | None) -> None:
    acts.note(act, by=by, of=token.user_id, scopes=" ".join(_sorted(scopes)))


def scopes_of(token: AuthToken) -> list[str]:
    """The scopes of a token; all of them where it was made before there were scopes."""
    row = getattr(token, "scope", None)
    return _sorted(Scope.values if row is None else row.scopes.split())


def name_of(token: AuthToken) -> str:
    row = getattr(token, "scope", None)
    return "" if row is None else str(row.name)


def _sorted(scopes: Collection[str]) -> list[str]:
    return [scope for scope in Scope.values if scope in scopes]
