"""Small files that would make a decoder work for minutes are refused, or what costs is left out."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from moderation.clip.errors import ImageError
from moderation.clip.pictures import formats
from moderation.clip.pictures.formats.format import MOST_PARTS
from moderation.clip.pictures.images import check_image, open_image
from tools import heavy_pictures
from tools.heavy_pictures import chunk, encoded, gif, png, progressive, riff, segment, webp_chunk


def bare(data: bytes) -> bytes:
    found = formats.of(data[: formats.HEAD])
    assert found is not None
    return found.picture_only(data, name="It", max_pixels=50_000_000)


@pytest.mark.parametrize("kind", heavy_pictures.REFUSED)
def test_refuses_what_would_take_too_long(kind: str) -> None:
    data = heavy_pictures.REFUSED[kind]()
    for read in (check_image, open_image):
        with pytest.raises(ImageError) as caught:
            read(data)
        assert caught.value.code in ("too_much_work", "unsupported_type")
        assert str(caught.value).startswith("The image ")
        assert str(caught.value).endswith(f"; save it anew as an ordinary {kind.split(',')[0]}.")


def test_says_how_many_scans_there_are() -> None:
    with pytest.raises(ImageError, match=r"has 3,001 scans of 7000 x 7000 pixels; save it anew"):
        check_image(heavy_pictures.many_scans(7000, 7000, 3000))


@pytest.mark.parametrize("kind", heavy_pictures.TAKEN)
def test_leaves_out_what_is_beside_the_picture(kind: str) -> None:
    data = heavy_pictures.TAKEN[kind]()
    check_image(data)
    assert open_image(data).size == (64, 64)
    assert len(bare(data)) < 70_000


# ── What usual programs write ─────────────────────────────────────────────────────────────────
def picture(mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 4), dtype=np.uint8)
    return Image.fromarray(noise).convert("RGB").convert(mode)


FILES = {
    "JPEG": encoded(picture(), "JPEG", comment=b"a" * 70, icc_profile=bytes(200_000)),
    "JPEG, grey": encoded(picture("L"), "JPEG", progressive=True),
    "JPEG, CMYK": encoded(picture("CMYK"), "JPEG"),
    "JPEG, progressive": encoded(picture(), "JPEG", progressive=True, subsampling=0),
    "JPEG of two pictures": encoded(
        picture(), "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))]
    ),
    "PNG": encoded(picture("RGBA"), "PNG", icc_profile=bytes(200_000)),
    "PNG, palette": encoded(picture("P"), "PNG", transparency=3),
    "PNG, animated": encoded(picture(), "PNG", save_all=True, append_images=[picture("L")]),
    "GIF": encoded(picture("P"), "GIF", transparency=3, comment=b"a" * 700),
    "GIF, animated": encoded(
        picture("P"), "GIF", save_all=True, append_images=[picture("L")], loop=0
    ),
    "WebP": encoded(picture(), "WEBP", icc_profile=bytes(200_001), xmp=bytes(70_000)),
    "WebP, transparent": encoded(picture("RGBA"), "WEBP"),
    "WebP without loss": encoded(picture("RGBA"), "WEBP", lossless=True),
    "WebP, animated": encoded(picture("RGBA"), "WEBP", save_all=True, append_images=[picture("L")]),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_picture_stays_what_it_is(kind: str) -> None:
    with Image.open(BytesIO(FILES[kind])) as whole, Image.open(BytesIO(bare(FILES[kind]))) as left:
        assert getattr(left, "n_frames", 1) == 1 or kind == "GIF, animated"
        assert (left.mode, left.size) == (whole.mode, whole.size)
        assert np.array_equal(np.asarray(left.convert("RGBA")), np.asarray(whole.convert("RGBA")))
        assert left.info.get("transparency") == whole.info.get("transparency")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_says_which_way_is_up_stays(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert open_image(encoded(picture(), kind, exif=exif)).size == (90, 120)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_cut_anywhere_is_refused_or_shown(kind: str) -> None:
    for end in range(12, len(FILES[kind]), len(FILES[kind]) // 60):
        try:
            check_image(FILES[kind][:end])
        except ImageError as error:
            assert error.code in ("truncated", "not_an_image")


# The scans of `jpegtran -progressive`, which most programs write: components, band, bits.
USUAL = [
    ((1, 2, 3), 0, 0, 0, 1),
    ((1,), 1, 5, 0, 2),
    ((3,), 1, 63, 0, 1),
    ((2,), 1, 63, 0, 1),
    ((1,), 6, 63, 0, 2),
    ((1,), 1, 63, 2, 1),
    ((1, 2, 3), 0, 0, 1, 0),
    ((3,), 1, 63, 1, 0),
    ((2,), 1, 63, 1, 0),
    ((1,), 1, 63, 1, 0),
]


def test_the_usual_scans_are_taken_at_the_largest_size_and_a_hundred_at_a_small_one() -> None:
    largest = progressive(7071, 7071, USUAL, components=3)
    assert len(bare(largest)) == len(largest)
    assert open_image(heavy_pictures.many_scans(640, 480, 99)).size == (640, 480)


def test_scans_of_each_component_are_counted_by_its_size() -> None:
    """Half the chroma each way: the same scans cost less."""
    data = progressive(7071, 7071, USUAL * 2, components=3)
    with pytest.raises(ImageError):
        bare(data)
    frame = data.index(b"\xff\xc2")
    halved = data[: frame + 11] + b"\x22" + data[frame + 12 :]
    assert len(bare(halved)) == len(data)


def test_scans_of_what_is_no_scan_are_not_counted() -> None:
    scan = segment(0xDA, b"\1\1\0\0\0\0")
    jpeg = encoded(picture(), "JPEG", progressive=True)
    first = jpeg.index(b"\xff\xda")
    comment = segment(0xFE, scan * 200)
    for data in (jpeg[:2] + comment + jpeg[2:], jpeg[:first] + comment + jpeg[first:]):
        check_image(data)
    check_image(jpeg + scan * 200)


def test_as_many_parts_as_are_accepted() -> None:
    row = zlib.compress(bytes(64 * 65))
    pixels = [chunk(b"IDAT", row[at : at + 1]) for at in range(len(row))]
    empty = [chunk(b"IDAT", b"")] * (MOST_PARTS - 2 - len(pixels))
    assert open_image(png(pixels=b"".join(empty + pixels))).size == (64, 64)
    assert open_image(gif(b"!\xfe\0", MOST_PARTS)).size == (64, 64)
    with pytest.raises(ImageError, match="more than 50,000 chunks"):
        open_image(png(chunk(b"tEXt", b""), pixels=b"".join(empty + pixels)))


def test_a_webp_is_cut_off_where_its_own_size_says_so() -> None:
    whole = encoded(picture(), "WEBP")
    check_image(whole + webp_chunk(b"VP8 ", b"") * (MOST_PARTS + 1))
    with pytest.raises(ImageError, match="cut off"):
        check_image(whole[:4] + struct.pack("<I", len(whole) // 2) + whole[8:])


def test_a_large_progressive_jpeg_without_its_end_is_refused_before_it_is_decoded() -> None:
    usual = progressive(7071, 7071, USUAL, components=3)
    for data in (usual[:-2], encoded(picture(), "JPEG", progressive=True)[:-2] + bytes(6_000_000)):
        with pytest.raises(ImageError, match="no end mark; send it again"):
            bare(data)


@pytest.mark.parametrize(
    ("bits", "colours", "interlaced", "most"),
    [
        (8, 2, False, 7071),  # RGB
        (8, 3, False, 12247),  # a palette
        (8, 6, False, 5477),  # with alpha
        (8, 2, True, 6123),
        (16, 2, False, 5000),
        (16, 6, True, 3872),
    ],
)
def test_a_png_may_have_as_many_pixels_as_its_bits_allow(
    bits: int, colours: int, interlaced: bool, most: int
) -> None:
    for side, accepted in ((most, True), (int(most * 1.01), False)):
        data = png(
            size=(side, side),
            bits=bits,
            colours=colours,
            interlaced=interlaced,
            pixels=chunk(b"IDAT", b""),
        )
        if accepted:
            assert len(bare(data)) == len(data)
        else:
            with pytest.raises(ImageError, match="such are accepted, send a smaller picture"):
                bare(data)


def test_a_transparent_webp_may_have_fewer_pixels() -> None:
    for side, alpha, accepted in ((5477, True, True), (5500, True, False), (7071, False, True)):
        flags = bytes([0x10 * alpha, 0, 0, 0])
        head = webp_chunk(b"VP8X", flags + (side - 1).to_bytes(3, "little") * 2)
        bits = (side - 1) | (side - 1) << 14 | alpha << 28
        lossless = webp_chunk(b"VP8L", b"\x2f" + struct.pack("<I", bits) + bytes(20))
        for data in (riff(head, webp_chunk(b"VP8 ", b"")), riff(lossless)):
            if accepted:
                assert len(bare(data)) == len(data)
            else:
                with pytest.raises(ImageError, match="5500 x 5500 pixels of 32 bits; at most 30,0"):
                    bare(data)
