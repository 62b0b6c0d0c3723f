"""Google Merchant's feeds as tables and in XML; Meta, TikTok and Pinterest take the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.services.catalogue.catalogue_file import open_catalogue
from moderation.services.catalogue.catalogue_formats import CatalogueFileError
from moderation.services.catalogue.catalogue_formats import xml as xml_format
from tests.support.exports import listings, shown

CDN = "https://cdn.shop.example"
NAMESPACE = 'xmlns:g="http://base.google.com/ns/1.0"'
PHOTOS = (f"{CDN}/1.jpg", f"{CDN}/w_1,h_2/2.jpg", f"{CDN}/3.jpg")
EVIDENCE = "Google Merchant (also Meta, TikTok, Pinterest): has the columns id, title and"


def feed(folder: Path, text: str | bytes) -> Path:
    path = folder / "feed.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rss(*items: str) -> str:
    content = "\n".join(f"<item>{item}</item>" for item in items)
    return f'<rss version="2.0" {NAMESPACE}><channel><title>Shop</title>{content}</channel></rss>'


ITEM = f"<g:id>A1</g:id><title>Vase</title><g:image_link>{CDN}/1.jpg</g:image_link>"


@pytest.mark.parametrize("ending", ["tsv", "txt"])
def test_a_table_divided_by_tabs_with_quotes_as_they_stand(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"feed.{ending}"
    path.write_text(
        "id\ttitle\tdescription\timage_link\tadditional_image_link\tproduct_type\t"
        "google_product_category\tbrand\titem_group_id\n"
        f'A1\t12" pipe, red\tx\t{CDN}/1.jpg\t{CDN}/w_1,h_2/2.jpg,{CDN}/3.jpg\tPipes\t2271\tAcme\tG'
        f"\nA2\tPipe, blue\tx\t{CDN}/9.jpg\t\t\tFood, Beverages & Tobacco > Tea, Herbs\tAcme\tG\n"
    )
    rows = listings(path)
    assert shown(rows) == [
        (2, "A1", '12" pipe, red', PHOTOS),
        (3, "A2", "Pipe, blue", (f"{CDN}/9.jpg",)),
    ]
    assert [row.category for row in rows] == ["Pipes", "Tea, Herbs"]
    assert [row.seller for row in rows] == ["Acme", "Acme"]
    assert open_catalogue(path).mapping.evidence == f"{EVIDENCE} image_link."


@pytest.mark.parametrize(
    "header",
    [
        "id,title,image link,additional image link",
        "sku_id,title,description,image_link,additional_image_link",  # TikTok
    ],
)
def test_the_spellings_of_other_channels(tmp_path: Path, header: str) -> None:
    path = tmp_path / "feed.csv"
    cells = {"id": "A1", "sku_id": "A1", "title": "Vase", "description": "x"}
    photos = f'{CDN}/1.jpg,"{CDN}/2.jpg, {CDN}/3.jpg"'
    row = ",".join(cells[name] for name in header.split(",") if name in cells)
    path.write_text(f"{header}\n{row},{photos}\n")
    assert len(listings(path)[0].photos) == 3


def test_rss_2_with_cdata_entities_and_repeated_elements(tmp_path: Path) -> None:
    item = (
        "<g:id>A1</g:id><title>Not this one</title>"
        "<g:title><![CDATA[Salt & pepper <mill>]]></g:title><description>&lt;p&gt;x</description>"
        f"<g:image_link> {CDN}/1.jpg </g:image_link>"
        f"<g:additional_image_link>{CDN}/w_1,h_2/2.jpg</g:additional_image_link>"
        f"<g:additional_image_link>{CDN}/3.jpg</g:additional_image_link>"
        "<g:product_type>Kitchen &gt; Mills</g:product_type><g:product_type>Gifts</g:product_type>"
        "<g:shipping><g:country>DE</g:country></g:shipping><c:note>x</c:note>"
    )
    text = rss(item, f"\n{ITEM}").replace("<rss ", '<rss xmlns:c="http://other.example/" ')
    path = feed(tmp_path, text)

    rows = listings(path)

    assert shown(rows) == [
        (1, "A1", "Salt & pepper <mill>", PHOTOS),
        (2, "A1", "Vase", (f"{CDN}/1.jpg",)),
    ]
    assert rows[0].category == "Mills"
    file = open_catalogue(path)
    assert file.mapping.evidence == f"{EVIDENCE} image_link." and file.ignored == ("shipping",)


def test_rss_1_and_atom(tmp_path: Path) -> None:
    rdf = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        f'xmlns="http://purl.org/rss/1.0/" {NAMESPACE}><channel/><item rdf:about="x">{ITEM}</item>'
        "</rdf:RDF>"
    )
    atom = (
        f'<feed xmlns="http://www.w3.org/2005/Atom" {NAMESPACE}><id>tag:shop</id><entry>'
        f"<id>tag:shop,2026:1</id>{ITEM}<summary>Tall</summary></entry></feed>"
    )
    for text in (rdf, atom):
        assert shown(listings(feed(tmp_path, text))) == [(1, "A1", "Vase", (f"{CDN}/1.jpg",))]


def test_other_encodings_are_read_as_the_feed_declares_them(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="windows-1252"?>' + rss(ITEM.replace("Vase", "Größe"))
    assert listings(feed(tmp_path, text.encode("cp1252")))[0].text == "Größe"


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "declared",
    [
        f'<!DOCTYPE rss [<!ENTITY l0 "ha">{LAUGHS}]>',
        '<!DOCTYPE rss [<!ENTITY l11 SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE rss [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
        '<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_a_feed_that_may_do_harm_is_refused(tmp_path: Path, declared: str) -> None:
    path = feed(tmp_path, declared + rss(ITEM.replace("Vase", "&l11;")))
    with pytest.raises(CatalogueFileError, match=r"declares a document type|amplification"):
        open_catalogue(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (rss(ITEM)[:-30], "is not whole XML"),
        (rss(ITEM).replace(NAMESPACE, ""), "Namespace prefix g on id is not defined"),
        (rss(ITEM.replace("Vase", "Tom & Jerry")), "is not whole XML"),
        (rss(ITEM.replace("Vase", "a&nbsp;b")), "is not whole XML"),
        ("<html><body>Not found</body></html>", "has no <item> and no <entry>"),
        ("", "is not whole XML"),
        (rss("<g:id>1</g:id><title>x</title>"), "lacks the columns"),
    ],
)
def test_what_is_no_feed_gets_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(CatalogueFileError, match=words):
        open_catalogue(feed(tmp_path, text))


def test_a_file_without_items_is_not_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml_format, "_BYTES_AT_MOST", 1 << 20)
    for text in (f"<rows>{'<row>x</row>' * 200_000}</rows>", rss("<g:x>y</g:x>" * 200_000)):
        with pytest.raises(CatalogueFileError, match="1 MB in which no <item>"):
            open_catalogue(feed(tmp_path, text))


def test_lines_are_true_far_into_a_long_feed(tmp_path: Path) -> None:
    path = feed(tmp_path, rss(*[f"\n{ITEM}"] * 40_000))
    assert listings(path)[-1].line in (79_999, 80_000)  # the parser's own count, beyond 65,535
