"""What a session keeps of an upload, from one page of the import to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest

from moderation.services.catalogue.column_mapping import Choice
from moderation.services.catalogue.profiles import Role

from . import upload
from .upload import Upload

_KEY = "import_upload"

Columns = Mapping[Role, Sequence[str]]


@dataclass(frozen=True)
class Pending:
    """An upload, and how it was shown to be read.

    `kind` is what its select says: nothing, a profile or a saved mapping. `shown` are the columns
    of the selects, `addresses` those of the first photos. It `is_settled` once nothing has to be
    asked any more. `guess_categories`: those that are new become guesses.
    """

    files: Upload
    strict: bool
    kind: str
    choice: Choice
    shown: Columns = field(default_factory=dict)
    addresses: Sequence[str] = ()
    is_settled: bool = True
    guess_categories: bool = False


def keep(request: HttpRequest, pending: Pending) -> None:
    """In the place of what was kept before."""
    request.session[_KEY] = {
        "token": pending.files.token,
        "strict": pending.strict,
        "kind": pending.kind,
        "profile": pending.choice.profile,
        "columns": _plain(pending.choice.columns),
        "shown": _plain(pending.shown),
        "addresses": list(pending.addresses),
        "is_settled": pending.is_settled,
        "guess_categories": pending.guess_categories,
    }


def find(request: HttpRequest) -> Pending | None:
    """What this session is about to import; None where that is gone, or there is nothing.

    A form that was made for another upload, as in another tab, finds nothing.
    """
    kept = request.session.get(_KEY, {})
    files = upload.find(kept.get("token", ""))
    if files is None or "kind" not in kept or request.POST.get("token") != files.token:
        return None
    return Pending(
        files=files,
        strict=kept["strict"],
        kind=kept["kind"],
        choice=Choice(kept["profile"], _by_role(kept["columns"])),
        shown=_by_role(kept["shown"]),
        addresses=kept["addresses"],
        is_settled=kept["is_settled"],
        guess_categories=_ticked(request, before=kept.get("guess_categories", False)),
    )


def _ticked(request: HttpRequest, *, before: bool) -> bool:
    """As the box says, where the form has it: a box that is not ticked is not sent."""
    has_box = "asks_guess_categories" in request.POST
    return "guess_categories" in request.POST if has_box else before


def forget(request: HttpRequest) -> None:
    """With the files."""
    files = upload.find(request.session.pop(_KEY, {}).get("token", ""))
    if files:
        files.remove()


def _plain(columns: Columns) -> dict[str, list[str]]:
    return {role.value: list(own) for role, own in columns.items()}


def _by_role(columns: Mapping[str, Sequence[str]]) -> dict[Role, list[str]]:
    return {Role(role): list(own) for role, own in columns.items()}
