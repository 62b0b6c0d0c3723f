"""How fast each backend runs a model, and what int8 costs, as ratios of one run.

    python -m benchmarks.backends [--model FOLDER] [--pairs 12] [--rounds 3]

A model of the shape in FOLDER with random weights (speed does not depend on them), and the bundled
one. The naive loop is that of `benchmarks.encode`; rounds are interleaved. `new texts` are texts on
pictures whose vectors are known, so the naive loop has to run the whole model for them, and the
batch path the text tower alone. Of the bundled model the verdicts on real pairs are compared too.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from moderation.clip import scoring
from moderation.clip.backends.device import cpu_has_fast_bf16
from moderation.clip.checkpoints import checkpoint
from moderation.clip.configuration import COMPUTES, arithmetic
from moderation.clip.encoder import Encoder
from moderation.clip.statistics.metrics import roc_auc

from .encode import MODEL, SIZES, Scores, batch_path, measure, naive_loop, write_photos
from .machine import machine

PAIRS = MODEL.parent / "catalogue" / "val_pairs.csv"


def encoders(folder: Path, exports: Path) -> dict[str, Encoder]:
    """By name, each that this machine runs."""
    found = {}
    for backend, several in COMPUTES.items():
        if backend == "openvino" and find_spec("openvino") is None:
            continue
        for precision in several:
            if precision == "fp16" or (precision == "bf16" and not cpu_has_fast_bf16()):
                continue
            found[arithmetic(backend, precision)] = Encoder.load(
                folder, device="cpu", backend=backend, precision=precision, exports=exports
            )
    return found


def random_model(shape: Path, folder: Path) -> Path:
    """A model folder of this shape with random weights."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    CLIPModel(CLIPConfig.from_pretrained(shape, local_files_only=True)).save_pretrained(folder)
    for path in shape.iterdir():
        if path.suffix in (".json", ".txt") and path.name != "config.json":
            shutil.copy(path, folder)
    return folder


def texts_alone(encoder: Encoder, pictures: np.ndarray) -> Scores:
    """The batch path where the pictures' vectors are known."""
    return lambda paths, texts: scoring.similarity(pictures, encoder.encode_texts(texts))


def speeds(model: Path, tokenizer: Path, exports: Path, pairs: int, rounds: int) -> None:
    found = encoders(model, exports)
    loaded = checkpoint.load_model(model)
    naive: dict[str, Scores] = {}
    if loaded.config.model_type == "clip":
        naive["naive loop"] = naive_loop(loaded, tokenizer)
    else:  # transformers knows no processor for it; pair by pair through torch
        one = batch_path(found["fp32"])
        naive["naive loop"] = lambda paths, texts: np.concatenate(
            [one([path], [text]) for path, text in zip(paths, texts, strict=True)]
        )
    with tempfile.TemporaryDirectory() as folder:
        for name, size in SIZES.items():
            paths, texts = write_photos(Path(folder), size, pairs)
            ways = naive | {way: batch_path(encoder) for way, encoder in found.items()}
            show(name, ways, paths, texts, rounds)
        known = {
            way: np.stack([v for v in one.encode_files(paths) if isinstance(v, np.ndarray)])
            for way, one in found.items()
        }
        ways = naive | {way: texts_alone(one, known[way]) for way, one in found.items()}
        show("new texts", ways, paths, texts, rounds)


def show(
    name: str, ways: dict[str, Scores], paths: list[Path], texts: list[str], rounds: int
) -> None:
    for way in ways.values():
        way(paths, texts)  # OpenVINO compiles at the first call
    for row in measure(ways, paths, texts, rounds):
        print(f"| {name} | {row['way']} | {row['ms_per_pair']} | {row['ratio']} |", flush=True)


def verdicts(exports: Path) -> None:
    """Flips and ROC-AUC of the bundled model on real pairs, by each arithmetic."""
    with PAIRS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    paths, texts = [PAIRS.parent / row["image_path"] for row in rows], [r["text"] for r in rows]
    labels = np.array([int(row["label"]) for row in rows])
    limit, exact = checkpoint.threshold(checkpoint.BUNDLED_FOLDER), None
    print("\n| arithmetic | pairs | flips | ROC-AUC |\n|---|--:|--:|--:|")
    for name, encoder in encoders(checkpoint.BUNDLED_FOLDER, exports).items():
        cosines = batch_path(encoder)(paths, texts)
        exact = cosines if exact is None else exact
        flips = int(((cosines < limit) != (exact < limit)).sum())
        print(f"| {name} | {len(rows)} | {flips} | {roc_auc(labels, cosines):.4f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL, help="folder with a configuration")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not (options.model / "config.json").is_file():
        parser.error(f"there is no config.json in {options.model}; give a folder with --model")
    print(f"{machine()}; {options.pairs} pairs, {options.rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        exports, built = Path(folder) / "exported", Path(folder) / "model"
        for model, name in ((random_model(options.model, built), "shape"), (None, "bundled")):
            print(f"\n{name}\n\n| photos | way | ms/pair | ratio |\n|---|---|--:|--:|")
            chosen = model or checkpoint.BUNDLED_FOLDER
            speeds(chosen, options.model, exports, options.pairs, options.rounds)
        if PAIRS.is_file():
            verdicts(exports)


if __name__ == "__main__":
    main()
