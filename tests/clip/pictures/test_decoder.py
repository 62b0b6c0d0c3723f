"""Who decodes is an argument: another decoder is one function."""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image

from moderation.clip.encoder import Encoder
from moderation.clip.errors import ImageError
from moderation.clip.pictures.images import open_image
from tests.support.clip_models import photo


def ppm(file: BinaryIO, *, name: str, shortest_edge: int | None, max_pixels: int) -> Image.Image:
    """Portable pixmaps, which the usual decoder refuses."""
    kind, size, _depth, pixels = file.read().split(b"\n", 3)
    width, height = map(int, size.split())
    if kind != b"P6" or width * height > max_pixels:
        raise ImageError(f"{name} is no pixmap.", code="unsupported_type")
    return Image.frombytes("RGB", (width, height), pixels)


def pixmap(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PPM")
    return buffer.getvalue()


def test_another_decoder_reads_what_is_sent_within_the_same_limits(tmp_path: Path) -> None:
    data = pixmap(photo(1))
    (tmp_path / "a.ppm").write_bytes(data)
    for source in (data, tmp_path / "a.ppm"):
        assert np.array_equal(open_image(source, decode=ppm), photo(1))
        with pytest.raises(ImageError):
            open_image(source)
    with pytest.raises(ImageError) as caught:
        open_image(data, decode=ppm, max_bytes=100)
    assert caught.value.code == "too_large"


def test_an_encoder_reads_files_by_its_decoder(tiny_folder: Path) -> None:
    encoder = Encoder.load(tiny_folder, device="cpu", precision="fp32", decode=ppm, max_pixels=3000)
    [found, large, jpeg] = encoder.encode_files(
        [pixmap(photo(1)), pixmap(photo(1, 80, 80)), b"\xff\xd8\xff\n1 1\n255\nx"]
    )
    assert np.array_equal(found, encoder.encode_images([photo(1)])[0])
    assert isinstance(large, ImageError) and isinstance(jpeg, ImageError)
