"""How much faster the batch path is than a naive loop, at ViT-B/32 size, as ratios of one run.

    python -m benchmarks.encode [--model FOLDER] [--pairs 16] [--rounds 5] [--json]

The naive loop is what one writes first: open, stock processor, full CLIPModel in fp32, pair by
pair. The weights are random (speed does not depend on them), built from the configuration in
FOLDER. Rounds are interleaved, so that a busy machine slows both sides; the ratio is the median of
the ratios per round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from moderation.clip import families, scoring
from moderation.clip.backends.device import Precision, choose_precision
from moderation.clip.backends.torch import Torch
from moderation.clip.encoder import Encoder
from moderation.demo import demo_products

from .machine import machine

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT.parent / "shared" / "clip-vit-base-patch32"
SIZES = {"400x533": (400, 533), "12 megapixels": (4000, 3000)}
GOALS = {"400x533": 1.6, "12 megapixels": 3.0}

Scores = Callable[[list[Path], list[str]], np.ndarray]


def write_photos(folder: Path, size: tuple[int, int], count: int) -> tuple[list[Path], list[str]]:
    """Drawn products as JPEG files with the noise of a camera, and their texts."""
    random = np.random.default_rng(0)
    paths, texts = [], []
    for index, product in enumerate(demo_products(count, seed=0)):
        drawn = product.image(384).convert("RGB").resize(size, Image.Resampling.BICUBIC)
        noise = random.normal(0, 5, (size[1], size[0], 1)).astype(np.float32)
        pixels = (np.asarray(drawn) + noise).clip(0, 255).astype(np.uint8)
        paths.append(folder / f"{size[0]}-{index}.jpg")
        Image.fromarray(pixels).save(paths[-1], quality=88)
        texts.append(product.text)
    return paths, texts


def naive_loop(model: Any, folder: Path) -> Scores:
    import torch
    from transformers import CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    processor = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)

    def run(paths: list[Path], texts: list[str]) -> np.ndarray:
        scores = []
        for path, text in zip(paths, texts, strict=True):
            pixels = processor(Image.open(path).convert("RGB"), return_tensors="pt")
            words = tokenizer([text], padding=True, truncation=True, return_tensors="pt")
            with torch.inference_mode():
                output = model(**pixels, **words)
            scores.append(float((output.image_embeds * output.text_embeds).sum()))
        return np.array(scores)

    return run


def batch_path(encoder: Encoder) -> Scores:
    def run(paths: list[Path], texts: list[str]) -> np.ndarray:
        images = np.stack([v for v in encoder.encode_files(paths) if isinstance(v, np.ndarray)])
        return scoring.similarity(images, encoder.encode_texts(texts))

    return run


def build(folder: Path) -> tuple[Any, dict[Precision, Encoder]]:
    """A random model of the folder's shape, and encoders for it by precision."""
    import copy

    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    config = CLIPConfig.from_pretrained(folder, local_files_only=True)
    model = CLIPModel(config).eval()
    family = families.of(folder)
    encoders = {}
    for precision in dict.fromkeys(("fp32", choose_precision("cpu"))):
        own = model if precision == "fp32" else copy.deepcopy(model)
        transform = family.load_transform(folder)
        backend = Torch(family, own, transform, device="cpu", precision=precision)
        encoders[precision] = Encoder(backend, tokenizer=family.load_tokenizer(folder))
        encoders[precision].warm_up()
    return model, encoders


def measure(
    ways: dict[str, Scores], paths: list[Path], texts: list[str], rounds: int
) -> list[dict[str, Any]]:
    """Milliseconds per pair and the ratio to the naive loop, by way."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    scores: dict[str, np.ndarray] = {}
    for turn in range(rounds):
        # Every other round runs backwards, so that a drift of the machine favours nobody.
        for way in list(ways)[:: 1 if turn % 2 == 0 else -1]:
            start = time.perf_counter()
            scores[way] = ways[way](paths, texts)
            seconds[way].append(time.perf_counter() - start)
    exact = scores["naive loop"]
    return [
        {
            "way": way,
            "ms_per_pair": round(statistics.median(times) * 1000 / len(paths), 1),
            "ratio": round(
                statistics.median(
                    naive / own for naive, own in zip(seconds["naive loop"], times, strict=True)
                ),
                2,
            ),
            "largest_shift_of_cosine": round(float(np.abs(scores[way] - exact).max()), 5),
        }
        for way, times in seconds.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL, help="folder with a configuration")
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if not (options.model / "config.json").is_file():
        parser.error(f"there is no config.json in {options.model}; give a folder with --model")
    model, encoders = build(options.model)
    ways = {"naive loop": naive_loop(model, options.model)}
    ways |= {f"batches, {name}": batch_path(encoder) for name, encoder in encoders.items()}
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, size in SIZES.items():
            paths, texts = write_photos(Path(folder), size, options.pairs)
            for way in ways.values():
                way(paths[:2], texts[:2])
            results[name] = measure(ways, paths, texts, options.rounds)
    report = {
        "machine": machine(),
        "auto_precision": choose_precision("cpu"),
        "pairs": options.pairs,
        "rounds": options.rounds,
    }
    if options.json:
        print(json.dumps({**report, "goals_fp32": GOALS, "results": results}, indent=2))
    else:
        print_table(report, results)


def print_table(report: dict[str, Any], results: dict[str, list[dict[str, Any]]]) -> None:
    print(f"{report['machine']}; {report['pairs']} pairs, {report['rounds']} rounds")
    print(f"{'photos':14} {'way':18} {'ms/pair':>8} {'ratio':>6} {'goal':>5} {'max shift':>10}")
    for name, rows in results.items():
        for row in rows:
            goal = GOALS[name] if row["way"] == "batches, fp32" else ""
            print(
                f"{name:14} {row['way']:18} {row['ms_per_pair']:8} {row['ratio']:6} {goal:>5} "
                f"{row['largest_shift_of_cosine']:10}"
            )


if __name__ == "__main__":
    main()
