"""Other ways to score a photo against its text, in the same run: time for a pair, and the scores.

    python -m benchmarks.peers [--model FOLDER] [--pairs 16] [--rounds 5]

All have the same model of ViT-B/32 size (random weights: speed does not depend on them), the same
photos and all cores. `sentence-transformers` is measured where it is installed; clipmod does not
need it. open_clip and infinity import torchvision, which clipmod does without, so their own loops
are left out. Rounds are interleaved; the ratio is the median of those to the naive loop per round.
"""

from __future__ import annotations

import argparse
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from moderation.clip.encoder import Encoder

from .encode import MODEL, SIZES, Scores, batch_path, measure, naive_loop, write_photos
from .machine import machine
from .models import vit_b32_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL, help="folder with a configuration")
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{machine()}; {options.pairs} pairs, {options.rounds} rounds")
    print("| photos | way | ms a pair | times the naive loop | largest shift of a cosine |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = vit_b32_folder(options.model, folder=Path(name) / "model")
        ways = _ways(folder)
        for size_name, size in SIZES.items():
            paths, texts = write_photos(Path(name), size, options.pairs)
            for way in ways.values():
                way(paths[:2], texts[:2])
            for row in measure(ways, paths, texts, options.rounds):
                print(
                    f"| {size_name} | {row['way']} | {row['ms_per_pair']} | {row['ratio']} | "
                    f"{row['largest_shift_of_cosine']} |",
                    flush=True,
                )


def _ways(folder: Path) -> dict[str, Scores]:
    """Ways to score pairs, by name."""
    from transformers import CLIPModel

    model = CLIPModel.from_pretrained(folder, local_files_only=True).eval()
    ways = {
        "naive loop": naive_loop(model, folder),
        "transformers, in batches": _stock(model, folder),
    }
    if find_spec("sentence_transformers"):
        ways["sentence-transformers"] = _sentence_transformers(folder)
    ways["clipmod, fp32"] = batch_path(Encoder.load(folder, precision="fp32"))
    ways["clipmod, as it chooses"] = batch_path(Encoder.load(folder))
    return ways


def _stock(model: Any, folder: Path) -> Scores:
    """All pairs through the stock processor and the full model at once."""
    import torch
    from transformers import CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    processor = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)

    def run(paths: list[Path], texts: list[str]) -> np.ndarray:
        pixels = processor([Image.open(path).convert("RGB") for path in paths], return_tensors="pt")
        words = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            output = model(**pixels, **words)
        return (output.image_embeds * output.text_embeds).sum(dim=1).numpy()

    return run


def _sentence_transformers(folder: Path) -> Scores:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), local_files_only=True, device="cpu")

    def run(paths: list[Path], texts: list[str]) -> np.ndarray:
        pictures = [Image.open(path).convert("RGB") for path in paths]
        images = model.encode(pictures, normalize_embeddings=True, batch_size=32)
        words = model.encode(texts, normalize_embeddings=True, batch_size=32)
        return np.asarray((images * words).sum(axis=1))

    return run


if __name__ == "__main__":
    main()
