"""Decisions become labels: photo, text, 1 (match) or 0 (mismatch), and where each label is from.

Which decisions become labels, and how honest each is:

- A decision that stands (neither undone nor corrected) gives one row, with the photo and text as
  they were judged. Where one content of a product was decided more than once, the newest counts;
  filters choose among these, so no filter brings back a verdict that was overruled.
- "Cannot be told from the photo" is no evidence of a match: those rows are left out and counted.
- A confirmed mismatch stays a 0 also where the photo is unusable or the text too vague: the pair
  is one that a shop wants flagged. `reason` and `wrong_side` let training choose otherwise.
- `stratum` and `sampling_probability` tell how the product came to be judged. Labels of flagged
  products alone say nothing about what the model missed.
- Moderators appear as their number ("m17"), not by name: a label file travels further than the
  database, and only who has the database can tell who it was.
- `category` is the product's present one.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db.models import Exists, F, OuterRef

from moderation.models import Decision
from moderation.models.querysets import DecisionQuerySet

from .dataset_files import COLUMNS, FORMATS, Row, label_file, zip_folder
from .dataset_manifest import Filters, Manifest, utc_text
from .lookup import category_by_name, version_by_name

LABELS = {Decision.Verdict.DISMISS: 1, Decision.Verdict.CONFIRM: 0}

EVERYTHING = Filters()

Progress = Callable[[int, int], None]


class DatasetError(Exception):
    """An export that cannot be made; `str(error)` is a sentence for people."""


def export(
    folder: Path,
    *,
    filters: Filters = EVERYTHING,
    format: str = "csv",
    with_images: bool = True,
    progress: Progress | None = None,
) -> Manifest:
    """Write labels.FORMAT, images/ and manifest.json into a new folder, whole or not at all.

    Without images, `image_path` is the photo's path in the media folder. `progress` is called
    with (decisions done, decisions in all). Raises `DatasetError`, `UnknownName`.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(f"{folder} exists and is not empty; choose a new folder.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            unfinished = Path(scratch) / "export"
            manifest = _write(unfinished, filters, format, with_images, progress)
            unfinished.rename(folder)
    except OSError as error:
        raise DatasetError(
            f"{folder} cannot be written ({error.strerror}); choose another folder."
        ) from error
    return manifest


def export_zip(
    target: IO[bytes],
    *,
    filters: Filters = EVERYTHING,
    format: str = "csv",
    with_images: bool = True,
    progress: Progress | None = None,
) -> Manifest:
    """The same as a zip archive, written into an open binary file; same decisions, same bytes."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "export"
        manifest = _write(folder, filters, format, with_images, progress)
        zip_folder(folder, target)
    return manifest


def _write(
    folder: Path, filters: Filters, format: str, with_images: bool, progress: Progress | None
) -> Manifest:
    if format not in FORMATS:
        raise DatasetError(f"The format {format} is unknown; choose {', '.join(FORMATS)}.")
    decisions = _chosen(filters)
    total = decisions.count()
    folder.mkdir()
    labels = folder / f"labels.{format}"
    manifest = Manifest(filters, labels.name, with_images)
    with label_file(labels) as write:
        for done, decision in enumerate(_walk(decisions), 1):
            if row := _label(decision, manifest, folder=folder):
                write(row)
            if progress and (done % 100 == 0 or done == total):
                progress(done, total)
    if not manifest.rows:
        raise DatasetError("No decision gives a label here; decide some items or filter less.")
    with labels.open("rb") as file:
        manifest.label_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    about = json.dumps(manifest.as_json(), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / "manifest.json").write_text(about + "\n", encoding="utf-8")
    return manifest


def _chosen(filters: Filters) -> DecisionQuerySet:
    newer = Decision.objects.standing().filter(
        analysis__product=OuterRef("analysis__product"),
        analysis__content_hash=OuterRef("analysis__content_hash"),
        pk__gt=OuterRef("pk"),
    )
    chosen = Decision.objects.standing().filter(~Exists(newer), verdict__in=LABELS)
    if filters.since is not None:
        chosen = chosen.filter(created_at__gte=filters.since)
    if filters.until is not None:
        chosen = chosen.filter(created_at__lt=filters.until)
    if filters.category is not None:
        chosen = chosen.filter(analysis__product__category=category_by_name(filters.category))
    if filters.model is not None:
        chosen = chosen.filter(analysis__model_version=version_by_name(filters.model))
    if filters.verdict is not None:
        chosen = chosen.filter(verdict=filters.verdict)
    if filters.decision_ids is not None:
        chosen = chosen.filter(pk__in=filters.decision_ids)
    return chosen


def _walk(decisions: DecisionQuerySet) -> Iterator[Mapping[str, Any]]:
    """Plain rows, oldest decision first, a few at a time."""
    return (
        decisions.order_by("pk")
        .values(
            "pk",
            "verdict",
            "reason",
            "wrong_side",
            "moderator_id",
            "created_at",
            text=F("analysis__text"),
            image=F("analysis__image"),
            image_sha256=F("analysis__image_sha256"),
            content_hash=F("analysis__content_hash"),
            similarity=F("analysis__similarity"),
            p_mismatch=F("analysis__p_mismatch"),
            threshold_used=F("analysis__threshold_used"),
            product_id=F("analysis__product__external_id"),
            category=F("analysis__product__category__name"),
            model_version=F("analysis__model_version__name"),
            weights_sha256=F("analysis__model_version__weights_sha256"),
            stratum=F("item__stratum"),
            sampling_probability=F("item__sampling_probability"),
        )
        .iterator(chunk_size=2000)
    )


def _label(decision: Mapping[str, Any], manifest: Manifest, *, folder: Path) -> Row | None:
    """The row of a decision, its photo copied; None (and a count) where it gives no label."""
    if decision["reason"] == Decision.Reason.UNCLEAR:
        manifest.unclear += 1
        return None
    image_path = _photo(decision, manifest, folder=folder)
    if image_path is None:
        manifest.without_photo.append(decision["product_id"])
        return None
    label = LABELS[decision["verdict"]]
    manifest.matches += label
    manifest.mismatches += 1 - label
    row = {
        **decision,
        "image_path": image_path,
        "label": label,
        "category": decision["category"] or "",
        "decision_id": decision["pk"],
        "moderator": f"m{decision['moderator_id']}",
        "decided_at": utc_text(decision["created_at"]),
    }
    return {column: row[column] for column in COLUMNS}


def _photo(decision: Mapping[str, Any], manifest: Manifest, *, folder: Path) -> str | None:
    """The `image_path` of the row, or None where the photo that was judged is not there."""
    stored, sha256 = Path(settings.MEDIA_ROOT) / decision["image"], decision["image_sha256"]
    if not manifest.with_images:
        return decision["image"] if stored.is_file() else None
    name = f"images/{sha256[:2]}/{sha256}{stored.suffix}"
    if name in manifest.images:
        return name
    try:
        data = stored.read_bytes()
    except FileNotFoundError:
        return None
    if hashlib.sha256(data).hexdigest() != sha256:
        return None
    copy = folder / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(data)
    manifest.images.add(name)
    return name
