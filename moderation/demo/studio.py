"""The light background, the shadows on it and the camera: from a drawn product to a photo."""

import numpy as np
from PIL import Image

from .canvas import Canvas
from .colours import RGB, luminance
from .fields import Field, blur, shifted

# Light paper tints; the darker ones are kept for products that are nearly white.
PAPERS: tuple[RGB, ...] = (
    (0.955, 0.955, 0.955),
    (0.960, 0.950, 0.935),
    (0.935, 0.948, 0.960),
    (0.955, 0.935, 0.925),
    (0.930, 0.945, 0.930),
    (0.945, 0.935, 0.955),
    (0.900, 0.905, 0.910),
)
DEEP_PAPERS: tuple[RGB, ...] = (
    (0.760, 0.780, 0.800),
    (0.800, 0.775, 0.745),
    (0.745, 0.785, 0.775),
    (0.790, 0.765, 0.785),
    (0.720, 0.730, 0.745),
)


def photograph(canvas: Canvas, *, colour: RGB) -> Image.Image:
    """Put the product in its studio: [H, W] RGB image. `colour` decides how light the paper is."""
    rng = canvas.rng
    pale = luminance(colour) > 0.8
    papers = DEEP_PAPERS if pale else PAPERS
    paper = np.array(papers[int(rng.integers(len(papers)))], np.float32)
    scene = _backdrop(canvas, paper)
    scene *= (1 - _shadow(canvas))[..., None]
    cover = canvas.alpha[..., None]
    scene = canvas.rgb + scene * (1 - cover)
    return _develop(scene, rng)


def _backdrop(canvas: Canvas, paper: Field) -> Field:
    """A sheet of paper with a pool of light and a little fall-off to the corners."""
    height, width = canvas.alpha.shape
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    lx, ly = float(canvas.light[0]), float(canvas.light[1])
    pool = (columns - lx * 0.7) ** 2 + (rows - ly * 0.7) ** 2
    light = 1.035 - 0.055 * pool
    if canvas.ground:
        # The floor sweeps up into the wall: a soft change of tone where the paper bends.
        line = max(y for _, y, _, _ in canvas.ground) / 50 - 1
        bend = 1 / (1 + np.exp(-(rows - line + 0.42) * 7))
        light = light * (1.0 - 0.045 * bend)
    return light[..., None] * paper


def _shadow(canvas: Canvas) -> Field:
    """How much light the product takes from the paper, 0..1."""
    unit = canvas.unit
    lx, ly = float(canvas.light[0]), float(canvas.light[1])
    if not canvas.ground:
        wide = blur(shifted(canvas.alpha, -lx * 4.5 * unit, -ly * 4.5 * unit), 2.6 * unit)
        near = blur(shifted(canvas.alpha, -lx * 1.2 * unit, -ly * 1.2 * unit), 0.7 * unit)
        return np.clip(0.24 * wide + 0.22 * near, 0, 0.8)
    dark = np.zeros_like(canvas.alpha)
    scale = float(np.sqrt(abs(np.linalg.det(canvas.matrix))))
    rows = np.arange(canvas.height, dtype=np.float32)[:, None] + 0.5
    columns = np.arange(canvas.width, dtype=np.float32)[None, :] + 0.5
    for x, y, reach, strength in canvas.ground:
        px, py = canvas.to_pixels([[x, y]])[0]
        for grow, flat, drift, share in ((1.3, 0.2, 0.28, 0.5), (0.98, 0.07, 0.03, 0.75)):
            rx, ry = reach * grow * scale, max(reach * flat, 1.1) * scale
            away = ((columns - px + lx * drift * rx) / rx) ** 2 + ((rows - py) / ry) ** 2
            dark = 1 - (1 - dark) * (1 - strength * share * np.exp(-1.6 * away))
    return np.clip(dark, 0, 0.85)


def _develop(scene: Field, rng: np.random.Generator) -> Image.Image:
    """Exposure, a soft shoulder in the highlights and a trace of sensor noise."""
    scene = scene * np.float32(rng.uniform(0.97, 1.03))
    over = np.clip(scene - 0.9, 0, None)
    scene = np.minimum(scene, 0.9) + over / (1 + over * 5)
    noise = rng.standard_normal(scene.shape[:2], dtype=np.float32)[..., None]
    pixels = scene * 255 + noise * np.float32(rng.uniform(0.6, 1.8)) + 0.5
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
