"""Secrets that the database holds and somebody else has to be shown: encrypted by SECRET_KEY.

Fernet (AES-128-CBC with an HMAC) under a key that HKDF derives, so that it is none of those by
which Django signs. What was encrypted by a key in SECRET_KEY_FALLBACKS can still be read.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class KeyIsLost(Exception):
    """None of the present keys encrypted this, or it was changed since."""


def encrypt(text: str) -> str:
    return _fernet(settings.SECRET_KEY).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """The text. Raises `KeyIsLost`."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    try:
        return MultiFernet([_fernet(key) for key in keys]).decrypt(token).decode()
    except InvalidToken as error:
        raise KeyIsLost from error


def is_by_present_key(token: str) -> bool:
    """Whether it can be read without SECRET_KEY_FALLBACKS."""
    try:
        _fernet(settings.SECRET_KEY).decrypt(token)
    except InvalidToken:
        return False
    return True


def _fernet(key: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"clipmod: secrets in the database")
    return Fernet(base64.urlsafe_b64encode(derived.derive(key.encode())))
