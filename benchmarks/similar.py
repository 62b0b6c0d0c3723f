"""How many copies of a listing are found, and how many different products are taken for copies.

    python -m benchmarks.similar --catalogue ../shared/catalogue

Copies: photos that were compressed, resized, brightened or cropped. Different: pairs of the
catalogue's own photos. Vectors by the bundled model, or by the one in --model.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from moderation.clip.data import grouping, similar
from moderation.clip.encoder import Encoder

from .grouping import _cropped, _jpeg
from .machine import machine
from .shop_vectors import BUNDLED

SAMPLE = 300
_BLOCK = 1000

CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG quality 50": lambda photo: _jpeg(photo, 50),
    "half size": lambda photo: _jpeg(photo.resize((photo.width // 2, photo.height // 2)), 85),
    "double size": lambda photo: _jpeg(photo.resize((photo.width * 2, photo.height * 2)), 85),
    "8% brighter": lambda photo: _jpeg(ImageEnhance.Brightness(photo).enhance(1.08), 90),
    "1.3% cropped on each side": lambda photo: _jpeg(_cropped(photo, 0.0134), 90),
    "3% cropped on each side": lambda photo: _jpeg(_cropped(photo, 0.03), 90),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--catalogue", type=Path, default=Path("../shared/catalogue"))
    parser.add_argument("--model", type=Path, default=BUNDLED)
    options = parser.parse_args()
    rows = []
    for name in ("train.csv", "val.csv"):
        with (options.catalogue / name).open(encoding="utf-8", newline="") as file:
            rows += list(csv.DictReader(file))
    paths = [options.catalogue / row["image_path"] for row in rows]
    signatures = np.stack([grouping.signature(Image.open(path)) for path in paths])
    encoder = Encoder.load(options.model)
    print(machine())
    print(f"{len(rows):,} products, model {options.model.name}")
    _candidates(signatures)
    _copies(paths, signatures, encoder)
    _different(rows, paths, signatures, encoder)
    _titles(options.catalogue / "val_pairs.csv", encoder)


def _candidates(signatures: np.ndarray) -> None:
    bands = np.array([similar.bands(signature) for signature in signatures])
    counts = [
        np.any(
            [np.isin(bands[:, place], numbers) for place, numbers in enumerate(probes)], axis=0
        ).sum()
        for probes in map(similar.probes, signatures[:: len(signatures) // SAMPLE])
    ]
    print(f"photos that share a band: {np.mean(counts):.0f}, median {np.median(counts):.0f}")


def _copies(paths: Sequence[Path], signatures: np.ndarray, encoder: Encoder) -> None:
    sample = np.random.default_rng(0).choice(len(paths), SAMPLE, replace=False)
    photos = [Image.open(paths[place]).convert("RGB") for place in sample]
    vectors = encoder.encode_images(photos)
    print("copies found: by a band, by pixels, by vector, by all")
    for name, change in CHANGES.items():
        changed = [change(photo) for photo in photos]
        found = np.zeros((SAMPLE, 3), dtype=bool)
        cosines = np.einsum("ij,ij->i", vectors, encoder.encode_images(changed))
        for number, (place, photo) in enumerate(zip(sample, changed, strict=True)):
            own, copy = signatures[place], grouping.signature(photo)
            probes = zip(similar.bands(own), similar.probes(copy), strict=True)
            found[number] = (
                any(band in numbers for band, numbers in probes),
                similar.look_alike(copy, own[None])[0],
                cosines[number] >= similar.COSINE,
            )
        shares = (*found.mean(axis=0), found.all(axis=1).mean())
        print(f"  {name}: " + ", ".join(f"{share:.1%}" for share in shares))


def _different(
    rows: Sequence[dict[str, str]],
    paths: Sequence[Path],
    signatures: np.ndarray,
    encoder: Encoder,
) -> None:
    pairs = _looking_alike(signatures)
    bytes_of = {place: hashlib.sha256(paths[place].read_bytes()).digest() for place in pairs.flat}
    pairs = np.array([(i, j) for i, j in pairs.tolist() if bytes_of[i] != bytes_of[j]])
    places = sorted(set(pairs.flat))
    found = encoder.encode_files([paths[place] for place in places])
    vectors = {
        place: v for place, v in zip(places, found, strict=True) if isinstance(v, np.ndarray)
    }
    cosines = np.array([float(vectors[i] @ vectors[j]) for i, j in pairs.tolist()])
    categories = [f"{row['source']} {row['category']}" for row in rows]
    titles = [similar.title(row["text"]) for row in rows]
    other = np.array([categories[i] != categories[j] for i, j in pairs.tolist()])
    same = np.array([titles[i] == titles[j] for i, j in pairs.tolist()])
    near = cosines >= similar.COSINE
    print("pairs of photos with other bytes (of another category):")
    for name, which in (
        ("alike by pixels", np.ones(len(pairs), dtype=bool)),
        ("by vector too", near),
        ("by title too: one verdict", near & same),
    ):
        print(f"  {name}: {which.sum():,} ({(which & other).sum()})")


def _looking_alike(signatures: np.ndarray) -> np.ndarray:
    """[n, 2]: every pair whose pixels correlate enough, found without bands."""
    units = similar._centred(signatures).astype(np.float32)
    pairs = []
    for start in range(0, len(units), _BLOCK):
        one, two = np.nonzero(units[start : start + _BLOCK] @ units.T >= grouping.ALIKE)
        later = one + start < two
        pairs.append(np.stack([one[later] + start, two[later]], axis=1))
    return np.concatenate(pairs)


def _titles(table: Path, encoder: Encoder) -> None:
    """Cosine of a title with its words turned round, with another first word (in the fashion
    titles the brand), and with its colour swapped.
    """
    true: dict[str, str] = {}
    swapped: dict[str, str] = {}
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] in ("match", "attribute"):
                (true if row["kind"] == "match" else swapped)[row["image_path"]] = row["text"]
    both = sorted(true.keys() & swapped.keys())
    words = [true[name].split() for name in both]
    brands = words[1:] + words[:1]
    turned = [(" ".join(own), " ".join(reversed(own))) for own in words]
    renamed = [
        (" ".join(own), " ".join([other[0], *own[1:]]))
        for own, other in zip(words, brands, strict=True)
        if own[0] != other[0]
    ]
    recoloured = [(true[name], swapped[name]) for name in both]
    for what, pairs in (
        ("words turned round", turned),
        ("first word swapped", renamed),
        ("colour swapped", recoloured),
    ):
        one, two = (encoder.encode_texts(list(texts)) for texts in zip(*pairs, strict=True))
        low, middle, high = np.percentile(np.einsum("ij,ij->i", one, two), (5, 50, 95))
        print(f"titles, {what}: cosine {middle:.3f} (5 to 95%: {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
