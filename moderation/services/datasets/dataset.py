"""Decisions become labels: photo, text, 1 (match) or 0 (mismatch), and where each label is from.

Which decisions become labels, and how honest each is:

- A person's decision that stands (neither undone nor corrected) gives one row, with the photo and
  text as they were judged. Where one content of a product was decided more than once, the newest
  counts; filters choose among these, so no filter brings back a verdict that was overruled.
- Of a listing with several photos each judged pair is a row of its own: `photo` is the number of
  the photo that was judged, the main one being 1.
- What a band's automatic action confirmed is the model's own word, and no label.
- "Cannot be told from the photo" is no evidence of a match: those rows are excluded and counted.
- A confirmed mismatch stays a 0 also where the photo is unusable or the text too vague: the pair
  is one that a shop wants flagged. `reason` and `wrong_side` let training choose otherwise.
- `stratum` and `sampling_probability` tell why the product came into the queue, `in_audit` and
  `picked_by` how it came to be judged. Labels of flagged products alone say nothing about what the
  model missed.
- `analysis_weight`: for how many products of the present catalogue the label stands
  (`estimates.weights`). It is what estimates are made with; `sampling_probability` is not.
- Moderators appear as their number ("m17"), not by name: a label file travels further than the
  database, and only who has the database can tell who it was.
- `category` is the product's present one.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from moderation.clip.atomic import filled
from moderation.models import Decision, ReviewItem

from ..estimates import weights
from ..estimates.weights import Weights
from ..rules import many_photos, photos, photos_away
from . import imagefolder
from .dataset_files import COLUMNS, zip_folder
from .dataset_manifest import Filters, Manifest, sha256_of, utc_text
from .dataset_rows import chosen, label_of, walk
from .formats import DEFAULT, FORMATS, Row, file_name

EVERYTHING = Filters()

Progress = Callable[[int, int], None]


class DatasetError(Exception):
    """An export that cannot be made; `str(error)` is a sentence for people."""


def export(
    folder: Path,
    *,
    filters: Filters = EVERYTHING,
    format: str = DEFAULT,
    with_images: bool = True,
    progress: Progress | None = None,
) -> Manifest:
    """Write the label file, images/ and manifest.json into a new folder, whole or not at all.

    With images also metadata.parquet, see `imagefolder`; without, `image_path` is the photo's path
    in the media folder. `progress` is called with (decisions done, decisions in all). Raises
    `DatasetError`, `UnknownName`.
    """
    with new_folder(folder) as unfinished:
        return _write(unfinished, filters, format, with_images, progress)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yields a folder to fill, which becomes `folder` at the end.

    Raises `DatasetError` where there is something already, or where it cannot be written.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(f"{folder} exists and is not empty; choose a new folder.")
    try:
        with filled(folder) as unfinished:
            yield unfinished
    except OSError as error:
        raise DatasetError(
            f"{folder} cannot be written ({error.strerror}); choose another folder."
        ) from error


def export_zip(
    target: IO[bytes],
    *,
    filters: Filters = EVERYTHING,
    format: str = DEFAULT,
    with_images: bool = True,
    progress: Progress | None = None,
) -> Manifest:
    """The same as a zip archive, written into an open binary file; same decisions, same bytes."""
    with tempfile.TemporaryDirectory() as scratch:
        manifest = _write(Path(scratch), filters, format, with_images, progress)
        zip_folder(Path(scratch), target)
    return manifest


def _write(
    folder: Path, filters: Filters, format: str, with_images: bool, progress: Progress | None
) -> Manifest:
    if format not in FORMATS:
        raise DatasetError(f"The format {format} is unknown; choose {', '.join(FORMATS)}.")
    decisions = chosen(filters)
    total = decisions.count()
    labels = folder / file_name(format)
    stand_for = weights.of_labels()
    manifest = Manifest(
        filters,
        labels.name,
        with_images,
        products=stand_for.products,
        without_weights=stand_for.why_not,
    )
    with ExitStack() as files:
        writers = [files.enter_context(FORMATS[format](labels, COLUMNS))]
        if with_images:
            writers.append(files.enter_context(imagefolder.metadata_file(folder, COLUMNS)))
        ask: Callable[[str], Any] = photos.read if with_images else photos.exists
        found = files.enter_context(walk(decisions))
        rows = many_photos.beside(found, partial(_asked_for, manifest), ask=ask)
        files.enter_context(closing(rows))
        for done, (decision, photo) in enumerate(rows, 1):
            row = _label(decision, manifest, stand_for, folder=folder, photo=photo)
            if row:
                for write in writers:
                    write(row)
            if progress and (done % 100 == 0 or done == total):
                progress(done, total)
    if not manifest.rows:
        raise DatasetError("No decision gives a label here; decide some items or filter less.")
    manifest.label_sha256 = sha256_of(labels)
    if with_images:
        manifest.metadata_sha256 = sha256_of(folder / imagefolder.FILE)
    about = json.dumps(manifest.as_json(), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / "manifest.json").write_text(about + "\n", encoding="utf-8")
    return manifest


def _asked_for(manifest: Manifest, decision: Mapping[str, Any]) -> str | None:
    """The photo of a decision, where it gives a label and is not copied yet."""
    is_wanted = Decision.Reason.are_labels(decision["reason"])
    return decision["image"] if is_wanted and _copy(decision) not in manifest.images else None


def _copy(decision: Mapping[str, Any]) -> str:
    sha256 = decision["image_sha256"]
    return f"images/{sha256[:2]}/{sha256}{Path(decision['image']).suffix}"


def _label(
    decision: Mapping[str, Any],
    manifest: Manifest,
    stand_for: Weights,
    *,
    folder: Path,
    photo: Callable[[], Any],
) -> Row | None:
    """The row of a decision, its photo copied; None (and a count) where it gives no label."""
    if not Decision.Reason.are_labels(decision["reason"]):
        manifest.unclear += 1
        return None
    image_path = _photo(decision, manifest, folder=folder, photo=photo)
    if image_path is None:
        manifest.without_photo.append(decision["product_id"])
        return None
    label = label_of(decision["verdict"])
    manifest.matches += label
    manifest.mismatches += 1 - label
    row = {
        **decision,
        "image_path": image_path,
        "label": label,
        "category": decision["category"] or "",
        "decision_id": decision["pk"],
        "stratum": decision["stratum"] or ReviewItem.Stratum.FLAGGED,  # older than the audit
        "in_audit": int(decision["in_audit"]),
        "analysis_weight": round(stand_for.of(decision["pk"]), 6),
        "moderator": f"m{decision['moderator_id']}",
        "decided_at": utc_text(decision["created_at"]),
    }
    return {column: row[column] for column in COLUMNS}


def _photo(
    decision: Mapping[str, Any], manifest: Manifest, *, folder: Path, photo: Callable[[], Any]
) -> str | None:
    """The `image_path` of the row, or None where the photo that was judged is not there."""
    stored, sha256 = decision["image"], decision["image_sha256"]
    if not manifest.with_images:
        if not photo():
            photos_away.check_names([stored])
            return None
        return stored
    name = _copy(decision)
    if name in manifest.images:
        return name
    try:
        data = photo()
    except OSError:
        photos_away.check_names([stored])
        return None
    if hashlib.sha256(data).hexdigest() != sha256:
        return None
    copy = folder / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(data)
    manifest.images.add(name)
    return name
