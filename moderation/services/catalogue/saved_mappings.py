"""What the columns of a file mean, kept by name for the next file of the same kind."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from moderation import acts
from moderation.models import CatalogueSource

from .catalogue_formats import listed
from .column_mapping import Choice, ColumnMapping
from .profiles import Role

NAME_AT_MOST = 100
_NAMES_TOLD = 20


class MappingError(Exception):
    """`str(error)` says what is wrong and what to do."""


class MappingNameInUse(MappingError):
    """There is a mapping of this name, and it was not said that it be replaced."""


def choice_of(source: CatalogueSource) -> Choice:
    """How its files are read. A role that this release does not know is passed over."""
    columns = {Role(role): own for role, own in source.columns.items() if role in list(Role)}
    return Choice(source.profile, columns)


def named(name: str) -> CatalogueSource:
    """Raises `MappingError`, which names those that there are."""
    source = CatalogueSource.objects.filter(name=name).first() if "\0" not in name else None
    if source is None:
        raise MappingError(f"No mapping is saved as {name}; {_there_are()}.")
    return source


def check_name(name: str, *, replace: bool = False) -> str:
    """The name without spaces around it, as `save` would take it. Raises `MappingError`."""
    name = name.strip()
    if not name or len(name) > NAME_AT_MOST or not name.isprintable():
        raise MappingError(
            f"A mapping is saved by a name of 1 to {NAME_AT_MOST} letters, in one line."
        )
    if not replace and CatalogueSource.objects.filter(name=name).exists():
        raise _in_use(name)
    return name


def save(
    name: str,
    mapping: ColumnMapping,
    *,
    by: User | None,
    guess_categories: bool = False,
    replace: bool = False,
) -> CatalogueSource:
    """Keep how a file is read; one of the same name only with `replace`. Raises `MappingError`."""
    name = check_name(name, replace=replace)
    choice = mapping.choice
    read = {
        "profile": choice.profile,
        "columns": {role.value: list(own) for role, own in choice.columns.items()},
        "guess_categories": guess_categories,
    }
    with transaction.atomic():
        source, is_new = CatalogueSource.objects.get_or_create(
            name=name, defaults=read | {"created_by": by}
        )
        if not is_new:
            if not replace:  # somebody else took the name meanwhile
                raise _in_use(name)
            # Read otherwise, an unchanged file is another one.
            CatalogueSource.objects.filter(pk=source.pk).update(**read, etag="", last_modified="")
            source.refresh_from_db()
        acts.note("saved mapping", by=by, source=source.pk, replaced=not is_new)
    return source


def _in_use(name: str) -> MappingNameInUse:
    return MappingNameInUse(f"A mapping is saved as {name} already; choose another name.")


def _there_are() -> str:
    names = list(CatalogueSource.objects.values_list("name", flat=True)[: _NAMES_TOLD + 1])
    if not names:
        return "none is saved yet"
    more = ["others"] if len(names) > _NAMES_TOLD else []
    return (
        f"there {'is' if len(names) == 1 else 'are'} {listed(names[:_NAMES_TOLD] + more, by='and')}"
    )
