"""Sunglasses from the front."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import DARK, RGB, STEEL, darker, lighter, mix
from moderation.demo.fields import Field
from moderation.demo.looks import Look
from moderation.demo.paths import Outline, curve, ellipse, flipped


def sunglasses(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    kind = int(rng.integers(3))
    lens_colour = mix(DARK, (0.25, 0.2, 0.14) if rng.random() < 0.5 else look.base, 0.3)
    # Folded behind the lenses, which let them show through.
    arm = canvas.line(
        curve([[10, 45], [34, 51], [58, 58.5], [63, 63]], closed=False),
        curve([[90, 45], [66, 51], [42, 58.5], [37, 63]], closed=False),
        width=2.4,
    )
    canvas.paint(arm, darker(look.base, 0.25), relief=canvas.puff(arm, 1, 1.3), gloss=0.3)
    shape = _lens(kind)
    glass = canvas.mask(shape, flipped(shape))
    frame = _frame(canvas, shape, glass)
    _tint(canvas, glass, lens_colour)
    canvas.paint(
        frame, look.base, relief=canvas.puff(frame, 1.3, 1.5), cast=0.35, gloss=0.55, shine=22
    )
    hinge = canvas.dots([[11.4, 44], [88.6, 44]], 0.8)
    canvas.paint(hinge, STEEL)
    canvas.stand(28, 68.5, 15, strength=0.3)
    canvas.stand(72, 68.5, 15, strength=0.3)


def _lens(kind: int) -> Outline:
    """The left lens: of aviators, round, or of wayfarers."""
    if kind == 1:
        return ellipse(28.5, 53, 16, 14.4)
    if kind == 0:
        return curve(
            [
                [13, 44], [22, 41], [36, 41.5], [44.5, 45], [45, 54], [40, 63.5], [29, 67],
                [18, 63], [12, 53],
            ]
        )
    return curve(
        [[9, 39], [24, 42], [38, 43], [45, 47], [44, 57], [36, 64], [24, 64.5], [15, 57]]
    )


def _frame(canvas: Canvas, shape: Outline, glass: Field) -> Field:
    """Rims around both lenses, and the bridge between them."""
    middle = shape.mean(axis=0)
    outer = middle + (shape - middle) * 1.21
    bridge = canvas.line(
        curve([[42.5, 48], [46, 44.6], [54, 44.6], [57.5, 48]], closed=False), width=3.4
    )
    frame = canvas.mask(outer, flipped(outer), holes=[shape, flipped(shape)])
    return np.maximum(frame, bridge * (1 - glass))


def _tint(canvas: Canvas, glass: Field, colour: RGB) -> None:
    """Darker above, with the reflections of two windows."""
    fade = np.clip((canvas.y - 38) / 32, 0, 1)[..., None]
    tinted = (
        np.array(darker(colour, 0.35)) * (1 - fade) + np.array(lighter(colour, 0.32)) * fade
    ).astype(np.float32)
    canvas.paint(glass, tinted, opacity=0.9)
    gleam = canvas.mask(
        *(np.array([[x, 36], [x + 7, 36], [x - 8, 70], [x - 15, 70]]) for x in (26, 70)),
        *(np.array([[x, 36], [x + 2.4, 36], [x - 12.6, 70], [x - 15, 70]]) for x in (36.5, 80.5)),
    )
    canvas.tone(gleam * glass * np.clip(1.3 - fade[..., 0], 0, 1), 0.26)
