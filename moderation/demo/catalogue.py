"""Write the demo catalogue: pictures, texts, and an honest list of the planted mismatches."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from .colours import CONFUSABLE
from .kinds import KINDS, generator, pattern_of
from .products import DrawnProduct, demo_products
from .texts import describe

MISMATCHES = ("other_type", "sibling_type", "colour")
SELLERS = ("Northlight", "Hartmann & Co", "Basket Street", "Fern and Fox", "Kiosk 24")
TIMES = 2  # that a listing is copied by other sellers
JPEG_QUALITY = 88
IMAGE_WIDTH = 384
CATALOGUE_COLUMNS = ("product_id", "image_path", "text", "category", "seller")
PLANTED_COLUMNS = ("product_id", "mismatch", "true_text")
# Kinds whose names people use for each other.
LOOKALIKES = frozenset({frozenset(("t-shirt", "shirt")), frozenset(("mug", "bowl"))})


Row = tuple[str, ...]


@dataclass(frozen=True)
class Planted:
    """A listing that was given a wrong text on purpose."""

    product_id: str
    mismatch: str
    true_text: str


def write_catalogue(
    folder: str | Path,
    *,
    count: int = 180,
    mismatch_share: float = 0.1,
    relisted: int = 0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Planted]:
    """Draw `count` held-out products into `folder` and return the planted mismatches.

    The last `relisted` of them are planted ones once more, by other sellers: the same photo and
    text. Writes images/*.jpg, catalogue.csv (product_id, image_path, text, category, seller) and
    planted.csv (product_id, mismatch, true_text). The same arguments give the same bytes.
    `progress` is called with (done, count) after each listing.
    """
    wanted = round(count * mismatch_share)
    if relisted > wanted // 2:
        raise ValueError(f"{relisted} listings cannot be copies where {wanted} are wrong.")
    folder = Path(folder)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    products = demo_products(count - relisted, seed=seed)
    wrong = _plant(products, wanted - relisted, seed)
    rows: list[Row] = []
    planted: list[Planted] = []
    for row, one in chain(_listings(folder, products, wrong), _again(rows, planted, relisted)):
        rows.append(row)
        if one:
            planted.append(one)
        if progress:
            progress(len(rows), count)
    _write(folder / "catalogue.csv", CATALOGUE_COLUMNS, rows)
    _write(folder / "planted.csv", PLANTED_COLUMNS, [astuple(one) for one in planted])
    return planted


def _listings(
    folder: Path, products: list[DrawnProduct], wrong: dict[str, tuple[str, str, str]]
) -> Iterator[tuple[Row, Planted | None]]:
    """Draw each product; its line, and what is wrong with it."""
    for number, product in enumerate(products, start=1):
        path = f"images/{product.product_id}.jpg"
        product.image(IMAGE_WIDTH).save(folder / path, quality=JPEG_QUALITY)
        text, category, planted = product.text, product.category, None
        if product.product_id in wrong:
            mismatch, text, category = wrong[product.product_id]
            planted = Planted(product.product_id, mismatch, product.text)
        seller = SELLERS[number % len(SELLERS)]
        yield (product.product_id, path, text, category, seller), planted


def _again(rows: list[Row], planted: list[Planted], wanted: int) -> Iterator[tuple[Row, Planted]]:
    """Listings that others made of the most glaring mismatches, several of each.

    `rows` and `planted` hold all others by the time the first is asked for.
    """
    glaring = [one for one in planted if one.mismatch == "other_type"][: -(-wanted // TIMES)]
    by_id = {row[0]: row for row in rows}
    for number in range(wanted):
        original = glaring[number // TIMES]
        product_id = f"demo-{len(by_id) + number + 1:05d}"
        _id, path, text, category, seller = by_id[original.product_id]
        other = SELLERS[(SELLERS.index(seller) + 1 + number % TIMES) % len(SELLERS)]
        again = Planted(product_id, original.mismatch, original.true_text)
        yield (product_id, path, text, category, other), again


def _plant(products: list[DrawnProduct], wanted: int, seed: int) -> dict[str, tuple[str, str, str]]:
    """For some products: the sort of mismatch, and the wrong text with its category."""
    rng = generator("planted", seed)
    wrong: dict[str, tuple[str, str, str]] = {}
    for index in rng.permutation(len(products)):
        if len(wrong) == wanted:
            break
        product = products[int(index)]
        mismatch = MISMATCHES[len(wrong) % len(MISMATCHES)]
        family = _wrong_family(product, mismatch, rng)
        if family is None:
            continue
        kind, colour = family
        # A wrong colour keeps the pattern: only one thing about the text is false.
        shown = pattern_of(product.kind, colour=product.colour, seed=product.seed)
        text = describe(
            kind,
            colour=colour,
            seed=product.seed,
            pattern=shown if mismatch == "colour" else None,
        )
        wrong[product.product_id] = (mismatch, text, KINDS[kind].category)
    return wrong


def _wrong_family(
    product: DrawnProduct, mismatch: str, rng: np.random.Generator
) -> tuple[str, str] | None:
    """Another (kind, colour) that nobody would accept for this picture, if there is one."""
    group = KINDS[product.kind].group
    if mismatch == "colour":
        clear = [
            (product.kind, colour)
            for colour in KINDS[product.kind].colours
            if colour != product.colour and frozenset((colour, product.colour)) not in CONFUSABLE
        ]
    else:
        clear = [
            (kind.name, product.colour if product.colour in kind.colours else kind.colours[0])
            for kind in KINDS.values()
            if kind.name != product.kind
            and (kind.group == group) == (mismatch == "sibling_type")
            and frozenset((kind.name, product.kind)) not in LOOKALIKES
        ]
    return clear[int(rng.integers(len(clear)))] if clear else None


def _write(path: Path, header: Row, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
