"""Pictures are opened by content, shown as people see them, and refused with a reason."""

import os
import pickle
import re
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moderation.clip.errors import ImageError
from moderation.clip.pictures.images import check_image, open_image, suffix, to_rgb


def picture(width: int = 40, height: int = 30, mode: str = "RGB") -> Image.Image:
    red, green = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([red, green, 255 - red], axis=2).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def palette_picture() -> Image.Image:
    image = Image.new("P", (8, 8), 3)
    image.putpalette(bytes(range(12)))
    return image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def refused(source: object, **options: int) -> ImageError:
    with pytest.raises(ImageError) as caught:
        open_image(source, **options)  # type: ignore[arg-type]
    sentence = str(caught.value)
    if "shortest_edge" not in options:
        with pytest.raises(ImageError) as checked:
            check_image(source, **options)  # type: ignore[arg-type]
        assert (str(checked.value), checked.value.code) == (sentence, caught.value.code)
    assert sentence.endswith(".")
    assert "/" not in sentence, "a message must not give away the folders of the server"
    return caught.value


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_opens_each_type_from_path_text_bytes_and_file(kind: str, tmp_path: Path) -> None:
    data = encoded(picture(), kind)
    path = tmp_path / "photo.bin"  # the name's ending says nothing
    path.write_bytes(data)
    started = BytesIO(data)
    started.read(7)
    opened = [open_image(source) for source in (path, str(path), data, started)]
    for image in opened:
        assert (image.mode, image.size) == ("RGB", (40, 30))
        assert np.array_equal(np.asarray(image), np.asarray(opened[0]))
    assert not started.closed


def test_a_file_that_cannot_seek_is_read_to_its_end() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb") as writer:
        writer.write(encoded(picture(), "PNG"))
    with os.fdopen(read_end, "rb") as reader:
        assert open_image(reader).size == (40, 30)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_turns_the_picture_as_its_exif_says(orientation: int) -> None:
    original = Image.new("RGB", (40, 30), "white")
    original.paste((255, 0, 0), (0, 0, 12, 12))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = open_image(encoded(original, "JPEG", exif=exif, quality=95))
    assert image.size == ((40, 30) if orientation == 3 else (30, 40))
    turned = {3: (39, 29), 6: (29, 0), 8: (0, 39)}[orientation]
    red, green, _ = image.getpixel(turned)
    assert red > 200
    assert green < 80
    assert "exif" not in image.info or not image.getexif().get(0x0112)


SIX = {
    "ASCII": (2, 2, b"6\0\0\0"),
    "ASCII without its end": (2, 1, b"6\0\0\0"),
    "BYTE": (1, 1, b"\6\0\0\0"),
    "UNDEFINED": (7, 1, b"\6\0\0\0"),
    "UNDEFINED of two": (7, 2, b"\6\0\0\0"),
    "two SHORT": (3, 2, b"\6\0\6\0"),
    "LONG": (4, 1, b"\6\0\0\0"),
    "FLOAT": (11, 1, struct.pack("<f", 6)),
}
UNREADABLE = {
    "a word": (2, 4, b"top\0"),
    "nothing": (7, 1, b"\0\0\0\0"),
    "nine": (3, 1, b"\x09\0\0\0"),
    "not a number": (11, 1, struct.pack("<f", float("nan"))),
}


def with_orientation(image: Image.Image, kind: int, count: int, value: bytes) -> bytes:
    entry = struct.pack("<HHI", 0x112, kind, count) + value
    ifd = struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    return encoded(image, "JPEG", exif=b"Exif\0\0II*\0" + ifd)


@pytest.mark.parametrize("name", SIX | UNREADABLE)
@pytest.mark.parametrize("size", [(40, 30), (1403, 1871)])
def test_an_orientation_of_another_type_is_read_or_left(name: str, size: tuple[int, int]) -> None:
    data = with_orientation(picture(*size), *(SIX | UNREADABLE)[name])
    image = open_image(data, shortest_edge=224)
    assert (image.width > image.height) is ((size[0] > size[1]) is (name not in SIX))
    assert to_rgb(image).size == image.size  # it is turned once
    check_image(data)


def test_damaged_exif_does_not_spoil_the_picture() -> None:
    data = encoded(picture(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xffgarbage")
    assert open_image(data).size == (40, 30)


@pytest.mark.parametrize(
    ("image", "kind", "options"),
    [
        (Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "PNG", {}),
        (Image.new("LA", (8, 8), (0, 0)), "PNG", {}),
        (Image.new("RGBA", (8, 8), (0, 0, 255, 0)), "WEBP", {"lossless": True}),
        (palette_picture(), "GIF", {"transparency": 3}),
        (palette_picture(), "PNG", {"transparency": 3}),
        (Image.new("RGB", (8, 8), (10, 20, 30)), "PNG", {"transparency": (10, 20, 30)}),
    ],
)
def test_transparent_pixels_become_white(
    image: Image.Image, kind: str, options: dict[str, object]
) -> None:
    assert open_image(encoded(image, kind, **options)).getpixel((4, 4)) == (255, 255, 255)


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 128))
    assert open_image(encoded(image, "PNG")).getpixel((1, 1)) == (255, 127, 127)


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    grey = np.full((6, 6), 0x8080, dtype=np.uint16)
    assert open_image(encoded(Image.fromarray(grey), "PNG")).getpixel((2, 2)) == (128,) * 3


@pytest.mark.parametrize(("mode", "kind"), [("L", "PNG"), ("1", "PNG"), ("CMYK", "JPEG")])
def test_other_colour_modes_become_rgb(mode: str, kind: str) -> None:
    image = open_image(encoded(picture(mode=mode), kind))
    assert (image.mode, image.size) == ("RGB", (40, 30))


def test_only_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_image(data).getpixel((4, 4)) == (255, 0, 0)


def test_says_what_is_wrong_with_a_path(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    assert refused(tmp_path / "none.jpg").code == "missing"
    assert refused("bad\x00name").code == "missing"
    assert refused(tmp_path / "empty.jpg").code == "empty"
    assert refused(tmp_path / "pipe.jpg").code == "not_an_image"
    assert "folder" in str(refused(tmp_path))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"product_id,image_path\n1,a.jpg\n", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
        (encoded(picture(), "BMP"), "unsupported_type"),
        (encoded(picture(), "TIFF"), "unsupported_type"),
        (b"%PDF-1.7 ...", "unsupported_type"),
        (b"\x00\x00\x00\x1cftypheic" + bytes(40), "unsupported_type"),
    ],
)
def test_refuses_what_is_not_an_accepted_picture(data: bytes, code: str) -> None:
    assert refused(data).code == code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_refuses_a_file_that_was_cut_off(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    assert refused(data[: max(12, int(len(data) * share))]).code == "truncated"


def test_random_damage_never_raises_anything_else() -> None:
    random = np.random.default_rng(1)
    for kind in ("JPEG", "PNG", "WEBP", "GIF"):
        whole = encoded(picture(), kind)
        for _ in range(60):
            data = bytearray(whole)
            for place in random.integers(4, len(data), 6):
                data[place] = random.integers(0, 256)
            try:
                check_image(bytes(data), max_pixels=1_000_000)
                assert open_image(bytes(data), max_pixels=1_000_000).mode == "RGB"
            except ImageError as error:
                assert error.code in ("truncated", "too_many_pixels", "not_an_image")


def chunk(kind: bytes, body: bytes, *, error: int = 0) -> bytes:
    checksum = zlib.crc32(kind + body) ^ error
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def png_header(width: int, height: int) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


def with_chunks(png: bytes, *, early: bytes = b"", late: bytes = b"") -> bytes:
    """`early` behind the header, `late` behind the picture."""
    head, end = 8 + 25, len(png) - 12
    return png[:head] + early + png[head:end] + late + png[end:]


BIG = zlib.compress(bytes(3_000_000))


@pytest.mark.parametrize(
    "beside",
    [
        chunk(b"iCCP", b"icc\0\0" + BIG),
        chunk(b"zTXt", b"Comment\0\0" + BIG),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BIG),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + bytes(3_000_000)),
        chunk(b"tEXt", b"Comment\0" + b"x" * 1_000_000) * 70,
        chunk(b"tEXt", b"Comment\0x", error=1),
        chunk(b"zTXt", b"Comment\0\7x"),
        chunk(b"eXIf", b"MM\0*", error=1),
        chunk(b"pHYs", b"short"),
        chunk(b"acTL", b"odd"),
    ],
)
@pytest.mark.parametrize("place", ["early", "late"])
def test_what_stands_beside_a_png_s_picture_does_not_spoil_it(beside: bytes, place: str) -> None:
    plain = encoded(picture(), "PNG")
    data = with_chunks(plain, **{place: beside})
    check_image(data)
    assert np.array_equal(np.asarray(open_image(data)), np.asarray(open_image(plain)))


def test_a_png_is_turned_and_made_opaque_as_its_chunks_say() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = open_image(encoded(palette_picture().resize((8, 4)), "PNG", exif=exif, transparency=3))
    assert (image.size, image.getpixel((2, 4))) == ((4, 8), (255, 255, 255))


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE"])
def test_a_wrong_checksum_of_the_picture_itself_is_damage(kind: bytes) -> None:
    data = bytearray(encoded(palette_picture(), "PNG"))
    data[data.index(kind) + 6] ^= 1
    assert refused(bytes(data)).code == "truncated"


# ── JPEGs that end early ──────────────────────────────────────────────────────────────────────
JPEGS = {
    "baseline": {},
    "grey": {"mode": "L"},
    "CMYK": {"mode": "CMYK"},
    "whole chroma": {"subsampling": 0},
    "restarts": {"restart_marker_blocks": 5},
    "progressive": {"progressive": True},
}


def noisy_jpeg(
    *, mode: str = "RGB", size: tuple[int, int] = (240, 400), **options: object
) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (*reversed(size), 3), dtype=np.uint8)
    return encoded(Image.fromarray(noise).convert(mode), "JPEG", **options)


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("cut", [1, 2])
def test_a_jpeg_without_its_end_mark_is_the_same_picture(kind: str, cut: int) -> None:
    whole = noisy_jpeg(**JPEGS[kind])
    check_image(whole[:-cut])
    found = open_image(whole[:-cut])
    assert np.array_equal(np.asarray(found), np.asarray(open_image(whole)))


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
def test_a_jpeg_cut_off_in_its_picture_is_refused(kind: str, share: float) -> None:
    whole = noisy_jpeg(**JPEGS[kind])
    assert refused(whole[: int(len(whole) * share)]).code == "truncated"


def test_a_jpeg_may_lack_a_strip_of_a_twentieth() -> None:
    whole = noisy_jpeg(size=(240, 1600))  # noise: its bytes are spread evenly
    assert open_image(whole[: int(len(whole) * 0.97)]).size == (240, 1600)
    assert refused(whole[: int(len(whole) * 0.93)]).code == "truncated"


def test_a_jpeg_cut_off_between_two_restarts_is_refused() -> None:
    whole = noisy_jpeg(restart_marker_blocks=5)
    marks = [match.start() for match in re.finditer(rb"\xff[\xd0-\xd7]", whole)]
    for place in marks[: len(marks) // 2 : 7]:
        for end in (place, place + 1, place + 2):
            assert refused(whole[:end]).code == "truncated"


def test_a_progressive_jpeg_without_its_last_scans_is_refused() -> None:
    whole = noisy_jpeg(progressive=True)
    for match in re.finditer(rb"\xff\xda", whole):
        for end in (match.start(), match.start() + 2, match.start() + 14):
            assert refused(whole[:end]).code == "truncated"


def test_the_scans_of_a_thumbnail_are_not_the_picture_s() -> None:
    whole = noisy_jpeg(progressive=True, comment=noisy_jpeg(size=(32, 32)))
    assert whole.count(b"\xff\xda") > noisy_jpeg(progressive=True).count(b"\xff\xda")
    assert open_image(whole[:-2]).size == (240, 400)
    assert refused(whole[: whole.rindex(b"\xff\xda")]).code == "truncated"


@pytest.mark.parametrize(
    ("kind", "ending"), [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("GIF", ".gif")]
)
def test_the_ending_of_a_file_is_told_by_its_content(kind: str, ending: str) -> None:
    assert suffix(encoded(picture(), kind)) == ending
    assert suffix(encoded(picture(), "BMP")) == suffix(b"") == ""


@pytest.mark.parametrize("edge", [10_001, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(edge: int) -> None:
    error = refused(png_header(edge, 10_001))
    assert error.code == "too_many_pixels"
    assert refused(encoded(picture(), "PNG"), max_pixels=1199).code == "too_many_pixels"


def test_refuses_a_file_of_too_many_bytes(tmp_path: Path) -> None:
    data = encoded(picture(), "PNG")
    path = tmp_path / "big.png"
    path.write_bytes(data)
    for source in (data, path, BytesIO(data)):
        assert refused(source, max_bytes=len(data) - 1).code == "too_large"


@pytest.mark.slow
def test_a_large_picture_is_made_smaller_for_the_model_and_no_other() -> None:
    large = picture(3200, 2400)
    jpeg = encoded(large, "JPEG")
    assert open_image(jpeg).size == (3200, 2400)
    assert open_image(jpeg, shortest_edge=224).size == (1600, 1200)
    assert open_image(jpeg, shortest_edge=64).size == (800, 600)
    png = encoded(large, "PNG")
    assert open_image(png).size == (3200, 2400)
    assert open_image(png, shortest_edge=224).size == (1067, 800)
    assert open_image(encoded(large, "WEBP"), shortest_edge=64).size == (534, 400)
    for kind in ("JPEG", "PNG"):
        strip = encoded(picture(3200, 700), kind)
        assert open_image(strip, shortest_edge=64).size == (3200, 700)


def test_many_threads_open_the_same_files(tmp_path: Path) -> None:
    good, bad = encoded(picture(300, 200), "JPEG"), encoded(picture(300, 200), "JPEG")[:900]

    def opened(index: int) -> bool:
        try:
            return open_image(bad if index % 3 == 0 else good).size == (300, 200)
        except ImageError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(opened, range(60))) == [index % 3 != 0 for index in range(60)]


def test_an_image_error_crosses_process_borders_whole() -> None:
    error = pickle.loads(pickle.dumps(ImageError("No.", code="empty")))
    assert (str(error), error.code) == ("No.", "empty")
