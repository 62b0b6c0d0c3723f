"""Read a catalogue file: what its profile is, and its listings chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from moderation.clip.data.tables.encodings import UnreadableTable, printable

from .catalogue_formats import ENDINGS, CatalogueFileError, Content, format_of, listed
from .column_mapping import RECOGNISE, Choice, ColumnMapping, fits, mapping_of
from .listing_rows import ListingRow, Listings
from .profiles import Role


@dataclass(frozen=True)
class CatalogueFile:
    """A file that was looked through once: its columns are right and its listings are counted.

    `assumed` says in one line how it was read, where that is not what its ending promises.
    `variant_count` rows are variants of a listing.
    """

    mapping: ColumnMapping
    used: tuple[str, ...]
    ignored: tuple[str, ...]
    assumed: str
    row_count: int
    variant_count: int
    listings: Listings

    def chunks(self, size: int) -> Iterator[list[ListingRow]]:
        """At most `size` listings at a time.

        `line` is where a listing starts, counted from 1 with the header (Parquet, which has no
        lines: the row's number).
        """
        rows = iter(self.listings)
        while chunk := list(islice(rows, size)):
            yield chunk

    def column_of(self, field: str) -> str:
        """The file's own name for a field of a listing."""
        mapping = self.mapping
        columns = {
            "product_id": mapping.first(Role.ID),
            "text": mapping.first(Role.TITLE, Role.DESCRIPTION),
            "category": mapping.first(Role.CATEGORY),
            "seller": mapping.first(Role.SELLER),
            "image_path": mapping.first(Role.PHOTOS),
        }
        return columns.get(field) or field

    def title_of(self, column: str) -> str:
        """A column of the file as it writes it."""
        return self.listings.content.title_of(column)


def open_catalogue(path: Path, *, choice: Choice = RECOGNISE) -> CatalogueFile:
    """Look through the whole file once. Raises `CatalogueFileError`."""
    content = content_of(path, choice)
    with faults_told(path):
        mapping = mapping_of(path, content, choice)
    return catalogue_of(path, content, mapping)


def content_of(path: Path, choice: Choice) -> Content:
    """Its columns, whatever they mean. Raises `CatalogueFileError`."""
    if not path.is_file():
        raise CatalogueFileError(f"{path} is not a file; give the path of a catalogue file.")
    format = format_of(path)
    if format is None:
        raise CatalogueFileError(
            f"{path.name} has the ending {path.suffix.lower() or '(none)'}; "
            f"{listed(ENDINGS, by='and')} are accepted."
        )
    with faults_told(path):
        return format.read(path, fits(choice))


def catalogue_of(path: Path, content: Content, mapping: ColumnMapping) -> CatalogueFile:
    """The listings of a file whose columns are known; looks through the whole of it."""
    listings = Listings(content, mapping)
    with faults_told(path):
        listings.look_through()
    if not listings.count:
        raise CatalogueFileError(f"{path.name} has no rows.")
    return CatalogueFile(
        mapping=listings.mapping,
        used=listings.used,
        ignored=tuple(
            printable(title) for title in content.titles if title and title not in listings.used
        ),
        assumed=content.assumed(),
        row_count=listings.count,
        variant_count=listings.variants,
        listings=listings,
    )


@contextmanager
def faults_told(path: Path) -> Iterator[None]:
    """What a disk or a damaged file does becomes a `CatalogueFileError`."""
    try:
        yield
    except UnreadableTable as error:
        raise CatalogueFileError(str(error)) from error
    except OSError as error:
        raise CatalogueFileError(f"{path.name} cannot be read ({error.strerror}).") from error
