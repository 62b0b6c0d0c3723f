"""How often somebody may try to log in: by name and address together, and by each alone.

One name from one address: `AXES_FAILURE_LIMIT` failures within `AXES_COOLOFF_TIME`. Many names from
one address, or one name from many addresses: `TIMES` as many. Whoever comes from where they have
logged in before is not held up by what others do to their name, and tries while it is locked do not
prolong that, so that nobody can keep a known name out.
"""

from __future__ import annotations

from datetime import timedelta

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt, AccessLog
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone

TIMES = 5  # an office shares an address, and a name may be mistyped at several
KNOWN_FOR = timedelta(days=90)


class LoginAttempts(AxesDatabaseHandler):
    """Axes' own table, counted in three ways."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, str] | None = None) -> int:
        """The most of the three, in failures of one name from one address."""
        name = get_client_username(request, credentials)
        address = request.axes_ip_address  # type: ignore[attr-defined]
        failures = [
            _failed(request, username=name, ip_address=address),
            _failed(request, ip_address=address) // TIMES,
        ]
        if name and not _is_known(name, address):
            failures.append(_failed(request, username=name) // TIMES)
        return max(failures)


def _failed(request: HttpRequest, **who: str | None) -> int:
    since = get_cool_off_threshold(request)
    attempts = AccessAttempt.objects.filter(attempt_time__gte=since, **who)
    return attempts.aggregate(found=Sum("failures_since_start"))["found"] or 0


def _is_known(name: str, address: str) -> bool:
    """Whether this name has logged in from there."""
    since = timezone.now() - KNOWN_FOR
    logins = AccessLog.objects.filter(username=name, ip_address=address, attempt_time__gte=since)
    return logins.exists()
