"""Which profile a file is of, and which of its columns mean what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from moderation.clip.data.tables.delimited import Fits, column_name
from moderation.clip.data.tables.encodings import printable

from .catalogue_formats import BadCell, CatalogueFileError, Content, Wanted, listed
from .profiles import PROFILES, Profile, Role, found


class RolesMissing(CatalogueFileError):
    """No column is known for some of what a listing needs."""


class NotRecognised(RolesMissing):
    """The columns of the file are those of no profile."""


class SeveralFit(CatalogueFileError):
    """The file has the columns of each of these profiles; the first has most of them."""

    def __init__(self, message: str, *, profiles: Sequence[Profile]) -> None:
        super().__init__(message)
        self.profiles = profiles


@dataclass(frozen=True)
class Choice:
    """What a person says of a file: its profile, what columns mean; nothing: it is recognised.

    Columns are written as the file writes them; capitals do not matter. No column for a role says
    that nothing is to be read for it, whatever the profile says.
    """

    profile: str = ""
    columns: Mapping[Role, Sequence[str]] = field(default_factory=dict)


RECOGNISE = Choice()
NEEDED = ((Role.ID,), (Role.PHOTOS,), (Role.TITLE, Role.DESCRIPTION))  # one of each
_ROWS_LOOKED_AT = 50  # where names of columns say nothing
_TITLE_SHOWN = 60
_TITLES_SHOWN = 50


@dataclass(frozen=True)
class ColumnMapping:
    """Which columns of a file mean what, as it writes them, and how people know.

    `evidence` is a sentence. `signs` are the columns by which the profile was recognised.
    `is_known` is false where the file is of no profile and `profile` stands in for one. `named` are
    the columns that a person named, of those roles where the profile says others.
    """

    profile: Profile
    columns: Mapping[Role, Sequence[str]]
    evidence: str
    signs: Sequence[str] = ()
    is_known: bool = True
    named: Mapping[Role, Sequence[str]] = field(default_factory=dict)

    @property
    def choice(self) -> Choice:
        """To read another file in this way: one of the profile may lack columns that this has."""
        return Choice(self.profile.name if self.is_known else "", self.named)

    def first(self, *roles: Role) -> str:
        """The column to name where one of these roles is at fault."""
        return next((column for role in roles for column in self.columns.get(role, ())), "")


def fits(choice: Choice) -> Fits:
    """How much of what a profile, or the choice, asks for a header has."""
    profiles = [_named(choice.profile)] if choice.profile else list(PROFILES.values())
    chosen = {column_name(one) for columns in choice.columns.values() for one in columns}

    def share(names: Collection[str]) -> float:
        shares = [len(_signs(one, list(names))) / len(one.recognised_by) for one in profiles]
        return max([*shares, len(chosen.intersection(names)) / len(chosen) if chosen else 0])

    return share


def mapping_of(path: Path, content: Content, choice: Choice) -> ColumnMapping:
    """Raises `CatalogueFileError` where that is not certain, or a column is not there."""
    titles = [title for title in content.titles if title]
    profile = _profile(path, content, choice)
    own = {column_name(title): title for title in titles}
    base = profile or PROFILES["plain"]
    usual = {role: found(titles, wanted) for role, wanted in base.columns.items()}
    columns = dict(usual)
    for role, chosen in choice.columns.items():
        unknown = [column for column in chosen if column_name(column) not in own]
        if unknown:
            raise CatalogueFileError(
                f"{path.name} has no column {unknown[0]}; it has: {_shown(titles)}."
            )
        columns[role] = [own[column_name(column)] for column in chosen]
    changed = {role: names for role, names in columns.items() if names != usual.get(role, [])}
    mapping = ColumnMapping(
        profile=base,
        columns={role: columns[role] for role in Role if columns.get(role)},
        evidence=_evidence(
            profile, titles, is_named=bool(choice.profile), is_changed=bool(changed)
        ),
        signs=_signs(base, titles),
        is_known=profile is not None,
        named=changed,
    )
    _check(path, content, mapping, choice)
    return mapping


def _named(name: str) -> Profile:
    if name not in PROFILES:
        raise CatalogueFileError(
            f"There is no profile {name}; there are {listed(sorted(PROFILES), by='and')}."
        )
    return PROFILES[name]


def _profile(path: Path, content: Content, choice: Choice) -> Profile | None:
    """The profile as this file writes its columns; None where it is of none."""
    titles = [title for title in content.titles if title]
    named = _named(choice.profile) if choice.profile else None
    profile = named or _recognised(path, titles)
    if profile is None or len(_signs(profile, titles)) < len(profile.recognised_by):
        candidates = [named] if named else list(PROFILES.values())
        placed = (_by_place(one, content) for one in candidates)
        return next(filter(None, placed), profile)
    return profile


def _by_place(profile: Profile, content: Content) -> Profile | None:
    if profile.by_place is None or not all(content.titles):
        return None
    wanted = Wanted(used=set(content.names))
    titles = dict(zip(content.names, content.titles, strict=True))
    rows = [
        {titles.get(name, name): value for name, value in cells.items()}
        for _, cells in islice(content.records(wanted), _ROWS_LOOKED_AT)
        if not isinstance(cells, BadCell)
    ]
    return profile.by_place(content.titles, rows)


def _recognised(path: Path, titles: Sequence[str]) -> Profile | None:
    """The one profile whose columns the file has. Raises where there are more."""
    whole = [one for one in PROFILES.values() if len(_signs(one, titles)) == len(one.recognised_by)]
    whole = [one for one in whole if one.is_own] or whole
    if len(whole) > 1:
        seen = [f"{one.name} ({_has(one, titles)})" for one in whole]
        raise SeveralFit(
            f"{path.name} may be of the profile {listed(seen, by='or')}; choose one of them.",
            profiles=sorted(whole, key=lambda one: -_known_columns(one, titles)),
        )
    return whole[0] if whole else None


def _signs(profile: Profile, titles: Sequence[str]) -> list[str]:
    """The columns by which a file is of this profile; one of each group where it is."""
    groups = (found(titles, group)[:1] for group in profile.recognised_by)
    return [title for group in groups for title in group]


def _known_columns(profile: Profile, titles: Sequence[str]) -> int:
    return len({name for wanted in profile.columns.values() for name in found(titles, wanted)})


def _has(profile: Profile, titles: Sequence[str]) -> str:
    return f"has the columns {printable(listed(_signs(profile, titles), by='and'))}"


def _evidence(
    profile: Profile | None, titles: Sequence[str], *, is_named: bool, is_changed: bool
) -> str:
    if profile is None:
        return "No profile: the columns were named."
    changed = " Other columns were named for some of it." if is_changed else ""
    if not is_named:
        return f"{profile.title}: {_has(profile, titles)}.{changed}"
    is_whole = len(_signs(profile, titles)) == len(profile.recognised_by)
    signs = f", and the file {_has(profile, titles)}" if is_whole else ""
    return f"{profile.title}: the profile was named{signs}.{changed}"


def _check(path: Path, content: Content, mapping: ColumnMapping, choice: Choice) -> None:
    missing = [roles for roles in NEEDED if not mapping.first(*roles)]
    if missing:
        wanted = [
            " or ".join(mapping.profile.columns.get(roles[0], (roles[0],))) for roles in missing
        ]
        used = {title for columns in mapping.columns.values() for title in columns}
        words = f"{path.name} lacks {_told(wanted, content, used)}.{content.hint}"
        raise RolesMissing(words) if choice.profile else NotRecognised(words)
    names = list(content.names)
    for title in (title for columns in mapping.columns.values() for title in columns):
        if names.count(column_name(title)) > 1:
            raise CatalogueFileError(
                f"{path.name} has the column {title} twice; remove or rename one of them."
            )


def _told(missing: Sequence[str], content: Content, used: Collection[str]) -> str:
    """What is missing, and what of the file may be meant by it."""
    one = len(missing) == 1
    lacking = f"the column {missing[0]}" if one else f"the columns {listed(missing, by='and')}"
    unused = [title for title in content.titles if title and title not in used]
    if unused:
        return f"{lacking}; rename the one{'' if one else 's'} meant (found: {_shown(unused)})"
    return f"{lacking}; it has: {_shown(content.titles) or 'nothing'}"


def shown_title(title: str) -> str:
    """A column for people: not the whole of a cell that became a header by mistake."""
    return printable(title if len(title) <= _TITLE_SHOWN else f"{title[:_TITLE_SHOWN]}…")


def _shown(titles: Sequence[str]) -> str:
    filled = [shown_title(title) for title in titles if title]
    more = len(filled) - _TITLES_SHOWN
    return ", ".join(filled[:_TITLES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
