"""Tokenizers of each family are the stock ones, and those of other models are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from moderation.clip import families
from moderation.clip.checkpoints import checkpoint
from moderation.clip.encoder import Encoder
from moderation.clip.errors import ModelError
from moderation.clip.texts.tokens import Tokens
from tests.support.family_models import build, save_words

TEXTS = [
    "a red mug", "Blue CERAMIC teapot with lid!", "rote Tasse, neu", "Émile's café  \n\t x",
    "赤いマグカップ", "красная кружка", "100% mug!!! 3.5mm",
    "", "İstanbul ß e\u0301 \u200b zero", "👟",
]  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [{}, {"do_lower_case": False}, {"strip_accents": False, "tokenize_chinese_chars": False}],
)
def test_a_vocabulary_of_word_pieces_is_read_as_the_stock_tokenizer_does(
    tmp_path: Path, said: dict[str, bool]
) -> None:
    from transformers import BertTokenizer

    save_words(tmp_path, **said)
    (tmp_path / "config.json").write_text('{"model_type": "chinese_clip"}')
    own = families.of(tmp_path).load_tokenizer(tmp_path)
    stock = BertTokenizer.from_pretrained(tmp_path)
    assert [own.encode(text).ids for text in TEXTS] == stock(TEXTS)["input_ids"]


@pytest.mark.parametrize("name", ["metaclip_2", "altclip"])
def test_a_vocabulary_of_pieces_is_read_as_the_stock_tokenizer_does(
    tmp_path: Path, name: str
) -> None:
    from transformers import AutoTokenizer

    folder = build(name, tmp_path / name)
    own, stock = checkpoint.load_tokenizer(folder), AutoTokenizer.from_pretrained(folder)
    assert [own.encode(text).ids for text in TEXTS] == stock(TEXTS)["input_ids"]


@pytest.mark.parametrize("name", ["metaclip_2", "altclip", "chinese_clip", "align"])
@pytest.mark.parametrize("sign", ["</s>", "<s>", "<pad>", "[SEP]", "[CLS]", "[PAD]", "👟"])
def test_no_sign_in_a_text_ends_it(tmp_path: Path, name: str, sign: str) -> None:
    folder = build(name, tmp_path / name)
    tokenizer = checkpoint.load_tokenizer(folder)
    end = tokenizer.encode("mug").ids[-1]
    tokens = Tokens(tokenizer, most=30)
    one, other = tokens.rows([f"red {sign} mug", f"red {sign} shoe"])
    assert one != other
    assert one.count(end) == other.count(end) == 1
    assert one[-1] == other[-1] == end


@pytest.mark.parametrize("name", ["chinese_clip", "align"])
def test_without_any_tokenizer_the_folder_is_named(tmp_path: Path, name: str) -> None:
    folder = build(name, tmp_path / name)
    words = (folder / "vocab.txt").read_text()
    (folder / "vocab.txt").write_text(words.replace("[SEP]", "[END]"))
    with pytest.raises(ModelError, match=r"vocab\.txt lacks \[SEP\]"):
        checkpoint.load_tokenizer(folder)
    (folder / "vocab.txt").unlink()
    with pytest.raises(ModelError, match=r"no tokenizer\.json, nor a valid vocab\.txt"):
        checkpoint.load_tokenizer(folder)


def test_other_word_pieces_beside_the_same_weights_are_another_model(tmp_path: Path) -> None:
    folder = build("chinese_clip", tmp_path / "model")
    before = checkpoint.files_sha256(folder)
    (folder / "vocab.txt").write_text((folder / "vocab.txt").read_text() + "more\n")
    assert checkpoint.files_sha256(folder) != before


def test_a_file_that_nothing_reads_changes_no_model(tmp_path: Path) -> None:
    folder = build("altclip", tmp_path / "model")  # which has a tokenizer.json
    before = checkpoint.files_sha256(folder)
    (folder / "vocab.txt").write_text("[PAD]\n")
    assert checkpoint.files_sha256(folder) == before


@pytest.mark.parametrize("name", ["metaclip_2", "altclip"])
def test_a_tokenizer_without_start_and_end_is_refused(tmp_path: Path, name: str) -> None:
    folder = build(name, tmp_path / "whole")
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    tokenizer = json.loads((broken / "tokenizer.json").read_text())
    tokenizer["post_processor"] = None
    (broken / "tokenizer.json").write_text(json.dumps(tokenizer))
    expected = {"metaclip_2": "a text ends with token 2", "altclip": "adds no start token"}[name]
    with pytest.raises(ModelError, match=expected):
        Encoder.load(broken, device="cpu")
