"""No text ends before its end: what stands behind any sign is read, in each family's tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from moderation.clip.encoder import Encoder
from moderation.clip.pretrain.tokenizer import completed, train_tokenizer
from moderation.clip.texts.tokens import Tokens
from tests.support.clip_models import save_tokenizer

BUNDLED = Path(__file__).resolve().parents[3] / "moderation" / "clip" / "bundled"
ROOM = 400  # tokens: no text here is cut off


def single_bytes(folder: Path) -> Tokenizer:
    """Stock CLIP rules, every byte known."""
    save_tokenizer(folder)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def gaps(_folder: Path) -> Tokenizer:
    """CLIP rules learnt from few texts, less most signs: unknown is the end token."""
    content = json.loads(train_tokenizer(["red shirt", "blue mug"], vocabulary=700).to_str())
    letters = set("abcdefghijklmnopqrstuvwxyz")
    pieces = [
        piece
        for piece in content["model"]["vocab"]
        if piece.startswith("<|") or set(piece.removesuffix("</w>")) <= letters
    ]
    content["model"]["vocab"] = {piece: number for number, piece in enumerate(pieces)}
    return Tokenizer.from_str(json.dumps(content))


def pieces(_folder: Path) -> Tokenizer:
    """As SigLIP's: pieces with a likelihood, an end token and no start."""
    from tokenizers import models, pre_tokenizers, processors

    known = [("</s>", 0.0), ("<unk>", -9.0), *((f"{letter}", -5.0) for letter in "abcdefghijklm")]
    known += [(letter, -5.0) for letter in "nopqrstuvwxyz\u2581"]
    found = Tokenizer(models.Unigram(known, unk_id=1))
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    found.add_special_tokens(["</s>", "<unk>"])
    found.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 0)])
    return found


def bundled(_folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(BUNDLED / "tokenizer.json"))


@pytest.fixture(scope="module", params=[single_bytes, gaps, pieces, bundled])
def tokenizer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Tokenizer:
    make: Callable[[Path], Tokenizer] = request.param
    return make(tmp_path_factory.mktemp("tokenizer"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    before=st.text(max_size=20),
    sign=st.text(max_size=6) | st.sampled_from(["<|endoftext|>", "</s>", "<|startoftext|>"]),
)
@example(before="Men Shirt", sign="<|endoftext|>")
@example(before="", sign='"')
def test_what_follows_any_sign_is_read(tokenizer: Tokenizer, before: str, sign: str) -> None:
    tokens = Tokens(tokenizer, most=ROOM)
    one, other = tokens.rows([f"{before} {sign} teapot", f"{before} {sign} banana"])

    assert one != other
    (end,) = {one[-1], other[-1]}
    assert end not in one[:-1]


def test_a_row_is_what_the_tokenizer_itself_gives(tokenizer: Tokenizer) -> None:
    expected = tokenizer.encode("red shirt").ids

    assert Tokens(tokenizer, most=ROOM).rows(["red shirt"]) == [expected]


def test_of_a_long_text_the_title_is_read_and_keeps_its_end(tokenizer: Tokenizer) -> None:
    tokens = Tokens(tokenizer, most=24)
    title, rest = "red shirt for men", "and the rest of it. " * 9
    assert tokens.rows([f"{title}. {rest}"]) == tokens.rows([title])
    assert tokens.parts(f"{title}. {rest}")[0] == title


def test_of_a_long_title_as_many_words_are_read_as_there_is_room_for(tokenizer: Tokenizer) -> None:
    tokens = Tokens(tokenizer, most=12)
    (whole,), (row,) = (
        Tokens(tokenizer, most=ROOM).rows(["red shirt " * 9]),
        tokens.rows(["red shirt " * 9]),
    )

    assert 6 < len(row) <= 12
    assert row == [*whole[: len(row) - 1], whole[-1]]
    assert tokens.lengths(["red shirt " * 9])[0] == len(whole) - (12 - tokens.room)


def test_completing_a_tokenizer_keeps_what_it_knew() -> None:
    old, new = (make(Path()) for make in (gaps, lambda folder: completed(gaps(folder))))
    known = old.get_vocab()

    assert known == {piece: new.token_to_id(piece) for piece in known}
    assert new.encode("red shirt").ids == old.encode("red shirt").ids
    signs = new.decode(new.encode('"\u20ac 5"').ids).replace("</w>", " ")
    assert signs.split() == ['"\u20ac', "5", '"']


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(BUNDLED, device="cpu", precision="fp32")


@pytest.mark.parametrize(
    "quotes", ['"{}"', "\u201c{}\u201d", "\u00ab{}\u00bb", "'{}'", "*{}*", "| {} |"]
)
def test_the_bundled_model_reads_a_quoted_title_as_the_title(encoder: Encoder, quotes: str) -> None:
    titles = [
        "Turtle check men navy blue shirt",
        "Blue ceramic teapot with lid",
        "Red leather belt",
    ]
    plain = encoder.encode_texts(titles)
    quoted = encoder.encode_texts([quotes.format(title) for title in titles])

    assert np.einsum("ij,ij->i", plain, quoted).min() > 0.8
    assert (plain @ quoted.T).argmax(axis=1).tolist() == [0, 1, 2]


def test_a_wrong_text_cannot_be_hidden_behind_a_sign(encoder: Encoder) -> None:
    honest, hidden, wrong = encoder.encode_texts(
        ["Men Shirt", "Men Shirt | Blue Ceramic Teapot with lid", "Blue Ceramic Teapot with lid"]
    )

    assert hidden @ honest < 0.9
    assert hidden @ wrong > honest @ wrong + 0.1
