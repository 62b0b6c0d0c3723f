"""Import a catalogue file: good rows go in, bad rows are reported, running it again updates.

Each chunk of rows is one short transaction, so a killed import leaves whole chunks only and the
database is never locked for long. Photos are read, checked and stored by threads, without a
database: a photo is stored under its own hash, so one that no product points at yet harms nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from moderation.models import ModelVersion, Product

from ..registry import versions
from ..scoring import analyze
from . import intake, intake_bulk
from .catalogue_file import CatalogueFile, open_catalogue
from .catalogue_photos import PhotoFolder
from .intake import IntakeError, Listing, Outcome, Photo

CHUNK = 256
THREADS = 2

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BadRow:
    """A row that was not taken. `column` is empty where the row as a whole is at fault."""

    line: int
    column: str
    reason: str


@dataclass
class ImportReport:
    """What became of the rows; after a dry run: what would become of them."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    ignored_columns: tuple[str, ...] = ()

    @property
    def good(self) -> int:
        return self.created + self.updated + self.unchanged


# A good row: its listing, and its photo as it is or will be in the media folder.
_Arrival = tuple[Listing, Photo]


def import_catalogue(
    path: Path,
    *,
    image_base_path: Path | None = None,
    dry_run: bool = False,
    strict: bool = False,
    source: str = Product.Source.IMPORT,
    allow_absolute: bool = True,
    progress: Progress | None = None,
) -> ImportReport:
    """Create or update a product per good row, and request an analysis where something is new.

    `image_base_path` (default: the file's folder) is where relative paths start; without
    `allow_absolute` no path leads out of it. `strict` stores nothing where any row is bad: the
    report then counts no good row. `progress` is called with (rows done, rows in all).
    Raises `CatalogueFileError` for an unreadable file, `NoActiveModel` before the set-up.
    """
    file = open_catalogue(path)
    version = None if dry_run else versions.current()
    folder = PhotoFolder(image_base_path or path.parent, only_inside=not allow_absolute)
    job = _Job(file, folder, source=source, version=version, progress=progress)
    if strict and version is not None:
        job.run_strictly()
    else:
        job.run()
    if strict and job.report.bad_rows:
        job.report.created = job.report.updated = job.report.unchanged = 0
    return job.report


# A row whose cells are right: its line, its listing, and the path of its photo.
_Candidate = tuple[int, Listing, str]


class _Job:
    """One import. Without a model version it is a dry run: nothing is stored."""

    def __init__(
        self,
        file: CatalogueFile,
        folder: PhotoFolder,
        *,
        source: str,
        version: ModelVersion | None,
        progress: Progress | None,
    ) -> None:
        self.file, self.folder, self.source, self.version = file, folder, source, version
        self.progress = progress or (lambda done, total: None)
        self.report = ImportReport(ignored_columns=file.ignored)

    def run(self) -> None:
        total = self.file.row_count
        for done, arrivals in self._chunks(keep=self.version is not None):
            self._count(self._store(arrivals))
            self.progress(done, total)

    def run_strictly(self) -> None:
        """Look at every row; only then keep the photos, and all rows in one transaction.

        The transaction holds no photo work, so it takes seconds even for a large file. The rows
        stay in memory for it, without their photos (about 1 KB a row).
        """
        count = self.file.row_count
        for done, _ in self._chunks(keep=False):
            self.progress(done, 2 * count)
        arrivals: list[_Arrival] = []
        if not self.report.bad_rows:
            for done, chunk in self._chunks(keep=True):
                arrivals += chunk
                self.progress(count + done, 2 * count)
        if self.report.bad_rows:  # also: a photo was removed between the two looks
            return
        with transaction.atomic():
            for start in range(0, count, CHUNK):
                self._count(self._store(arrivals[start : start + CHUNK]))

    # ── Reading ───────────────────────────────────────────────────────────────────────────────
    def _chunks(self, *, keep: bool) -> Iterator[tuple[int, list[_Arrival]]]:
        """(rows read so far, the good ones of this chunk); bad ones go into the report."""
        first_line: dict[str, int] = {}
        done = 0
        with ThreadPoolExecutor(THREADS) as pool:
            for frame in self.file.chunks(CHUNK):
                rows = [self._check(row, first_line) for row in frame.itertuples(index=False)]
                candidates = [row for row in rows if not isinstance(row, BadRow)]
                known = _known_photos([listing.external_id for _, listing, _ in candidates])
                looked = list(pool.map(partial(self._look, known=known, keep=keep), candidates))
                bad = [row for row in [*rows, *looked] if isinstance(row, BadRow)]
                self.report.bad_rows += sorted(bad, key=lambda row: row.line)
                done += len(frame)
                yield done, [row for row in looked if not isinstance(row, BadRow)]

    def _check(self, row: Any, first_line: dict[str, int]) -> _Candidate | BadRow:
        if row.problem is not None:
            return BadRow(row.line, row.problem.column, str(row.problem))
        try:
            listing = intake.check(
                Listing(row.product_id, row.text, None, category=row.category, seller=row.seller)
            )
            first = first_line.setdefault(listing.external_id, row.line)
            if first != row.line:
                raise IntakeError(
                    f"product_id {listing.external_id} stands on line {first} already; "
                    "keep one of the two rows.",
                    field="product_id",
                )
            return row.line, listing, row.image_path
        except IntakeError as error:
            return _bad(row.line, error)

    def _look(
        self, candidate: _Candidate, *, known: dict[str, Photo], keep: bool
    ) -> _Arrival | BadRow:
        """Read the photo of a row (in a thread)."""
        line, listing, image_path = candidate
        try:
            photo = self.folder.take(image_path, known=known.get(listing.external_id), keep=keep)
        except IntakeError as error:
            return _bad(line, error)
        return listing, photo

    # ── Storing ───────────────────────────────────────────────────────────────────────────────
    def _store(self, arrivals: Sequence[_Arrival]) -> list[Outcome]:
        try:
            return self._store_together(arrivals)
        except IntegrityError:
            # Somebody else created one of these products meanwhile: now it is there to update.
            return self._store_together(arrivals)

    def _store_together(self, arrivals: Sequence[_Arrival]) -> list[Outcome]:
        with transaction.atomic():
            stored = intake_bulk.store_many(
                arrivals, source=self.source, dry_run=self.version is None
            )
            new = [product for product, outcome in stored if outcome is not Outcome.UNCHANGED]
            if new and self.version is not None:
                analyze.request(new, version=self.version)
        return [outcome for _, outcome in stored]

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        self.report.created += outcomes.count(Outcome.CREATED)
        self.report.updated += outcomes.count(Outcome.UPDATED)
        self.report.unchanged += outcomes.count(Outcome.UNCHANGED)


def _bad(line: int, error: IntakeError) -> BadRow:
    return BadRow(line, "image_path" if error.field == "image" else error.field, str(error))


def _known_photos(external_ids: Sequence[str]) -> dict[str, Photo]:
    rows = Product.objects.filter(external_id__in=external_ids).values_list(
        "external_id", "image_sha256", "image"
    )
    return {external_id: Photo(sha256=sha256, name=name) for external_id, sha256, name in rows}
