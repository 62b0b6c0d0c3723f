"""Which encoding a file is in: UTF-8 is never doubted, and a guess that could be wrong refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.clip.data.tables.encodings import Encoding, UnreadableTable, encoding_of

HEADER = "product_id,image_path,text\n"


def written(folder: Path, content: bytes) -> Path:
    path = folder / "c.csv"
    path.write_bytes(content)
    return path


@settings(deadline=None)
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\x00")))
def test_whatever_is_utf_8_is_read_as_utf_8(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    assert encoding_of(written(folder, (HEADER + text).encode())) == Encoding()


def test_a_few_nuls_are_no_utf_16(tmp_path: Path) -> None:
    assert encoding_of(written(tmp_path, (HEADER + "a,1.jpg,r\x00d\n").encode())) == Encoding()


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_read_with_and_without_its_mark(tmp_path: Path, codec: str) -> None:
    path = written(tmp_path, (HEADER + "a,1.jpg,Обувь Größe\n").encode(codec))
    found = encoding_of(path)
    assert found.title == codec[:6].upper()
    assert path.read_text(encoding=found.codec).endswith("Обувь Größe\n")


@pytest.mark.parametrize(
    "text",
    [
        "Größe M, weißer Rock „schön“ – 19,99 €",
        "Robe d’été à pois, crème, « où », œuvre, garçon",
        "¿Camisa de niño? ¡Sí! corazón",
        "calções de algodão, maçã, lã",
        "caffè, città, così, più, è",
        "Blå tröja, rød kjole",
        "història, col·lecció",
        "NESCAFÉ® Lego™ 10×20 90° één",
    ],
)
def test_western_texts_are_read_as_cp1252(tmp_path: Path, text: str) -> None:
    found = encoding_of(written(tmp_path, (HEADER + f"a,1.jpg,{text}\n").encode("cp1252")))
    assert found.codec == "cp1252"
    assert found.told("columns divided by commas").startswith("Read as cp1252, columns divided by")


def test_a_guess_shows_a_word_that_it_stands_by(tmp_path: Path) -> None:
    path = written(tmp_path, (HEADER + "a,1.jpg,19 € in Größe M\n").encode("cp1252"))
    assert encoding_of(path).told() == "Read as cp1252. Look whether “Größe” is right."


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Красное платье", "cp1251"),
        ("Красное платье", "koi8-r"),
        ("Κόκκινο φόρεμα", "cp1253"),
        ("שמלה אדומה", "cp1255"),
        ("فستان أحمر", "cp1256"),
        ("żółta sukienka damska", "cp1250"),
        ("černé dětské tričko", "cp1250"),
        ("růžové šaty", "cp1250"),
        ("rdeče hlače", "cp1250"),
        ("női fűző", "cp1250"),
        ("cămaşă roşie", "cp1250"),
        ("Kırmızı elbise", "cp1254"),
        ("balti marškiniai", "cp1257"),
        ("grün, schön", "mac_roman"),
        ("régime été", "mac_roman"),
        ("Größe grün", "cp850"),
        ("déjà vu", "cp850"),
        ("红色连衣裙", "gbk"),
        ("蓝色", "gbk"),
        ("紅色連衣裙", "big5"),
        ("赤いドレス", "shift_jis"),
        ("빨간 드레스", "cp949"),
    ],
)
def test_what_cp1252_would_garble_is_refused(tmp_path: Path, text: str, codec: str) -> None:
    content = (HEADER + "a,1.jpg,red\n" + f"b,1.jpg,{text}\n").encode(codec)
    with pytest.raises(UnreadableTable, match=r"Line 3 of c\.csv is not UTF-8.*save the file as"):
        encoding_of(written(tmp_path, content))


def test_one_name_from_elsewhere_does_not_spoil_a_large_file(tmp_path: Path) -> None:
    rows = "a,1.jpg,Größe\n" * 30 + "b,1.jpg,Guðrún\n"
    assert encoding_of(written(tmp_path, (HEADER + rows).encode("cp1252"))).title == "cp1252"


def test_utf_8_with_a_damaged_line_is_not_taken_for_cp1252(tmp_path: Path) -> None:
    content = (HEADER + "a,1.jpg,Größe\n").encode() + b"b,1.jpg,Gr\xf6\xdfe\n"
    with pytest.raises(UnreadableTable, match=r"Line 3 of c\.csv is not UTF-8, though other lines"):
        encoding_of(written(tmp_path, content))


def test_a_file_that_breaks_its_own_mark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableTable, match=r"Line 2 of c\.csv is not UTF-8; save"):
        encoding_of(written(tmp_path, b"\xef\xbb\xbf" + HEADER.encode() + b"Gr\xf6\xdfe\n"))
    with pytest.raises(UnreadableTable, match="is not UTF-16; save"):
        encoding_of(written(tmp_path, HEADER.encode("utf-16") + b"x"))


def test_a_large_cell_of_ascii_beside_one_letter_is_no_work(tmp_path: Path) -> None:
    rows = f"a,1.jpg,Größe,{'A' * 3_000_000}\n" * 2
    assert encoding_of(written(tmp_path, (HEADER + rows).encode("cp1252"))).title == "cp1252"
