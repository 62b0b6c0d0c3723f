"""Large pictures cost little memory, and the model sees the same of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moderation.clip.backends.core_count import cpu_cores
from moderation.clip.checkpoints import checkpoint
from moderation.clip.encoder import Encoder
from moderation.clip.pictures import large_images
from moderation.clip.pictures.images import check_image, open_image
from moderation.clip.pictures.jpeg_scale import content_box
from moderation.clip.pictures.preprocess import ImageTransform
from moderation.demo import demo_products
from tests.clip.pictures.test_jpeg_scale import a_grey_level

pytestmark = pytest.mark.slow


def png(image: Image.Image, *, orientation: int = 1, kind: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = BytesIO()
    image.save(buffer, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    return buffer.getvalue()


PEAK = """
import resource, sys
from moderation.clip.pictures.images import open_image
open_image(sys.argv[2], shortest_edge=224)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
open_image(sys.argv[1], shortest_edge=224)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_large_transparent_turned_png_takes_its_own_size_and_little_more(tmp_path: Path) -> None:
    large, small = tmp_path / "large.png", tmp_path / "small.png"
    large.write_bytes(png(Image.new("RGBA", (5000, 5000), (200, 20, 20, 99)), orientation=6))
    small.write_bytes(png(Image.new("RGBA", (50, 50)), orientation=6))
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(large), str(small)],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 160, "MiB; the decoded picture alone has 95"


def test_no_more_large_pictures_than_cores_are_decoded_at_once() -> None:
    large = Image.new("L", (2000, 1000))
    files = [png(large), png(large, kind="WEBP")]
    with ExitStack() as taken, ThreadPoolExecutor(4) as pool:
        for _ in range(cpu_cores()):
            taken.enter_context(large_images.decode_slot(large))
        waiting = [
            pool.submit(action, file) for action in (open_image, check_image) for file in files
        ]
        assert open_image(png(Image.new("L", (50, 50)))).size == (50, 50), "small ones never wait"
        with pytest.raises(TimeoutError):
            waiting[0].result(timeout=0.5)
        assert not any(future.done() for future in waiting)
        taken.close()
        for future in waiting:
            future.result()


def test_a_damaged_large_picture_gives_its_place_back() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500), dtype=np.uint8)
    data = png(Image.fromarray(noise))[:100_000]
    for _ in range(cpu_cores() + 1):
        with pytest.raises(Exception, match="damaged"):
            open_image(data)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1", "I;16"])
def test_a_large_picture_of_any_mode_is_the_same_in_bands(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (1501, 1403, 4), dtype=np.uint8)
    if mode == "I;16":
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(pixels).convert("RGB" if mode == "P" else "RGBA").convert(mode)
    data = png(image, orientation=8)
    found = open_image(data)
    monkeypatch.setattr(large_images, "LARGE", 10**9)
    assert np.array_equal(np.asarray(found), np.asarray(open_image(data)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_content_stays_where_it_is(orientation: int) -> None:
    random = np.random.default_rng(orientation)
    coarse = Image.fromarray(random.integers(0, 256, (9, 12, 4), dtype=np.uint8))
    data = png(coarse.resize((2143, 1606), Image.Resampling.BICUBIC), orientation=orientation)
    transform = ImageTransform(shortest_edge=None, squash=(64, 64), crop=None)
    whole, reduced = open_image(data), open_image(data, shortest_edge=32)
    assert reduced.size[0] < whole.size[0] / 3
    left, top, right, bottom = content_box(reduced)
    assert whole.width / (right - left) == pytest.approx(whole.height / (bottom - top))
    difference = np.abs(transform(whole).astype(int) - transform(reduced).astype(int))
    assert difference.max() <= 4
    assert difference.mean() < 0.3


@pytest.fixture(scope="module")
def bundled() -> Iterator[Encoder]:
    folder = checkpoint.resolve("bundled").folder
    return Encoder.load(folder, device="cpu", precision="fp32")


# On any cosine. Which factor a picture is reduced by makes no difference: what moves the vectors is
# the noise of single pixels, which is gone either way, a little otherwise.
BOUND = 0.004


def test_no_cosine_moves_by_more_than_the_bound(bundled: Encoder) -> None:
    random = np.random.default_rng(0)
    sizes = [(1501, 2001), (2003, 1502), (1999, 1999), (3001, 2251)]
    files = []
    for product, (width, height) in zip(demo_products(4, seed=3), sizes, strict=True):
        drawn = product.image(512).convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
        pixels = np.asarray(drawn) + random.normal(0, 4, (height, width, 1))
        files.append(png(Image.fromarray(pixels.clip(0, 255).astype(np.uint8))))
    edge = bundled.transform.target_edge
    assert open_image(files[0], shortest_edge=edge).width < 800, "it is made smaller"
    reduced = np.stack(bundled.encode_files(files))
    whole = bundled.encode_images([open_image(file) for file in files])
    texts = random.normal(size=(1000, bundled.dim)).astype(np.float32)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    others = np.concatenate([texts, whole])
    assert np.abs(reduced @ others.T - whole @ others.T).max() <= BOUND
    assert np.linalg.norm(reduced - whole, axis=1).max() <= a_grey_level(bundled, files)
