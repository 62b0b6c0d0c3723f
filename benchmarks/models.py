"""Models of full size with random weights: true speed and memory without a download."""

from __future__ import annotations

import shutil
from pathlib import Path


def vit_b32_folder(config: Path, *, folder: Path) -> Path:
    """A stock model folder from a folder with config and tokenizer files, weights at random."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    shutil.copytree(config, folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig.from_pretrained(config))
    (folder / "config.json").unlink()
    model.save_pretrained(folder)
    return folder
