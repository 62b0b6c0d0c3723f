"""A JPEG decoded at a reduced scale shows the model the same picture."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moderation.clip import families
from moderation.clip.backends.torch import Torch
from moderation.clip.checkpoints import checkpoint
from moderation.clip.encoder import Encoder
from moderation.clip.pictures.images import open_image
from moderation.clip.pictures.jpeg_scale import content_box
from moderation.clip.pictures.preprocess import ImageTransform
from moderation.demo import demo_products

pytestmark = pytest.mark.slow

BOUND = 0.002  # on any cosine


def jpeg(image: Image.Image, *, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90, exif=exif)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photos() -> list[bytes]:
    """Drawn products as a camera would give them: large, odd sizes, a little noise."""
    random = np.random.default_rng(0)
    sizes = [(1501, 2001), (2003, 1502), (1999, 1999), (3001, 2251)]
    made = []
    for product, (width, height) in zip(demo_products(4, seed=3), sizes, strict=True):
        drawn = product.image(512).convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
        noise = random.normal(0, 4, (height, width, 1))
        pixels = (np.asarray(drawn) + noise).clip(0, 255).astype(np.uint8)
        made.append(jpeg(Image.fromarray(pixels)))
    return made


def encoders(tiny_folder: Path) -> Iterator[Encoder]:
    from transformers import CLIPConfig, CLIPModel

    # Of ViT-B/32 the vision tower is enough here: one text layer saves its time.
    vit_b_32 = CLIPModel(CLIPConfig(text_config={"num_hidden_layers": 1}))
    tokenizer = checkpoint.load_tokenizer(tiny_folder)
    family = families.of_model(vit_b_32)
    backend = Torch(family, vit_b_32, ImageTransform(), device="cpu", precision="fp32")
    yield Encoder(backend, tokenizer=tokenizer, batch_size=4)
    bundled = checkpoint.resolve("bundled").folder
    yield Encoder.load(bundled, device="cpu", precision="fp32")


def test_no_cosine_moves_by_more_than_the_bound(photos: list[bytes], tiny_folder: Path) -> None:
    random = np.random.default_rng(1)
    for encoder in encoders(tiny_folder):
        edge = encoder.transform.target_edge
        assert open_image(photos[0], shortest_edge=edge).width < 1000, "it is decoded smaller"
        scaled = np.stack(encoder.encode_files(photos))
        whole = encoder.encode_images([open_image(photo) for photo in photos])
        texts = random.normal(size=(1000, encoder.dim)).astype(np.float32)
        texts /= np.linalg.norm(texts, axis=1, keepdims=True)
        others = np.concatenate([texts, whole])  # the pictures themselves point the same way
        assert np.abs(scaled @ others.T - whole @ others.T).max() <= BOUND
        assert np.linalg.norm(scaled - whole, axis=1).max() <= a_grey_level(encoder, photos)


def a_grey_level(encoder: Encoder, photos: list[bytes]) -> float:
    """How far the vectors move where each pixel of the model's is up to one level off."""
    random = np.random.default_rng(2)
    plain = [encoder.transform(open_image(photo)).astype(int) for photo in photos]
    noisy = [pixels + random.integers(-1, 2, pixels.shape) for pixels in plain]
    before, after = (
        encoder.encode_images([Image.fromarray(one.clip(0, 255).astype(np.uint8)) for one in some])
        for some in (plain, noisy)
    )
    return float(np.linalg.norm(before - after, axis=1).min())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(2141, 1605), (2143, 1606), (2144, 1608)])
def test_the_content_stays_where_it_is(orientation: int, size: tuple[int, int]) -> None:
    random = np.random.default_rng(orientation)
    coarse = Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    data = jpeg(coarse.resize(size, Image.Resampling.BICUBIC), orientation=orientation)
    transform = ImageTransform(shortest_edge=None, squash=(64, 64), crop=None)
    whole, scaled = open_image(data), open_image(data, shortest_edge=32)
    assert scaled.size[0] < whole.size[0] / 2
    left, top, right, bottom = content_box(scaled)
    assert whole.width / (right - left) == whole.height / (bottom - top)
    difference = np.abs(transform(whole).astype(int) - transform(scaled).astype(int))
    assert difference.max() <= 2
    assert difference.mean() < 0.2


def test_the_box_holds_for_cropped_strips_too() -> None:
    random = np.random.default_rng(2)
    coarse = Image.fromarray(random.integers(64, 192, (6, 40, 3), dtype=np.uint8))
    data = jpeg(coarse.resize((6003, 1201), Image.Resampling.BICUBIC))
    transform = ImageTransform(shortest_edge=64, crop=(64, 64))
    scaled = open_image(data, shortest_edge=64)
    difference = transform(open_image(data)).astype(int) - transform(scaled)
    assert scaled.size[0] < 3100
    assert np.abs(difference).max() <= 4
