"""How a file is read, for people to look at; and what has to be asked before it can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from moderation.clip.data.tables.delimited import column_name

from .catalogue_file import CatalogueFile, catalogue_of, content_of, faults_told
from .catalogue_formats import CatalogueFileError, Content, listed
from .column_guesses import Column, columns_of, guessed
from .column_mapping import NEEDED, Choice, NotRecognised, RolesMissing, SeveralFit, mapping_of
from .profiles import PROFILES, Role, found


@dataclass(frozen=True)
class Outline:
    """The columns of a file, and what they mean.

    `question` is a sentence where that is not certain: `choice` and `columns` are a guess then, and
    `file` is None where the guess is not enough to read it.
    """

    file_columns: Sequence[Column]
    choice: Choice
    columns: Mapping[Role, Sequence[str]]
    file: CatalogueFile | None
    question: str = ""


def outline(path: Path, choice: Choice) -> Outline:
    """Raises `CatalogueFileError` where the file cannot be read whatever its columns mean."""
    content = content_of(path, choice)
    with faults_told(path):
        columns = columns_of(content)
        if not any(column.samples for column in columns):
            raise CatalogueFileError(f"{path.name} has no rows.")
        try:
            mapping = mapping_of(path, content, choice)
        except CatalogueFileError as error:
            return _asked(path, content, columns, choice, error)
    file = catalogue_of(path, content, mapping)
    return Outline(columns, choice, mapping.columns, file)


def _asked(
    path: Path,
    content: Content,
    columns: Sequence[Column],
    choice: Choice,
    error: CatalogueFileError,
) -> Outline:
    guess = _guess(columns, choice, error)
    try:
        mapping = mapping_of(path, content, guess)
    except CatalogueFileError:
        return Outline(columns, guess, guess.columns, None, _question(guess, error))
    file = catalogue_of(path, content, mapping)
    return Outline(columns, guess, mapping.columns, file, _question(guess, error))


def _guess(columns: Sequence[Column], choice: Choice, error: CatalogueFileError) -> Choice:
    """What was chosen, as far as the file has it; what a profile says; what columns look like."""
    titles = [column.title for column in columns]
    name = error.profiles[0].name if isinstance(error, SeveralFit) else choice.profile
    says = PROFILES[name].columns if name else {}
    meant = {role: found(titles, wanted) for role, wanted in says.items()}
    own = {column_name(title): title for title in titles}
    chosen = {
        role: [own[column_name(title)] for title in given if column_name(title) in own]
        for role, given in choice.columns.items()
    }
    # A role without a column was left empty; one whose columns this file lacks was not.
    chosen = {role: there for role, there in chosen.items() if there or not choice.columns[role]}
    meant |= chosen
    wanted = {role for role in Role if role not in chosen and not meant.get(role)}
    if name:  # which says itself what else there may be
        wanted &= {roles[0] for roles in NEEDED if not any(meant.get(role) for role in roles)}
    taken = {title for used in meant.values() for title in used}
    return Choice(name, meant | guessed(columns, wanted, taken=taken))


def _question(guess: Choice, error: CatalogueFileError) -> str:
    if isinstance(error, NotRecognised):
        return (
            "No known export has these columns. Which of them means what? A listing needs an id, "
            "photos, and a title or a description."
        )
    if isinstance(error, RolesMissing):
        return (
            f"The file lacks columns of {PROFILES[guess.profile].title}. Which stand for them? "
            "A listing needs an id, photos, and a title or a description."
        )
    if isinstance(error, SeveralFit):
        titles = [one.title for one in error.profiles]
        return (
            f"It may be {listed(titles, by='or')}: the file has the columns of each. Which is it? "
            f"Below it is read as {titles[0]}."
        )
    return str(error)
