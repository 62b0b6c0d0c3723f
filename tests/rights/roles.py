"""The roles of the table of rights, and what one line of it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Role:
    """Who somebody is: a group of `services.running.setup` or none, in a browser or by a token."""

    title: str
    sentence: str
    group: str = ""
    is_staff: bool = False
    is_superuser: bool = False
    has_token: bool = False


ROLES = {
    "anonymous": Role("Nobody", "Is not logged in and sends no token."),
    "staff": Role(
        "No group", "May log in to the admin and is in no group yet: sees the start page.", "", True
    ),
    "viewer": Role("Viewer", "Looks at everything and decides nothing.", "viewer", True),
    "moderator": Role(
        "Moderator", "Looks at everything and decides in the queue.", "moderator", True
    ),
    "lead": Role(
        "Lead",
        "Decides, keeps products and categories, sets thresholds, trains and promotes models.",
        "lead",
        True,
    ),
    "trainer": Role(
        "Trainer", "Makes models; whether one is promoted, a lead says.", "trainer", True
    ),
    "admin": Role(
        "Admin",
        "A superuser: may do all that the site lets anybody do, users and tokens among it.",
        "",
        True,
        True,
    ),
    "shop_token": Role(
        "Token: shop",
        "A program of the shop: sends listings and reads the answers, by the API only.",
        "shop",
        has_token=True,
    ),
    "moderator_token": Role(
        "Token: moderator",
        "A moderator's own program: may by the API what the moderator may.",
        "moderator",
        is_staff=True,
        has_token=True,
    ),
}

Who = frozenset[str]


def who_of(names: str) -> Who:
    found = frozenset(names.split())
    assert found <= ROLES.keys(), names
    return found


EVERYBODY = frozenset(ROLES)
NOBODY = who_of("")
ADMIN = who_of("admin")
STAFF = who_of("staff viewer moderator lead trainer admin")
VIEWERS = who_of("viewer moderator lead trainer admin")
DECIDERS = who_of("moderator lead admin")
LEADS = who_of("lead admin")
TRAINERS = who_of("lead trainer admin")
KNOWN = EVERYBODY - {"anonymous"}
SENDERS = who_of("lead admin shop_token")
APPELLANTS = who_of("admin shop_token")
APPEAL_READERS = LEADS | APPELLANTS
BY_TOKEN = who_of("moderator_token")


@dataclass(frozen=True)
class Rule:
    """Who may send `methods` to the addresses `at`; everybody else must be refused.

    `at` are names of URL patterns (their routes where they have none) parted by blanks. `takes`
    says for each argument of the pattern where its value is from: `app.model` (the key of a row),
    `app.model.field`, or `=text`. In the admin, `pk` and the like take a row of the page's model.
    """

    does: str
    at: str
    methods: str
    who: Who
    # While API_LOGIN_REQUIRED is false, where that differs from `who`.
    who_in_development: Who | None = None
    takes: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)
    query: str = ""  # after the path; `{app.model}` stands for the key of a row
    path: str = ""  # for a pattern from which no path can be built
    finds_nothing: bool = False  # 404 is the answer of an address that lets one through
    hides: bool = False  # 404 is the refusal
    is_djangos: bool = False  # a page of Django's own, alike for each table
    scope: str = ""  # which a token needs beside the rights of its user; none: it needs none
    get_writes: str = ""  # the tables to which a GET may write, parted by blanks

    def allowed(self, *, in_development: bool) -> Who:
        if in_development and self.who_in_development is not None:
            return self.who_in_development
        return self.who


@dataclass(frozen=True)
class Table:
    """Who may do what with the rows of a registered model, in the stock pages of the admin.

    `example` are the fields of a row to try, where `world.build` makes none by itself.
    """

    model: str
    words: str
    see: Who
    add: Who = NOBODY
    change: Who = NOBODY
    delete: Who = NOBODY
    example: Mapping[str, Any] = field(default_factory=dict)
