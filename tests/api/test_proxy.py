"""Whose address counts for the login lock and the rate limit, with and without a proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.test import Client, RequestFactory

from clipmod.proxy import client_address
from tests.project.test_settings import start

pytestmark = pytest.mark.slow

SHOWN = """
from axes.helpers import get_client_ip_address
from django.test import RequestFactory
from rest_framework.throttling import AnonRateThrottle
request = RequestFactory().get(
    "/", REMOTE_ADDR="127.0.0.1", headers={"x-forwarded-for": "10.9.9.9, 203.0.113.7"}
)
print(get_client_ip_address(request), AnonRateThrottle().get_ident(request))
"""


@pytest.mark.parametrize(("behind", "address"), [("true", "203.0.113.7"), ("false", "127.0.0.1")])
def test_only_behind_a_proxy_its_header_counts(tmp_path: Path, behind: str, address: str) -> None:
    answer = start(tmp_path, SHOWN, BEHIND_PROXY=behind)
    assert answer.stdout.split() == [address, address], answer.stderr


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("anything; at all, 2001:db8::7", "2001:db8::7"),
        ("203.0.113.7, unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_the_last_address_is_the_one_the_proxy_saw(header: str, address: str) -> None:
    request = RequestFactory().get("/", headers={"x-forwarded-for": header})
    assert client_address(request) == address


def test_one_visitor_behind_the_proxy_does_not_lock_out_another(db: None, settings: Any) -> None:
    settings.AXES_CLIENT_IP_CALLABLE = "clipmod.proxy.client_address"
    login = {"username": "anna", "password": "wrong"}

    def attempt(address: str) -> int:
        headers = {"x-forwarded-for": address}
        return Client().post("/admin/login/", login, headers=headers).status_code

    codes = [attempt("203.0.113.7") for _ in range(settings.AXES_FAILURE_LIMIT + 1)]
    assert codes[-1] == 429
    assert attempt("203.0.113.8") == 200
    assert set(AccessAttempt.objects.values_list("ip_address", flat=True)) == {
        "203.0.113.7",
        "203.0.113.8",
    }
