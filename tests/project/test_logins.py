"""Who may still try to log in: by name and address together, by each alone, and not for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from clipmod.logins import TIMES

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

OWN, OTHER = "198.51.100.9", "198.51.100.10"


def attempt(name: str, address: str, password: str = "wrong") -> int:
    """200: a wrong password; 302: logged in; 429: locked."""
    form = {"username": name, "password": password}
    return Client().post("/admin/login/", form, REMOTE_ADDR=address).status_code


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", password="correct horse", is_staff=True)


@pytest.fixture
def most(settings: Any) -> int:
    """How many failures of many names, or from many addresses, are too many."""
    return int(settings.AXES_FAILURE_LIMIT) * TIMES


def test_one_address_does_not_try_many_names(anna: User, most: int) -> None:
    codes = [attempt(f"name{number}", "203.0.113.7") for number in range(most)]
    assert codes[0] == 200 and codes[-1] == 429
    assert attempt("anna", "203.0.113.7", "correct horse") == 429
    assert attempt("anna", OWN, "correct horse") == 302


def test_many_addresses_do_not_try_one_name(anna: User, most: int) -> None:
    codes = [attempt("anna", f"203.0.113.{number}") for number in range(most)]
    assert codes[0] == 200 and codes[-1] == 429
    assert attempt("anna", OTHER, "correct horse") == 429
    assert attempt("ben", OTHER) == 200


def test_nobody_is_locked_out_where_they_have_logged_in_before(anna: User, most: int) -> None:
    assert attempt("anna", OWN, "correct horse") == 302
    for number in range(most):
        attempt("anna", f"203.0.113.{number}")
    assert attempt("anna", OTHER, "correct horse") == 429
    assert attempt("anna", OWN, "correct horse") == 302


def test_one_attacker_alone_locks_no_name(anna: User, most: int) -> None:
    for _ in range(most + 5):
        attempt("anna", "203.0.113.7")
    assert attempt("anna", "203.0.113.7", "correct horse") == 429
    assert attempt("anna", OTHER, "correct horse") == 302


def test_tries_while_it_is_locked_do_not_prolong_it(anna: User, settings: Any, most: int) -> None:
    for number in range(most):
        attempt("anna", f"203.0.113.{number}")
    before = AccessAttempt.objects.count()
    assert {attempt("anna", f"192.0.2.{number}") for number in range(5)} == {429}
    assert AccessAttempt.objects.count() == before
    passed = timezone.now() - timedelta(hours=settings.AXES_COOLOFF_TIME, minutes=1)
    AccessAttempt.objects.update(attempt_time=passed)
    assert attempt("anna", OTHER, "correct horse") == 302
