"""The table of what is taken out of a text before a model reads it.

Each rule finds signs of a fixed kind, never a stretch of free words but what no browser shows:
what a seller writes where a price or a size could stand is still read. The examples drive the
tests, and `python -m benchmarks.text_rules` measures each rule on real photos.
"""

from __future__ import annotations

import re

from moderation.clip.folding import in_lower_case
from moderation.clip.texts import markup, shop_words, signs
from moderation.clip.texts.rule import Rule, one_of, removes

NUMBER = r"\d{1,3}(?:[ .,'’]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d{1,6}(?:[.,](?:\d{1,2}(?!\d)|--?))?"
DOLLARS = r"(?:us|au|ca|nz|hk|[acrs])\$"
CURRENCY = (
    rf"(?:€|\$|£|¥|₹|₺|₽|zł|(?<![a-z])(?:{DOLLARS}|eur|usd|gbp|chf|pln|sek|dkk|nok|inr|rs\.?))"
)
AFTER_NUMBER = r"(?:€|\$|£|¥|₹|₺|₽|zł|(?:eur|usd|gbp|chf|pln|sek|dkk|nok|inr)(?![a-z]))"
# "2 euro coin" is a thing: spelled out, a currency makes a price of an amount with cents only.
WITH_CENTS = r"(?:\d{1,3}(?:[ .,'’]\d{3})+|\d{1,6})[.,](?:\d{2}|--?)\s?(?:euros?|kr|tl)(?!\w)"
PRICE = (
    rf"(?:{CURRENCY}\s?(?:{NUMBER})(?!\w|[.,]\d)"
    rf"|(?<![\w.,/])(?:\d{{1,5}}€\d\d(?!\w)|(?:{NUMBER})\s?{AFTER_NUMBER}(?!\d)|{WITH_CENTS}))"
)
BEFORE = one_of(shop_words.BEFORE_PRICES)
PRICES = (
    rf"(?:(?<!\w){BEFORE}(?:\s*:)?\s*){{0,3}}{PRICE}(?:\s*/\s*{PRICE})?(?:\s?off(?!\w))?"
    rf"|(?<!\w){BEFORE}\s*:?\s*\d{{1,5}}[.,]\d{{2}}(?!\s?\w)"
    r"|(?<=\s)-\s+\d{1,5}[.,]\d{2}\s*$"
)

OFF = r"off|rabatt|reduziert|günstiger|discount|de réduction|de descuento|de desconto|di sconto"
BEFORE_DISCOUNTS = (
    r"(?:up to|bis zu|jusqu'à|hasta|fino al|save|spare|sales?|soldes|rebajas|saldi|sconto|aktion|"
    r"angebot|promo|rabatt|reduziert)"
)
MATERIALS = (
    r"(?:cotton|wool|silk|linen|polyester|viscose|baumwolle|wolle|seide|leinen|coton|laine|soie|"
    r"algod[oó]n|lana|seda|cotone|seta)"
)
DISCOUNTS = (
    rf"(?<![\w%])(?:{BEFORE_DISCOUNTS}\s+){{0,3}}"
    rf"(?:-\s?\d{{1,2}}\s?%(?!\s*(?:{OFF}|{MATERIALS}))"
    rf"|-?\s?\d{{1,2}}\s?%\s?(?:{OFF})(?!\w))"
    rf"|(?<!\w)(?:{BEFORE_DISCOUNTS}\s+){{1,3}}\d{{1,2}}\s?%(?!\s*{MATERIALS})"
)

CODE = r"(?=[\w./-]*\d)[a-z0-9](?:[\w./-]*\w)?"
LABEL = (
    r"(?:sku|mpn|ean|upc|gtin|asin|isbn|(?:art(?:ikel|icle|\.)?|item|product|produkt|prod\.?|model|"
    r"modell|mod\.?|style|bestell|best\.?|order|part)[\s.-]*(?:nr|no|num(?:mer|ber|éro)?|code|id|#)|"
    r"(?:artikel|bestell|modell|produkt)(?:nummer|code)|art\.|r[eé]f(?:erence|érence|erencia)?|"
    r"riferimento|rif\.|c[oó]digo|codice|c[oó]d\.)"
)
ARTICLE_NUMBERS = (
    rf"(?<!\w){LABEL}(?:[\s.:#-]+|(?=\d)){CODE}(?!\w*\s?%)|(?<![\w&])#\s?\d{{4,}}(?!\w)"
)

# Known by a dot in the name of its host: what only begins like an address is still read.
REST_OF_ADDRESS = r"[\w-]+(?:\.[\w-]+)+[^\s<>\"]*(?<![.,;:!?)\]])"
ADDRESSES = (
    rf"\bhttps?://{REST_OF_ADDRESS}|(?<![\w.@-])www\.{REST_OF_ADDRESS}"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"
)

ONE_SIZE = (
    r"(?:\d{0,2}x{0,5}[sml]|\d{1,3}(?:[.,]5|/\d{1,3})?(?:\s?cm)?|one size|w\d\d\s?/?\s?l\d\d)"
)
# Atomic and possessive: `10/10-10` could else be parted in ever more ways, and each would be tried.
SIZES = rf"(?>{ONE_SIZE})(?!\w)(?:\s?(?:[-/,]|bis|to|à|a)\s?(?>{ONE_SIZE})(?!\w))*+"
SIZE_WORD = (
    r"(?:sizes?|sz\.?|größen?|grösse|groesse|gr\.?|tailles?|tallas?|taglie?|tg\.?|misura|maat)"
)
SYSTEM = r"(?:eu|eur|uk|us|it|fr|de)"
LETTERS = r"\d{0,2}x{0,5}[sml]"
ONE_FITS_ALL = r"one size(?: fits all)?|einheitsgröße|taille unique|talla [uú]nica|taglia unica"
LABELLED_SIZE = rf"(?:{SIZE_WORD}\s*:?\s*(?:{SYSTEM}\s*)?(?:{SIZES})|{SYSTEM}\s*(?:{SIZES}))"
IN_BRACKETS = (
    rf"{LABELLED_SIZE}(?:\s*[,/]\s*{LABELLED_SIZE})*+|{LETTERS}(?:\s?[-/,]\s?{LETTERS})*+"
    rf"|w?\d\d\s?/\s?l?\d\d|{ONE_FITS_ALL}"
)
NOT_KINDS = r"(?<!king )(?<!queen )(?<!plus )(?<!pocket )(?<!life )(?<!travel )(?<!full )"
SIZES_OUT = (
    rf"[(\[{{]\s*(?:{IN_BRACKETS})\s*[)\]}}]"
    rf"|{NOT_KINDS}(?<!\w){SIZE_WORD}\s*:?\s*(?:{SYSTEM}\s*)?(?:{SIZES})(?=\s*(?:$|[-,.;)\]](?!\w)))"
    rf"|(?<!\w)(?:{ONE_FITS_ALL})(?!\w)"
)

OFFERS = one_of(shop_words.OFFERS)
SHOUTS = one_of(shop_words.SHOUTS)
SHOUTED = (
    rf"(?<![\w-])¡?{OFFERS}(?![\w-])\s*!*"
    rf"|(?<![\w'-])¡?{SHOUTS}\s*!+"
    rf"|(?<![(\[{{*])[(\[{{*]+\s*{SHOUTS}\s*[)\]}}*]+"
    rf"|(?:^|(?<=[!.*-]\s))¡?{SHOUTS}(?:\s*:\s*|\s+-+\s+)"
    rf"|\s-+\s+{SHOUTS}\s*$"
)
# `NEW Blue shirt`: capitals that the rest of the title has not. Brands and places stay.
IN_CAPITALS = re.compile(
    r"^(?:NEW IN|NEW|SALE|NEU|NEUHEIT|AKTION|ANGEBOT|NOUVEAU|NOUVEAUTÉ|PROMO|SOLDES|NUEVO|"
    r"NUEVA|OFERTA|REBAJAS|NUOVO|NUOVA|SALDI|OFFERTA) "
    r"(?!Balance|Era\b|Look|York|Zealand|Rock|Order|Hide|Wave|e\b)(?=[A-ZÄÖÜÉ]?[a-zäöüéß])"
)


def _in_capitals(text: str) -> str:
    return IN_CAPITALS.sub("", text)


_SHOUTED = removes(SHOUTED)
_QUOTED = re.compile(r'(?<![\d"])"([^"]*)"')
_RUN = re.compile(r"[!¡]+|([?.,;:])[?.,;:]*\1|([-=_~])\2+|#{2,}|<{2,}|>{2,}|[*~^]")
# At a word's edge it is a quote; within one it is read as "'t" and the like.
_APOSTROPHES = re.compile(r"(?<!\w)'|'(?!\w)")
_UNDERSCORES = re.compile(r"(?<=[^\W_])_+(?=[^\W_])")
_EMPTY = re.compile(r"[(\[{]\s*[-,.;:/|]*\s*[)\]}]")
_PARTED = re.compile(r"\s+([,.;:!?)\]])|([(\[])\s+")
_JOINTS = re.compile(
    r"(?:\s+-+)+(?=\s+-+\s)|[,;:.](?=\s*[,;:.])|\s-+(?=\s*[,;.!])|[,;:](?=\s+-+\s)"
)
_ENDS = re.compile(r"^[\s\-,.;:/!?]+(?=\w|[\"'(\[#&+$])|(?:\s*[-,.;:/])+\s*$")


def _one_sign(found: re.Match[str]) -> str:
    if found[0][0] in "!¡":
        return "."
    return found[1] or (" - " if found[2] else " ")


def tidied(text: str) -> str:
    """Without quotes, repeated signs, empty brackets, and separators that separate nothing."""
    while (tidier := _tidied_once(text)) != text:  # quotes within brackets within quotes
        text = tidier
    return text


def _tidied_once(text: str) -> str:
    text = _APOSTROPHES.sub("", _QUOTED.sub(r"\1", text))
    text = _EMPTY.sub(" ", _RUN.sub(_one_sign, _UNDERSCORES.sub(" ", text)))
    text = _PARTED.sub(lambda found: found[1] or found[2], text)
    return " ".join(_ENDS.sub("", _JOINTS.sub("", text)).split())


def unshouted(text: str) -> str:
    """A text all in capitals, in small letters; a short word alone may be a name (`BMW`).

    Many write ß among capitals. A text with İ is Turkish: its I has no dot in small letters either.
    """
    if not text.replace("ß", "").isupper() or sum(map(str.isalpha, text)) < 5:
        return text
    if "İ" in text:
        text = text.replace("I", "ı")
    return signs.spelled_plainly(in_lower_case(text))


# How the text is written: what remains is what a person reads on the page.
WRITING: tuple[Rule, ...] = (
    Rule(
        name="markup",
        change=markup.without_markup,
        why="Feeds carry the HTML of the product's page; a browser shows none of it.",
        before="<p>Blue &amp; white <b>mug</b></p><script>go()</script><br>holds 300 ml<br",
        after="Blue & white mug. holds 300 ml",
    ),
    Rule(
        name="spelling",
        change=signs.spelled_plainly,
        why="One letter has many codes, and a model knows the plain one.",
        before="Ｂｌｕｅ 𝗦𝗵𝗶𝗿𝘁 “Levi’s®” – cafe\u0301 | ﬁne",
        after="Blue Shirt Levi's - café - fine",
    ),
    Rule(
        name="invisible signs",
        change=signs.without_invisible_signs,
        why="Directions, joiners and soft hyphens part words unseen; emoji and stars decorate.",
        before="★ Blue\u200b sh\u00adirt \u202e👕✨",
        after="Blue shirt",
    ),
    Rule(
        name="white space",
        change=signs.on_one_line,
        why="A model reads one line; a line break ends a sentence.",
        before="Blue shirt\r\n\r\n  pure\tcotton",
        after="Blue shirt. pure cotton",
    ),
    Rule(
        name="capitals",
        change=unshouted,
        why="Shouting: models that tell capitals apart know words in small letters.",
        before="BLUE COTTON SHIRT",
        after="blue cotton shirt",
    ),
)

# What shops add: no photo can show it, so it can only pull the similarity down.
NOISE: tuple[Rule, ...] = (
    Rule(
        name="addresses",
        change=removes(ADDRESSES),
        why="Where a page or somebody is found is no look, and it has the pieces of many words.",
        before="Blue shirt - www.example.com/p?id=7 info@example.com",
        after="Blue shirt",
    ),
    Rule(
        name="article numbers",
        change=removes(ARTICLE_NUMBERS),
        why="A number with its label (SKU, Art.-Nr., REF) names the product in the shop's books.",
        before="Blue shirt SKU 4471-B (Art.-Nr. 12345) REF: AB-12",
        after="Blue shirt",
    ),
    Rule(
        name="prices",
        change=removes(PRICES),
        why="An amount with its currency, or after a word such as `was`, is no look.",
        before="Blue shirt - 19.99 EUR, statt 1.299,00 €, was 49.90",
        after="Blue shirt",
    ),
    Rule(
        name="discounts",
        change=removes(DISCOUNTS),
        why="A percentage off is no look; `100% cotton` stays.",
        before="SALE -50% Blue shirt 100% cotton 20% off",
        after="Blue shirt 100% cotton",
    ),
    Rule(
        name="sizes",
        change=removes(SIZES_OUT),
        why="A photo shows no S, M or L; counts and measures stay.",
        before="Blue shirt (Größe M) [XL] (EU 42), pack of 3",
        after="Blue shirt, pack of 3",
    ),
    Rule(
        name="offers and shouts",
        change=lambda text: _in_capitals(_SHOUTED(text)),
        why="Shipping, stock and `NEW!` are about the shop. Names keep theirs: `New Balance`.",
        before="Neu: New Balance shoes NEW!!! FREE SHIPPING",
        after="New Balance shoes",
    ),
    Rule(
        name="empty signs",
        change=tidied,
        why="Rows of signs, quotes, `!` and separators left over by the rules above say nothing.",
        before="*** \"Blue\" 'shirt'!!! --- () men's cotton...",
        after="Blue shirt. - men's cotton",
    ),
)

RULES = (*WRITING, *NOISE)
