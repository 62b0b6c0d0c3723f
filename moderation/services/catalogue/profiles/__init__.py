"""Profiles: how the exports of shops are recognised, and what their columns mean.

Each module here puts its profile into `PROFILES`; nothing else names them. One is a few lines of
what somebody knows who has seen such a file:

- `recognised_by`: groups of columns. A file that has a column of each group is of this profile.
- `columns`: which columns mean what. Of several the first that is filled counts; of photos all do,
  in this order. `IMAGE{n}` stands for IMAGE1, IMAGE2 and so on. Capitals do not matter.
- `photos_divided_by`: what stands between the paths of several photos in one cell. Addresses of
  the web are told apart without it.
- `category_levels`, `categories_divided_by`: of `Women > Shoes, Sale` the category is Shoes.
- `continued`: further rows of a listing follow its first, for more photos or for variants.
- `variants`: some rows are variants of a listing that has a row of its own.
- `by_place`: for headers in a language that nobody wrote down here; told the titles and the first
  rows, it gives the profile with these titles, or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from moderation.clip.plugins import import_all


class Role(StrEnum):
    """What a column may mean; these are the words of `--map`."""

    ID = "id"
    TITLE = "title"
    DESCRIPTION = "description"
    CATEGORY = "category"
    SELLER = "seller"
    PHOTOS = "photos"


@dataclass(frozen=True)
class Continued:
    """Rows that follow each other with the same id are one listing.

    `position` is the place of the row's photo among those of the listing. A row with something in
    `variant` is a variant; its own photo, in `variant_photos`, comes after those of the listing.
    """

    position: Sequence[str] = ()
    variant: Sequence[str] = ()
    variant_photos: Sequence[str] = ()


@dataclass(frozen=True)
class Variants:
    """Rows whose `kind` is one of `values` are variants, and no listings of their own.

    `parent` names their listing by one of its `keys`, written as `{}` in its pattern; the photos of
    variants come after those of the listing. Without `parent` they are left out.
    """

    kind: Sequence[str]
    values: Collection[str]
    parent: Sequence[str] = ()
    keys: Mapping[str, str] = field(default_factory=dict)  # column -> pattern


Row = Mapping[str, object]  # cells by title


@dataclass(frozen=True)
class Profile:
    """How one kind of file is laid out. `name` is for `--profile`, `title` for people."""

    name: str
    title: str
    recognised_by: Sequence[Sequence[str]]
    columns: Mapping[Role, Sequence[str]]
    photos_divided_by: str = ""
    not_a_photo: Collection[str] = ()
    category_levels: str = ""
    categories_divided_by: str = ""
    continued: Continued | None = None
    variants: Variants | None = None
    by_place: Callable[[Sequence[str], Sequence[Row]], Profile | None] | None = None
    is_own: bool = False  # our own columns: where they are found, nothing else is looked for


PROFILES: dict[str, Profile] = {}


def register(profile: Profile) -> None:
    PROFILES[profile.name] = profile


def found(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Those of the wanted columns that are among the names, as these are written."""
    columns: dict[str, None] = {}
    for column in wanted:
        pattern = re.compile(r"(\d+)".join(map(re.escape, column.lower().split("{n}"))))
        matches = ((pattern.fullmatch(name.lower()), name) for name in names)
        numbered = [([int(n) for n in match.groups()], name) for match, name in matches if match]
        columns |= dict.fromkeys(name for _, name in sorted(numbered))
    return list(columns)


import_all(__name__)
