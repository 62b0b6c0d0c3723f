"""The selects of the page between upload and import: what kind of file it is, which column is what.

Their names are those of the roles, so a form is a `Choice` written down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.http import QueryDict

from moderation.models import CatalogueSource
from moderation.services.catalogue import saved_mappings
from moderation.services.catalogue.column_guesses import Column
from moderation.services.catalogue.column_mapping import Choice, shown_title
from moderation.services.catalogue.profiles import PROFILES, Role

from .import_state import Columns, Pending

SAVED = "saved:"
_PHOTO_SELECTS = 8  # more columns of photos are a list with ticks
_OFFERED = 500  # columns
_TITLE_AT_MOST = 200

_ROLES = {
    Role.ID: ("Id", "tells listings apart"),
    Role.TITLE: ("Title", "what the photo should show"),
    Role.DESCRIPTION: ("Description", "without a title"),
    Role.CATEGORY: ("Category", ""),
    Role.SELLER: ("Seller", ""),
    Role.PHOTOS: ("Photos", "the first is the main one"),
}

Option = tuple[str, str]


@dataclass(frozen=True)
class RoleField:
    """A role with a select for each of its columns; one that is empty adds a further column."""

    role: Role
    label: str
    hint: str
    selected: Sequence[str]
    further: Sequence[str] = ()


def kinds() -> list[tuple[str, list[Option]]]:
    """What a file may be read as: what was saved by name, then the profiles."""
    saved = [
        (f"{SAVED}{pk}", name)
        for pk, name in CatalogueSource.objects.order_by("name").values_list("pk", "name")
    ]
    profiles = [(one.name, one.title) for one in PROFILES.values()]
    return [*([("Saved mappings", saved)] if saved else []), ("Known exports", profiles)]


def saved_as(kind: str) -> str:
    """The name of the saved mapping that this is; "" where it is none."""
    source = _source(kind)
    return source.name if source else ""


def choice_for(kind: str) -> Choice:
    """How files of this kind are read. Raises `MappingError` for one that is gone."""
    if not kind.startswith(SAVED):
        return Choice(kind)
    source = _source(kind)
    if source is None:
        raise saved_mappings.MappingError("This saved mapping is gone; choose another.")
    return saved_mappings.choice_of(source)


def guesses(kind: str) -> bool:
    """Whether the model may guess new categories of such files, as was saved."""
    source = _source(kind)
    return source is not None and source.guess_categories


def wanted(form: QueryDict, pending: Pending) -> Pending:
    """As the form says: the very same where it says what was shown. Raises `MappingError`.

    With `look` in it, a guess stays one.
    """
    kind = form.get("profile", "")
    if kind != pending.kind:  # its columns are those of another kind
        return replace(
            pending,
            kind=kind,
            choice=choice_for(kind),
            is_settled=True,
            guess_categories=guesses(kind) if kind.startswith(SAVED) else pending.guess_categories,
        )
    # Each column once, in order.
    columns = {role: list(dict.fromkeys(filter(None, form.getlist(role)))) for role in Role}
    is_shown = all(columns[role] == list(pending.shown.get(role, ())) for role in Role)
    is_settled = pending.is_settled or "look" not in form
    if is_shown and is_settled == pending.is_settled:
        return pending
    return replace(pending, choice=Choice(pending.choice.profile, columns), is_settled=is_settled)


def fields(columns: Columns) -> list[RoleField]:
    """One for each role, as the file is read."""
    made = []
    for role, (label, hint) in _ROLES.items():
        own = list(columns.get(role, ()))
        if role == Role.PHOTOS:
            shown, further = own[:_PHOTO_SELECTS], own[_PHOTO_SELECTS:]
            made.append(RoleField(role, label, hint, shown if further else [*shown, ""], further))
        else:
            made.append(RoleField(role, label, hint, own or [""]))
    return made


def options(file_columns: Sequence[Column], columns: Columns) -> list[Option]:
    """The columns that may be chosen: those that a form can name, and all that are in use."""
    used = {title for own in columns.values() for title in own}
    titles = [column.title for column in file_columns]
    named = [title for title in titles if title.isprintable()]
    offered = {*[title for title in named if len(title) <= _TITLE_AT_MOST][:_OFFERED], *used}
    return [(title, shown_title(title)) for title in named if title in offered]


def roles_of(columns: Columns) -> Mapping[str, str]:
    """What each column in use means, for people."""
    meaning: dict[str, str] = {}
    for role, own in columns.items():
        for title in own:
            said = meaning.get(title)
            meaning[title] = f"{said}, {_ROLES[role][0]}" if said else _ROLES[role][0]
    return meaning


def _source(kind: str) -> CatalogueSource | None:
    key = kind.removeprefix(SAVED)
    if not kind.startswith(SAVED) or not key.isdecimal() or len(key) > 18:
        return None
    return CatalogueSource.objects.filter(pk=int(key)).first()
