"""Writes docs/rights.md from the table: `python -m tests.rights.docs`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from .roles import ROLES, Rule, Table, Who
from .table import ACTIONS, SECTIONS, TABLES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "rights.md"
_START = """# Who may do what

This table is tried, address by address and role by role, by tests/rights/test_rights.py, and
written from tests/rights/table.py, so that it says what the site does. The groups come with
`setup`; put a user into one in the admin under Users. Rights that you give a group or a user beside
these add to what is written here. A token of the API does what its user may, as far as its scopes
go: the table of the API says which scope each address needs, and a token that was made before there
were scopes has them all. A login in a browser needs none.

## The roles
"""


def text() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _START
    for role in ROLES.values():
        group = f" Group “{role.group}”." if role.group else ""
        line = f"- **{role.title}.** {role.sentence}{group}"
        yield from textwrap.wrap(line, 100, subsequent_indent="  ")
    for title, rules in SECTIONS.items():
        yield f"\n## {title}\n"
        if title == "The API":
            yield from _api(rules)
            continue
        yield from _head()
        yield from (_row(rule.does, rule.who) for rule in rules)
    yield "\nThe site's own style sheets and scripts under /static/ are open as well."
    yield "\n## The rows of each table\n"
    yield "In the admin's lists and forms; who sees a table also sees its history.\n"
    yield from _head()
    yield from (_table(table) for table in TABLES)
    yield "\n## Actions on chosen rows\n"
    yield from _head()
    yield from (_row(does, who) for does, who in ACTIONS.values())


def _head(*, first: str = "") -> Iterator[str]:
    """`first` are the columns before those of the roles."""
    yield f"| | {first}" + " | ".join(role.title for role in ROLES.values()) + " |"
    yield "|---|" + "---|" * first.count("|") + ":-:|" * len(ROLES)


def _row(does: str, who: Who) -> str:
    return f"| {does} | " + " | ".join("yes" if name in who else "–" for name in ROLES) + " |"


def _table(table: Table) -> str:
    may = {"see": table.see, "add": table.add, "change": table.change, "delete": table.delete}
    cells = [", ".join(word for word, who in may.items() if name in who) or "–" for name in ROLES]
    return f"| {table.words} | " + " | ".join(cells) + " |"


def _api(rules: Iterable[Rule]) -> Iterator[str]:
    """Who may what by which scope, and what is open while nobody needs a token."""
    yield from _head(first="Scope | ")
    for rule in rules:
        scope = f"`{rule.scope}`" if rule.scope else "–"
        yield _row(f"{rule.does} | {scope}", rule.who)
    yield "\nWhile `API_LOGIN_REQUIRED=false` (the default with `DEBUG=true`) these change:\n"
    yield from _head()
    for rule in rules:
        who = rule.allowed(in_development=True)
        if who != rule.who:
            yield _row(rule.does, who)


if __name__ == "__main__":
    DOCUMENT.write_text(text(), encoding="utf-8")
