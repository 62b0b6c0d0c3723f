"""What a version may be used for and what it reads, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.clip import families
from moderation.clip.checkpoints import checkpoint, known
from moderation.clip.errors import ModelError
from moderation.clip.texts import language
from moderation.models import ModelVersion

_UNKNOWN = "not known"
_BUNDLED_LICENCE = "see its model card"


@dataclass(frozen=True)
class Facts:
    """In words: the family, the licence with whom it keeps out, the languages, a note."""

    family: str
    licence: str
    languages: str
    note: str = ""


def of(version: ModelVersion) -> Facts:
    """What is known of a version; a trained one has the licence of the model it began with."""
    first = origin(version)
    found = known.find(first.location)
    licence = _BUNDLED_LICENCE if first.source == ModelVersion.Source.BUNDLED else _UNKNOWN
    if found is not None:
        licence = f"{found.licence} ({found.limits})" if found.limits else found.licence
    if first != version:
        licence = f"{licence}, as {first.name}"
    if found is not None and version.languages == [*found.languages]:
        reads = found.reads
    else:
        reads = ", ".join(language.NAMES.get(code, code) for code in version.languages) or _UNKNOWN
    return Facts(_family(version, found), licence, reads, found.note if found else "")


def origin(version: ModelVersion) -> ModelVersion:
    """The version that was not trained here from which this one comes."""
    while version.parent is not None:
        version = version.parent
    return version


def refuse_unaccepted(version: ModelVersion) -> None:
    """Raise `LicenceNotAccepted` where the licence of its first weights keeps some shops out."""
    known.refuse_unaccepted(origin(version).location)


def _family(version: ModelVersion, found: known.KnownModel | None) -> str:
    """By its configuration, if it is on this machine."""
    if found is not None:
        return found.family
    try:
        resolved = checkpoint.resolve(
            version.location, revision=version.revision or None, local_only=True
        )
        return families.of(resolved.folder).name
    except ModelError:
        return _UNKNOWN
