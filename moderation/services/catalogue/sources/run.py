"""One run of a source: read, import what is new or changed, then see to what is gone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from moderation.clip.errors import ModelError
from moderation.models import CatalogueSource, Product, SourceRun

from ...worker.patience import GONE
from .. import saved_mappings
from ..catalogue_formats import CatalogueFileError
from ..catalogue_import import Progress, import_catalogue
from ..import_report import ImportReport
from . import due, missing, photos, reading, whole
from .problems import Interrupted, Lost, SourceError
from .reading import Reading
from .seen import Seen

logger = logging.getLogger(__name__)

State = SourceRun.State


def work(
    run: SourceRun,
    owner: str,
    *,
    file: Path | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    progress: Progress | None = None,
) -> None:
    """Do a claimed run to its end, whatever that is; told to stop, it waits for another process.

    `file` stands in for the source's address. A database that goes away raises its error.
    """
    try:
        with due.kept(run, owner):
            _Run(run, owner, should_stop).go(file, progress)
    except Lost:
        logger.warning("%s is in other hands by now", run)
    except Interrupted:
        due.give_back(run, owner)
    except GONE:
        raise  # another process takes the run when the database is back
    except SourceError as error:
        _fail(run, owner, str(error))
        if error.wait is not None:
            due.try_again(run.source, wait=error.wait)
    except (CatalogueFileError, ModelError) as error:
        _fail(run, owner, str(error))
    except Exception as error:
        logger.exception("%s failed", run)
        _fail(run, owner, f"An error of clipmod ({type(error).__name__}); the log says more.")
    except BaseException:  # a signal
        due.give_back(run, owner)
        raise


def _fail(run: SourceRun, owner: str, sentence: str) -> None:
    try:
        due.end(run, owner, state=State.FAILED, error=sentence[:1000])
    except Lost:
        logger.warning("%s is in other hands by now", run)


class _Run:
    def __init__(self, run: SourceRun, owner: str, should_stop: Callable[[], bool]) -> None:
        self.run, self.source, self.owner = run, run.source, owner
        self.check = due.check_for(should_stop)

    def go(self, file: Path | None, progress: Progress | None) -> None:
        if self.run.answer:
            missing.withdraw(self.run, self.owner, check=self.check)
            self._end(State.DONE)
            return
        if self.run.known is None:  # before the first row, whichever process came so far
            self.run.known = missing.known(self.source)
            due.renew(self.run, self.owner, known=self.run.known)
        with reading.opened(self.source, file=file, check=self.check) as found:
            if found is None:
                self._end(State.NOTHING_NEW)
                return
            seen = Seen(self.run, self.owner, check=self.check)
            report = import_catalogue(
                found.path,
                choice=saved_mappings.choice_of(self.source),
                image_base_path=found.photos,
                allow_absolute=self.source.is_anywhere or file is not None,
                source=Product.Source.IMPORT,
                guess_categories=self.source.guess_categories,
                by=self.run.by,
                progress=progress,
                watch=seen,
            )
            doubt = whole.doubt(self.run, found, report, seen)
            self._write_down(found, report, seen, is_whole=not (doubt or report.stopped))
        if report.stopped:
            raise SourceError(f"Stopped before the end of the file: {report.stopped}", wait=0.0)
        if not report.good:
            raise SourceError(f"{found.name} has no good row; the causes are listed.")
        self._see_to_what_is_gone(found, doubt)

    def _write_down(
        self, found: Reading, report: ImportReport, seen: Seen, *, is_whole: bool
    ) -> None:
        self.run.refresh_from_db(fields=["created", "updated", "withdrawn"])
        due.renew(
            self.run,
            self.owner,
            # What a process before this one created or updated counts as that.
            unchanged=max(report.good - self.run.created - self.run.updated, 0),
            bad=len(report.bad_rows),
            problems=seen.causes.as_json(),
            read={
                "file": found.name[:255],
                "bytes": found.path.stat().st_size,
                whole.WHOLE: is_whole,
                whole.LINE_BREAK: found.is_of_lines and found.ends_in_line_break,
            },
        )

    def _remember(self, found: Reading) -> None:
        """Asked with the next time; not of a file in doubt, which is read again."""
        CatalogueSource.objects.filter(pk=self.source.pk).update(
            etag=found.etag, last_modified=found.last_modified
        )

    def _see_to_what_is_gone(self, found: Reading, doubt: str) -> None:
        missing.close_older_questions(self.run)
        is_wanted = self.source.missing == missing.Missing.WITHDRAW
        if doubt:
            self._end(State.DONE, kept_because=doubt if is_wanted else "")
            return
        gone = self.run.withdrawn + missing.of(self.run).count()
        due.renew(self.run, self.owner, missing=gone)
        state = State.DONE
        if is_wanted and gone > self.source.most_missing_share * (self.run.known or 0):
            state = State.ASKS
        elif is_wanted:
            missing.withdraw(self.run, self.owner, check=self.check)
        self._remember(found)  # last: a process that takes over reads the file again
        self._end(state)

    def _end(self, state: SourceRun.State, **changes: object) -> None:
        if not self.run.answer:
            photos.ask(self.source)
        due.end(self.run, self.owner, state=state, **changes)
