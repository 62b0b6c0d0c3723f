"""What a further photo that fits badly tells: wrong photos found, and right ones called wrong.

    python -m benchmarks.further_photos ../shared/catalogue
    python -m benchmarks.further_photos ../shared/catalogue --model checkpoints/small

Further photos are made for each listing of val.csv: right ones as shops have them (closer, a
detail, mirrored, another photo under the same title where there is one, a drawn size chart, a drawn
package), and wrong ones (another listing's photo, of another category or of the same group of
goods). Each is judged by its similarity to the text, by that to the main photo, and by both.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from moderation.clip.encoder import Encoder
from moderation.clip.statistics.metrics import roc_auc

from . import shop_vectors
from .machine import machine
from .text_rules import read

FALSE_ALARMS = (0.002, 0.01, 0.05)  # shares of right further photos called wrong
SHARES = (0.01, 0.05)  # of listings with one wrong further photo
FURTHER = 4  # a listing
_CHARTS = ("size chart", "package")


class Further(NamedTuple):
    """A further photo of a listing: what it is, and the rows of main photo, itself, and text."""

    kind: str
    is_wrong: bool
    listing: int
    picture: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", type=Path, help="the folder with val.csv")
    parser.add_argument("--model", type=Path, default=shop_vectors.BUNDLED)
    options = parser.parse_args()
    encoder = Encoder.load(options.model, device="cpu", precision="fp32")
    rows = read(options.catalogue / "val.csv")
    print(machine())
    print(report(encoder, rows, options.catalogue))


def report(encoder: Encoder, rows: Sequence[dict[str, str]], catalogue: Path) -> str:
    """The table as text."""
    main_photos = [_opened(catalogue / row["image_path"]) for row in rows]
    mains = encoder.encode_images(main_photos)
    texts = encoder.encode_texts([row["text"] for row in rows])
    further, pictures = made(rows, main_photos)
    vectors = np.concatenate([mains, encoder.encode_images(pictures)])
    listings = [one.listing for one in further]
    seen = vectors[[one.picture for one in further]]
    to_text = np.sum(seen * texts[listings], axis=1)
    to_main = np.sum(seen * mains[listings], axis=1)
    scores = {"text": to_text, "main photo": to_main, "both": (to_text + to_main) / 2}
    return "\n".join(_lines(further, scores))


def made(
    rows: Sequence[dict[str, str]], photos: Sequence[Image.Image]
) -> tuple[list[Further], list[Image.Image]]:
    """The further photos, and the pictures that are not the main photo of some listing."""
    draw = random.Random(0)
    by_title, by_source = defaultdict(list), defaultdict(list)
    for place, row in enumerate(rows):
        by_title[row["text"]].append(place)
        by_source[row["source"]].append(place)
    further: list[Further] = []
    pictures: list[Image.Image] = []
    for place, (row, photo) in enumerate(zip(rows, photos, strict=True)):
        for kind, picture in _right(photo, draw):
            further.append(Further(kind, False, place, len(photos) + len(pictures)))
            pictures.append(picture)
        twins = [other for other in by_title[row["text"]] if other != place]
        if twins:
            further.append(Further("other photo", False, place, draw.choice(twins)))
        for kind, others in (
            ("of any goods", range(len(rows))),
            ("alike", by_source[row["source"]]),
        ):
            wrong = draw.choice([o for o in others if rows[o]["category"] != row["category"]])
            further.append(Further(f"wrong, {kind}", True, place, wrong))
    return further, pictures


def _right(photo: Image.Image, draw: random.Random) -> Iterator[tuple[str, Image.Image]]:
    for kind, share in (("closer", 0.7), ("detail", 0.4)):
        width, height = (max(8, round(side * share)) for side in photo.size)
        left, top = draw.randint(0, photo.width - width), draw.randint(0, photo.height - height)
        yield kind, photo.crop((left, top, left + width, top + height))
    yield "mirrored", ImageOps.mirror(photo)
    yield "size chart", _size_chart(draw)
    yield "package", _package(draw)


def _size_chart(draw: random.Random) -> Image.Image:
    picture = Image.new("RGB", (224, 224), "white")
    pen = ImageDraw.Draw(picture)
    for line in range(draw.randint(5, 9)):
        for column in range(draw.randint(3, 5)):
            x, y = 10 + 52 * column, 12 + 24 * line
            pen.rectangle((x, y, x + 50, y + 22), outline="black")
            pen.text((x + 8, y + 6), str(draw.randint(28, 120)), fill="black")
    return picture


def _package(draw: random.Random) -> Image.Image:
    picture = Image.new("RGB", (224, 224), "white")
    pen = ImageDraw.Draw(picture)
    brown = (draw.randint(150, 200), draw.randint(110, 140), draw.randint(60, 90))
    left, top = draw.randint(20, 50), draw.randint(30, 70)
    pen.rectangle((left, top, 224 - left, 200), fill=brown, outline="black")
    pen.rectangle((left + 30, top + 20, 194 - left, top + 70), fill="white", outline="black")
    pen.text((left + 36, top + 36), "FRAGILE", fill="black")
    return picture


def _lines(further: Sequence[Further], scores: dict[str, np.ndarray]) -> Iterator[str]:
    wrong = np.array([one.is_wrong for one in further])
    chart = np.array([one.kind in _CHARTS for one in further])
    kinds = list(dict.fromkeys(one.kind for one in further))
    yield f"{wrong.sum()} wrong further photos, {(~wrong).sum()} right ones ({chart.sum()} charts)"
    for judged, seen in (("with charts", np.ones_like(chart)), ("without charts", ~chart)):
        for name, score in scores.items():
            right_scores, wrong_scores = score[seen & ~wrong], score[seen & wrong]
            auc = roc_auc(~wrong[seen], score[seen])
            cells = []
            for rate in FALSE_ALARMS:
                threshold = float(np.quantile(right_scores, rate))
                found = float(np.mean(wrong_scores < threshold))
                flags = 1 - (1 - rate) ** FURTHER
                worth = " ".join(
                    f"{share * found / (share * found + (1 - share) * flags):.0%}"
                    for share in SHARES
                )
                cells.append(f"{rate:.1%}: below {threshold:.2f} finds {found:.0%}, right {worth}")
            yield f"{judged}, by {name:10} AUC {auc:.3f}; " + "; ".join(cells)
    for kind in kinds:
        mine = np.array([one.kind == kind for one in further])
        levels = ", ".join(
            f"{name} {np.mean(score[mine]):.2f} (10th of 100 {np.quantile(score[mine], 0.1):.2f})"
            for name, score in scores.items()
        )
        yield f"{kind:20} {mine.sum():5}  {levels}"


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


if __name__ == "__main__":
    main()
