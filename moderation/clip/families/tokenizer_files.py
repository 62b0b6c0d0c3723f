"""Tokenizers of older folders: what stands beside tokenizer.json, or in its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def tokenizer_config(folder: Path) -> dict[str, Any]:
    """The folder's tokenizer_config.json; empty where it has none. Raises `ModelError`."""
    path = folder / "tokenizer_config.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path} is not a valid tokenizer configuration.") from error


def word_pieces(folder: Path) -> Tokenizer:
    """BERT's tokenizer of a folder that has vocab.txt alone, equal to the stock `BertTokenizer`.

    Raises `ModelError`.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    path, said = folder / "vocab.txt", tokenizer_config(folder)
    try:
        vocabulary = models.WordPiece.read_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception for a bad file
        raise ModelError(f"{folder} has no tokenizer.json, nor a valid vocab.txt.") from error
    if missing := [token for token in _SPECIAL[:4] if token not in vocabulary]:
        raise ModelError(f"{path} lacks {missing[0]}; it is no vocabulary of BERT's kind.")
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(
        handle_chinese_chars=said.get("tokenize_chinese_chars", True),
        strip_accents=said.get("strip_accents"),
        lowercase=said.get("do_lower_case", True),
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    )
    tokenizer.add_special_tokens([token for token in _SPECIAL if token in vocabulary])
    return tokenizer
