"""Import a catalogue file: good rows go in, bad rows are reported, running it again updates.

Each chunk of rows is one short transaction, so a killed import leaves whole chunks only and the
database is never locked for long. Photos are read, checked and stored by threads, without a
database: a photo is stored under its own hash, so one that no product points at yet harms nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from django.contrib.auth.models import User
from django.db import OperationalError, transaction

from moderation import acts
from moderation.models import Category, ModelVersion, Product, key_of

from ..registry import versions
from ..rules import full_disk, many_photos
from . import dry_run_texts, intake_bulk
from .catalogue_file import CatalogueFile, open_catalogue
from .catalogue_photos import PhotoFolder
from .column_mapping import RECOGNISE, Choice
from .import_report import BadRow, ImportReport
from .intake import Outcome, Photo
from .intake_bulk import Stored
from .row_intake import Arrival, Candidate, RowIntake

CHUNK = 256
THREADS = 2

Progress = Callable[[int, int], None]


class Watch(Protocol):
    """Somebody who takes note of what an import finds, chunk by chunk."""

    def stored(self, stored: Stored) -> None:
        """Listings that were good; called in the transaction that stores them."""

    def refused(self, rows: Sequence[BadRow]) -> None:
        """Rows that were not taken."""


def import_catalogue(
    path: Path,
    *,
    choice: Choice = RECOGNISE,
    image_base_path: Path | None = None,
    dry_run: bool = False,
    strict: bool = False,
    source: str = Product.Source.IMPORT,
    guess_categories: bool = False,
    by: User | None = None,
    allow_absolute: bool = True,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> ImportReport:
    """Create or update a product per good row, and request an analysis where something is new.

    `choice` is what a person says of the file's profile and columns, else they are recognised.
    `image_base_path` (default: the file's folder) is where relative paths start; without
    `allow_absolute` no path leads out of it. `strict` stores nothing where any row is bad: the
    report then counts no good row. Categories that are new are there for filters and thresholds;
    with `guess_categories` the model may guess them, too. `progress` is called with (rows done,
    rows in all). To a `watch` bad rows are told as they come, and the report has them without their
    cells. Raises `CatalogueFileError` for an unreadable file, `NoActiveModel` before the set-up.
    """
    file = open_catalogue(path, choice=choice)
    version = None if dry_run else versions.current()
    folder = PhotoFolder(image_base_path or path.parent, only_inside=not allow_absolute)
    job = _Job(
        file,
        folder,
        source=source,
        guess_categories=guess_categories,
        version=version,
        progress=progress,
        watch=watch,
    )
    try:
        if strict and version is not None:
            job.run_strictly()
        else:
            job.run()
    except OperationalError as error:
        if not full_disk.is_full(error):
            raise
        job.report.stopped = f"The database has no room left ({error}); make some on its disk."
    if strict and (job.report.bad_rows or job.report.stopped):
        job.report.created = job.report.updated = job.report.unchanged = 0
    if not dry_run:
        acts.note(
            "imported",
            by=by,
            created=job.report.created,
            updated=job.report.updated,
            unchanged=job.report.unchanged,
            bad=len(job.report.bad_rows),
        )
    return job.report


class _Job:
    """One import. Without a model version it is a dry run: nothing is stored."""

    def __init__(
        self,
        file: CatalogueFile,
        folder: PhotoFolder,
        *,
        source: str,
        guess_categories: bool,
        version: ModelVersion | None,
        progress: Progress | None,
        watch: Watch | None,
    ) -> None:
        self.watch, self.guess_categories = watch, guess_categories
        self.known_categories = set(Category.objects.values_list("key", flat=True))
        self.file, self.folder, self.source, self.version = file, folder, source, version
        self.progress = progress or (lambda done, total: None)
        self.report = ImportReport(
            mapping=file.mapping,
            variants=file.variant_count,
            columns=file.used,
            ignored_columns=file.ignored,
            assumed=file.assumed,
            unread=dry_run_texts.unread() if version is None else None,
            read=dry_run_texts.read() if version is None else None,
        )

    def run(self) -> None:
        total = self.file.row_count
        for done, arrivals in self._chunks(keep=self.version is not None):
            self._count(self._store(arrivals))
            for listing, _ in arrivals:
                if self.report.read:
                    self.report.read.add(listing.text)
                if self.report.unread:
                    self.report.unread.add(listing.text)
            self.progress(done, total)

    def run_strictly(self) -> None:
        """Look at every row; only then keep the photos, and all rows in one transaction.

        The transaction holds no photo work, so it takes seconds even for a large file. The rows
        stay in memory for it, without their photos (about 1 KB a row).
        """
        count = self.file.row_count
        for done, _ in self._chunks(keep=False):
            self.progress(done, 2 * count)
        arrivals: list[Arrival] = []
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
    def _chunks(self, *, keep: bool) -> Iterator[tuple[int, list[Arrival]]]:
        """(rows read so far, the good ones of this chunk); bad ones go into the report."""
        reader = RowIntake(self.file, self.folder)
        self.report.photos_good = self.report.photos_to_fetch = done = 0
        self.report.photos_left_out = 0
        with ThreadPoolExecutor(many_photos.threads(THREADS)) as pool:
            for chunk in self.file.chunks(CHUNK):
                rows = [reader.check(row) for row in chunk]
                candidates = [row for row in rows if not isinstance(row, BadRow)]
                known = _known_photos([one.listing.external_id for one in candidates])
                looked = list(pool.map(partial(reader.look, known=known, keep=keep), candidates))
                bad = [row for row in [*rows, *looked] if isinstance(row, BadRow)]
                self._refuse(sorted(bad, key=lambda row: row.line))
                arrivals = [row for row in looked if not isinstance(row, BadRow)]
                self._count_photos(candidates, looked)
                self.report.stopped, self.report.last_line = reader.stopped, chunk[-1].line
                done += len(chunk)
                yield done, arrivals
                if self.report.stopped:
                    break
        self.report.warnings = reader.oddities.sentences()

    def _refuse(self, bad: Sequence[BadRow]) -> None:
        if self.watch and bad:
            self.watch.refused(bad)
            bad = [replace(row, rows=(), raw="") for row in bad]
        self.report.bad_rows += bad

    def _count_photos(
        self, candidates: Sequence[Candidate], looked: Sequence[Arrival | BadRow]
    ) -> None:
        for candidate, arrival in zip(candidates, looked, strict=True):
            if not isinstance(arrival, BadRow):
                listing, photo = arrival
                by_address = len(listing.addresses or ())
                files = (photo is not None) + len(listing.files)
                left_out = len(candidate.row.photos) - by_address - files
                self.report.photos_good += 1
                self.report.photos_to_fetch += by_address
                self.report.photos_left_out += left_out

    # ── Storing ───────────────────────────────────────────────────────────────────────────────
    def _store(self, arrivals: Sequence[Arrival]) -> list[Outcome]:
        for name in {listing.category for listing, _ in arrivals if listing.category}:
            if (key := key_of(name)) not in self.known_categories:
                self.report.new_categories.setdefault(key, name)
        return intake_bulk.store_and_request(
            arrivals,
            source=self.source,
            guess_categories=self.guess_categories,
            version=self.version,
            dry_run=self.version is None,
            note=self.watch.stored if self.watch else None,
        )

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        self.report.created += outcomes.count(Outcome.CREATED)
        self.report.updated += outcomes.count(Outcome.UPDATED)
        self.report.unchanged += outcomes.count(Outcome.UNCHANGED)


def _known_photos(external_ids: Sequence[str]) -> dict[str, Photo]:
    rows = Product.objects.filter(external_id__in=external_ids).values_list(
        "external_id", "image_sha256", "image"
    )
    return {external_id: Photo(sha256=sha256, name=name) for external_id, sha256, name in rows}
