"""A sneaker from the side, toe to the right."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import DARK, RGB, WHITE, darker, lighter, luminance, mix
from moderation.demo.fields import Field
from moderation.demo.looks import Look
from moderation.demo.paths import curve


def sneaker(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    # The ankle: most are low, some are high-tops.
    top = rng.uniform(44, 49) if rng.random() < 0.7 else rng.uniform(26, 33)
    throat = _throat(top)
    pale = luminance(look.base) > 0.75
    sole_colour = mix(WHITE, look.base, 0.06) if rng.random() < 0.8 or not pale else look.second
    accent = look.second
    upper = curve(
        [
            [12, 70], [10.5, 56], [11.5, top + 2], [15, top - 3], [20, top + 1], [28, top + 5],
            [36, top + 1], [40, top - 2, 1], [*throat[1]], [*throat[2]], [68, 56.5], [80, 58.5],
            [89, 63], [92, 71], [90, 76, 1], [12, 76, 1],
        ]
    )
    inside = canvas.mask(
        curve(
            [[14, top], [26, top - 3], [39.5, top - 2], [36, top + 4], [27, top + 7], [17, top + 3]]
        )
    )
    canvas.paint(inside, darker(look.base, 0.55))
    tongue = canvas.mask(
        curve(
            [
                [36, top + 2, 1], [37, top - 7], [43, top - 7.5], [46, top - 2], [*throat[2]],
                [50, 58, 1],
            ]
        )
    )
    canvas.paint(tongue, lighter(look.base, 0.08), relief=canvas.puff(tongue, 2))
    mask = canvas.mask(upper)
    relief = (
        canvas.puff(mask, 2, 0.9)
        + canvas.puff(mask, 8, 0.9)
        + canvas.noise(14) * np.float32(canvas.unit * 0.4)
    )
    canvas.paint(mask, look.base, relief=relief, gloss=0.1, shine=10, cast=0.3)
    _caps(canvas, look, mask, relief, top, sole_colour)
    _sides(canvas, look, mask, relief, top, accent)
    _sole(canvas, look, sole_colour)
    canvas.stand(51, 86, 43)


def _caps(
    canvas: Canvas, look: Look, mask: Field, relief: Field, top: float, sole_colour: RGB
) -> None:
    """Toe cap and heel cap."""
    rng = look.rng
    accent = look.second
    toe = (
        canvas.mask(curve([[70, 80, 1], [71, 66], [78, 60], [86, 58], [96, 66], [95, 80, 1]]))
        * mask
    )
    canvas.paint(
        toe,
        darker(look.base, 0.12) if rng.random() < 0.6 else mix(sole_colour, look.base, 0.1),
        relief=relief,
        gloss=0.12,
    )
    canvas.seam(
        curve([[70.5, 75], [71.5, 66], [77, 60], [80, 58.5]], closed=False), width=0.5, depth=0.35
    )
    heel = (
        canvas.mask(
            curve([[8, 80, 1], [8, top + 12], [14, top + 8], [20, 54], [26, 64], [27, 80, 1]])
        )
        * mask
    )
    canvas.paint(
        heel, accent if rng.random() < 0.5 else darker(look.base, 0.16), relief=relief, gloss=0.12
    )


def _throat(top: float) -> list[tuple[float, float]]:
    """Points down the front of the shoe, from the ankle to the vamp."""
    return [(40 + 28 * s, top - 2 + (58 - top) * s + 2.2 * s * (1 - s)) for s in (0, 0.34, 0.68)]


def _sides(
    canvas: Canvas,
    look: Look,
    mask: Field,
    relief: Field,
    top: float,
    accent: RGB,
) -> None:
    rng = look.rng
    throat = _throat(top)
    if rng.random() < 0.5:
        marks = [
            curve([[x, 58.5, 1], [x + 6, 66, 1], [x + 1, 74.5, 1]], closed=False)
            for x in (34, 41.5)
        ]
        art = canvas.line(*marks, width=2.6) * mask
    else:
        band: list[list[float]] = [
            [28, 62, 1], [38, 66], [52, 68.5], [70, 66, 1], [70, 70.5, 1], [50, 74], [28, 71, 1],
        ]
        art = canvas.mask(curve(band)) * mask
    canvas.paint(art, accent, relief=relief, cast=0.2)
    eyestay = canvas.mask(
        curve(
            [
                [39, top + 1, 1], [*throat[1]], [*throat[2]], [66, 56], [63, 62.5], [52, 61.5],
                [40, (top + 56) / 2 + 3], [36, top + 7],
            ]
        )
    )
    canvas.paint(eyestay * mask, darker(look.base, 0.1), relief=canvas.puff(eyestay, 1.4), cast=0.3)
    _laces(canvas, look, top)


def _laces(canvas: Canvas, look: Look, top: float) -> None:
    """Laces, and the padded rim of the ankle."""
    lace = WHITE if luminance(look.base) < 0.72 else mix(look.base, (0.4, 0.42, 0.46), 0.5)
    for share in np.linspace(0.06, 0.92, 5):
        x, y = 42 + 21.5 * share, top + 2.4 + (53.2 - top) * share
        line = canvas.line(
            curve([[x - 3.4, y + 4.2], [x + 0.6, y - 1.0], [x + 4.2, y - 3.6]], closed=False),
            width=1.7,
        )
        canvas.paint(line, lace, relief=canvas.puff(line, 0.8), cast=0.5)
    rim = canvas.line(
        curve(
            [
                [11.4, top + 4], [15, top - 2], [20, top + 2], [28, top + 6], [36, top + 2],
                [39.6, top - 1],
            ],
            closed=False,
        ),
        width=2.4,
    )
    canvas.paint(rim, darker(look.base, 0.06), relief=canvas.puff(rim, 1.1), cast=0.25)


def _sole(canvas: Canvas, look: Look, colour: RGB) -> None:
    sole = canvas.mask(
        curve(
            [
                [9.6, 73, 1], [20, 76], [40, 78], [62, 77.2], [80, 74], [91.5, 70.6], [94, 74],
                [92.6, 81], [85, 85.2], [60, 86], [14, 86], [9.6, 83],
            ]
        )
    )
    canvas.paint(sole, colour, relief=canvas.puff(sole, 1.6) + canvas.puff(sole, 4, 0.4), cast=0.35)
    line = curve([[10, 79.4], [40, 81.8], [66, 81], [93, 76.8]], closed=False)
    canvas.seam(line, width=0.5, depth=0.25)
    tread = canvas.mask(
        curve([[10, 84, 1], [50, 84.6], [90, 82.6, 1], [88, 86.6], [60, 87.2], [12, 87, 1]])
    )
    canvas.paint(
        tread,
        DARK if look.rng.random() < 0.5 else mix(colour, look.base, 0.6),
        relief=canvas.puff(tread, 0.8),
    )
