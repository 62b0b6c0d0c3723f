"""WooCommerce's product export, whose headers are in the language of the shop.

English, German, French, Spanish, Italian, Dutch, Polish and Portuguese are known by name. In others
the columns are known by their places: the export has one order, and its kinds of products and of
visibility are in English everywhere.
"""

from collections.abc import Sequence
from dataclasses import replace

from . import Profile, Role, Row, Variants, register

_KIND = ["Type", "Typ", "Tipo", "Rodzaj"]
_NAME = ["Name", "Nom", "Nombre", "Nome", "Naam", "Nazwa"]
_SKU = ["SKU", "Artikelnummer", "UGS", "COD", "REF"]
_IMAGES = ["Images", "Bilder", "Imágenes", "Immagine", "Immagini", "Afbeeldingen", "Obrazki"]
_IMAGES += ["Imagens"]

_KINDS = {"simple", "variable", "variation", "grouped", "external", "virtual", "downloadable"}
_VISIBILITY = {"visible", "catalog", "search", "hidden"}


def _by_place(titles: Sequence[str], rows: Sequence[Row]) -> Profile | None:
    """Places are counted from the visibility, which follows a GTIN in newer exports only."""

    def holds(place: int, values: set[str]) -> bool:
        said = {kind.strip() for row in rows for kind in str(row[titles[place]]).split(",")}
        return bool(said) and said <= values

    if len(titles) < 34 or titles[0].upper() != "ID" or not holds(1, _KINDS):
        return None
    start = next((place for place in (6, 7) if holds(place, _VISIBILITY)), 0)
    if not start:
        return None
    at = {name: [titles[start + place]] for name, place in _PLACES.items()}
    sku = [titles[2]]
    return replace(
        PROFILE,
        recognised_by=[[titles[0]], [titles[1]], [titles[start]], at["images"]],
        columns={
            Role.ID: ["ID", *sku],
            Role.TITLE: at["name"],
            Role.DESCRIPTION: at["short"] + at["long"],
            Role.CATEGORY: at["categories"],
            Role.PHOTOS: at["images"],
        },
        variants=Variants(
            kind=[titles[1]],
            values=["variation"],
            parent=at["parent"],
            keys={"ID": "id:{}", sku[0]: "{}"},
        ),
    )


_PLACES = {"name": -3, "short": 1, "long": 2, "categories": 20, "images": 23, "parent": 26}

PROFILE = Profile(
    name="woocommerce",
    title="WooCommerce",
    recognised_by=[_KIND, _SKU, _NAME, _IMAGES],
    columns={
        Role.ID: ["ID", *_SKU],
        Role.TITLE: _NAME,
        Role.DESCRIPTION: [
            *("Short description", "Kurzbeschreibung", "Description courte"),
            *("Descripción corta", "Breve descrizione", "Korte omschrijving"),
            *("Korte beschrijving", "Krótki opis", "Descrição curta", "Description"),
            *("Beschreibung", "Descripción", "Descrizione", "Beschrijving", "Opis"),
            "Descrição",
        ],
        Role.CATEGORY: [
            *("Categories", "Kategorien", "Catégories", "Categorías", "Categorie"),
            *("Categorieën", "Kategorie", "Categorias"),
        ],
        Role.SELLER: ["Brands", "Marken", "Marques", "Marcas", "Marchi", "Merken", "Marki"],
        Role.PHOTOS: _IMAGES,
    },
    photos_divided_by=",",
    category_levels=">",
    categories_divided_by=",",
    variants=Variants(
        kind=_KIND,
        values=["variation"],
        parent=[
            *("Parent", "Übergeordnetes Produkt", "Superior", "Genitore", "Hoofd"),
            *("Element nadrzędny", "Ascendente"),
        ],
        keys={"ID": "id:{}"} | dict.fromkeys(_SKU, "{}"),
    ),
    by_place=_by_place,
)
register(PROFILE)
