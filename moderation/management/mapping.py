"""What commands are told of the columns of catalogue files."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from argparse import _MutuallyExclusiveGroup as Group
from collections.abc import Sequence

from moderation.services.catalogue.catalogue_formats import listed
from moderation.services.catalogue.profiles import PROFILES, Role


def add_profile(parser: ArgumentParser | Group) -> None:
    parser.add_argument(
        "--profile",
        choices=sorted(PROFILES),
        default="",
        help="what kind of export it is (default: recognised by its columns)",
    )


def add_map(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        type=_mapped,
        metavar="ROLE=COLUMN",
        help=f"which column means what: {listed(list(Role), by='or')}; may be given several "
        "times, for photos also for one",
    )


def columns_of(mapped: Sequence[tuple[Role, str]]) -> dict[Role, list[str]]:
    """What `--map` said, by role."""
    columns: dict[Role, list[str]] = {}
    for role, column in mapped:
        columns.setdefault(role, []).append(column)
    return columns


def _mapped(text: str) -> tuple[Role, str]:
    """`title=Name` as it is given."""
    role, equals, column = text.partition("=")
    if not equals or not column.strip() or role.strip().lower() not in list(Role):
        raise ArgumentTypeError(
            f"{text} is no ROLE=COLUMN, such as title=Name; roles are "
            f"{listed(list(Role), by='and')}."
        )
    return Role(role.strip().lower()), column
