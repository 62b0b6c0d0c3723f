"""Whether a file is whole: from a part of one nobody learns what is gone.

XML, Parquet and workbooks say where they end, and cannot be read otherwise. Lines do not.
"""

from __future__ import annotations

from moderation.models import SourceRun

from ..import_report import ImportReport
from .reading import Reading
from .seen import Seen

# Of what a run says of the file that it read.
WHOLE, LINE_BREAK = "whole", "line_break"


def doubt(run: SourceRun, reading: Reading, report: ImportReport, seen: Seen) -> str:
    """Why the file may be cut short, in a sentence; "" where nothing speaks for it."""
    if not reading.is_still():
        return "The file was changed while it was read."
    if seen.unread_line:
        return f"Line {seen.unread_line:,} cannot be read, so nobody knows which listing it is."
    if not reading.is_of_lines:
        return ""
    if not reading.tells_its_end:
        return "The host does not say how long the feed is, so its end may be missing."
    if reading.ends_in_line_break:
        return ""
    if any(row.line == report.last_line for row in report.bad_rows):
        return f"The last row (line {report.last_line:,}) is bad and its line has no end."
    if _ended_in_line_break_before(run):
        return "The last line has no end, which it had before."
    return ""


def _ended_in_line_break_before(run: SourceRun) -> bool:
    """Of the last file that was whole: one that is cut short may be read several times."""
    earlier = SourceRun.objects.filter(source=run.source_id, pk__lt=run.pk)
    last = earlier.filter(**{f"read__{WHOLE}": True}).values_list("read", flat=True).first()
    return bool(last and last.get(LINE_BREAK))
