"""What the columns of a file that is of no profile may mean: a guess for people to look at.

Names speak first, in the languages of the profiles and some more; of photos the values do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

from moderation.clip.data.tables.delimited import column_name
from moderation.clip.data.tables.encodings import printable

from .catalogue_formats import BadCell, Content, Wanted
from .cell_values import shown_value
from .profiles import PROFILES, Role

ROWS = 20
_SAMPLES = 3
_SAMPLE_AT_MOST = 60
_ID_AT_MOST = 40
_LONG_WORD = 4  # letters: shorter ones stand inside of others
_PHOTO = re.compile(r"\.(jpe?g|png|webp|gif|avif|bmp|tiff?)\b", re.IGNORECASE)
_BETWEEN = re.compile(r"[\W\d_]+")

_WORDS = {
    Role.ID: (
        "id sku ean gtin nr no nummer number artikelnr artikelnummer ref reference référence "
        "referencia riferimento code código codigo codice kod indeks артикул код 商品编号 "
        "货号 编号 品番"
    ),
    Role.TITLE: (
        "title name titel bezeichnung titre nom nombre título titulo titolo nome naam nazwa "
        "tytuł název ad başlık название наименование 标题 名称 商品名 品名"
    ),
    Role.DESCRIPTION: (
        "description text beschreibung descriptif descripción descripcion descrizione "
        "beschrijving omschrijving opis popis açıklama описание 描述 说明 説明"
    ),
    Role.CATEGORY: (
        "category kategorie warengruppe gruppe group catégorie categorie rubrique categoría "
        "categoria kategoria kategori категория раздел 类别 分类 カテゴリ"
    ),
    Role.SELLER: (
        "seller vendor brand merchant verkäufer händler marke hersteller vendeur marque "
        "vendedor marca venditore merk sprzedawca marka producent бренд продавец 品牌 卖家 "
        "ブランド"
    ),
    Role.PHOTOS: (
        "image images photo photos picture pictures img bild bilder foto fotos imagen "
        "imágenes immagine immagini afbeelding zdjęcie zdjęcia obraz resim фото изображение "
        "картинка 图片 主图 画像"
    ),
}


@dataclass(frozen=True)
class Column:
    """A column as the file writes it, and what stands in its first rows, shortened."""

    title: str
    values: tuple[str, ...]

    @property
    def samples(self) -> list[str]:
        """The first values that tell something."""
        return list(dict.fromkeys(filter(None, self.values)))[:_SAMPLES]


def columns_of(content: Content) -> list[Column]:
    """Those that have a name, each once."""
    titles = {column_name(title): title for title in reversed(content.titles) if title}
    names = list(dict.fromkeys(column_name(title) for title in content.titles if title))
    records = content.records(Wanted(used=set(names)))
    rows = [cells for _, cells in islice(records, ROWS) if not isinstance(cells, BadCell)]
    return [Column(titles[name], tuple(_sample(row.get(name)) for row in rows)) for name in names]


def _sample(value: object) -> str:
    return printable(" ".join(shown_value(value)[: 2 * _SAMPLE_AT_MOST].split())[:_SAMPLE_AT_MOST])


def guessed(
    columns: Sequence[Column], roles: Collection[Role], *, taken: Collection[str]
) -> dict[Role, list[str]]:
    """For those of these roles for which there is one: columns of the file that are not `taken`."""
    found: dict[Role, list[str]] = {}
    left = [one for one in columns if one.title not in taken and one.title.isprintable()]
    for role in _ORDER:
        if role in roles and (own := _GUESSES[role](left)):
            found[role] = [column.title for column in own]
            left = [column for column in left if column not in own]
    return found


def _photos(columns: Sequence[Column]) -> list[Column]:
    """All that name pictures; else those whose names say so."""
    showing = [column for column in columns if _share(column, _PHOTO.search) > 1 / 2]
    return showing or [column for column in columns if _named(column, Role.PHOTOS)]


def _id(columns: Sequence[Column]) -> list[Column]:
    own = [column for column in columns if _is_key(column)]
    return _best(own, Role.ID) or own[:1]


def _title(columns: Sequence[Column]) -> list[Column]:
    """By its name; else the first that has words in most rows."""
    wordy = [column for column in columns if _share(column, _BETWEEN.search) > 1 / 2]
    return _best(columns, Role.TITLE) or [one for one in wordy if not _is_number(one)][:1]


def _by_name(role: Role) -> Callable[[Sequence[Column]], list[Column]]:
    return lambda columns: _best(columns, role)


# Photos first, which are known by their values; a description is what no title took.
_ORDER = (*(Role.PHOTOS, Role.ID, Role.TITLE, Role.CATEGORY), *(Role.SELLER, Role.DESCRIPTION))
_GUESSES = {
    Role.PHOTOS: _photos,
    Role.ID: _id,
    Role.TITLE: _title,
    **{role: _by_name(role) for role in (Role.CATEGORY, Role.SELLER, Role.DESCRIPTION)},
}


def _best(columns: Sequence[Column], role: Role) -> list[Column]:
    """The first of those whose names speak most clearly for it."""
    scored = [(_named(column, role), column) for column in columns]
    best = max((score for score, _ in scored), default=0)
    return [column for score, column in scored if best and score == best][:1]


def _named(column: Column, role: Role) -> int:
    """How clearly the name says it: 3 as a profile has it, 2 by a word, 1 by a part of one."""
    name = column_name(column.title)
    words = _WORDS[role].split()
    if name in words or name in _known(role):
        return 3
    if not set(words).isdisjoint(_BETWEEN.split(name)):
        return 2
    return int(any(word in name for word in words if len(word) >= _LONG_WORD or not word.isascii()))


@cache
def _known(role: Role) -> frozenset[str]:
    return frozenset(
        name.lower() for one in PROFILES.values() for name in one.columns.get(role, ())
    )


def _share(column: Column, is_one: Callable[[str], object]) -> float:
    filled = [value for value in column.values if value]
    return sum(bool(is_one(value)) for value in filled) / len(filled) if filled else 0


def _is_key(column: Column) -> bool:
    """Whether it may tell listings apart: short, filled, and never the same twice."""
    values = column.values
    is_short = all(0 < len(value) <= _ID_AT_MOST for value in values)
    return bool(values) and is_short and len(set(values)) == len(values)


def _is_number(column: Column) -> bool:
    return _share(column, lambda value: not any(sign.isalpha() for sign in value)) > 1 / 2
