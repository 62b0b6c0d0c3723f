"""Sneaker, boot, sandal and high heel: side views, toe to the right."""

import numpy as np

from .canvas import Canvas
from .colours import DARK, GOLD, WHITE, contrast, darker, lighter, luminance, mix
from .looks import Look
from .paths import curve, ellipse, rounded


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
            [12, 70],
            [10.5, 56],
            [11.5, top + 2],
            [15, top - 3],
            [20, top + 1],
            [28, top + 5],
            [36, top + 1],
            [40, top - 2, 1],
            [*throat[1]],
            [*throat[2]],
            [68, 56.5],
            [80, 58.5],
            [89, 63],
            [92, 71],
            [90, 76, 1],
            [12, 76, 1],
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
                [36, top + 2, 1],
                [37, top - 7],
                [43, top - 7.5],
                [46, top - 2],
                [*throat[2]],
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
    _sneaker_sides(canvas, look, mask, relief, top, accent)
    _sneaker_sole(canvas, look, sole_colour)
    canvas.stand(51, 86, 43)


def _sneaker_sides(
    canvas: Canvas,
    look: Look,
    mask: np.ndarray,
    relief: np.ndarray,
    top: float,
    accent: tuple[float, float, float],
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
        band = [
            [28, 62, 1],
            [38, 66],
            [52, 68.5],
            [70, 66, 1],
            [70, 70.5, 1],
            [50, 74],
            [28, 71, 1],
        ]
        art = canvas.mask(curve(band)) * mask
    canvas.paint(art, accent, relief=relief, cast=0.2)
    eyestay = canvas.mask(
        curve(
            [
                [39, top + 1, 1],
                [*throat[1]],
                [*throat[2]],
                [66, 56],
                [63, 62.5],
                [52, 61.5],
                [40, (top + 56) / 2 + 3],
                [36, top + 7],
            ]
        )
    )
    canvas.paint(eyestay * mask, darker(look.base, 0.1), relief=canvas.puff(eyestay, 1.4), cast=0.3)
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
                [11.4, top + 4],
                [15, top - 2],
                [20, top + 2],
                [28, top + 6],
                [36, top + 2],
                [39.6, top - 1],
            ],
            closed=False,
        ),
        width=2.4,
    )
    canvas.paint(rim, darker(look.base, 0.06), relief=canvas.puff(rim, 1.1), cast=0.25)


def _sneaker_sole(canvas: Canvas, look: Look, colour: tuple[float, float, float]) -> None:
    sole = canvas.mask(
        curve(
            [
                [9.6, 73, 1],
                [20, 76],
                [40, 78],
                [62, 77.2],
                [80, 74],
                [91.5, 70.6],
                [94, 74],
                [92.6, 81],
                [85, 85.2],
                [60, 86],
                [14, 86],
                [9.6, 83],
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


def _throat(top: float) -> list[tuple[float, float]]:
    """Points down the front of the shoe, from the ankle to the vamp."""
    return [(40 + 28 * s, top - 2 + (58 - top) * s + 2.2 * s * (1 - s)) for s in (0, 0.34, 0.68)]


def boot(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    top = rng.uniform(6, 22)
    width = rng.uniform(27, 31)
    gloss = rng.uniform(0.15, 0.3)
    sole = DARK if rng.random() < 0.7 else darker(look.base, 0.7)
    upper = curve(
        [
            [17, top, 1],
            [30, top + 1.5],
            [17 + width, top, 1],
            [18 + width, 30],
            [19 + width, 46],
            [54, 54],
            [66, 58.5],
            [80, 62],
            [89, 68],
            [90.5, 78],
            [89, 82, 1],
            [16, 82, 1],
            [14.6, 70],
            [18, 58],
            [18.5, 40],
        ]
    )
    hole = canvas.mask(ellipse(17 + width / 2, top + 0.4, width / 2, 2.0))
    mask = canvas.mask(upper)
    relief = (
        canvas.puff(mask, 2, 0.9)
        + canvas.puff(mask, 8, 1.1)
        + canvas.noise(16) * np.float32(canvas.unit * 0.6)
    )
    relief = relief + canvas.folds(
        (22, 58, 46, 50, 1.6, 0.9),
        (20, 62, 50, 56, 1.6, -0.8),
        (20, 46, 44, 44, 2.0, 0.5),
        (64, 60, 60, 76, 2.0, 0.5),
    )
    canvas.paint(mask, look.base, relief=relief, gloss=gloss, shine=16)
    canvas.paint(hole, darker(look.base, 0.6))
    toe = curve([[68, 81], [67, 70], [72, 61.5]], closed=False)
    heel = curve([[30, 81], [31, 68], [24, 60], [18, 57]], closed=False)
    canvas.seam(toe, heel, width=0.6, depth=0.4)
    canvas.stitch(toe - np.array([1.3, 0]), mix(look.base, contrast(look.base), 0.5))
    if rng.random() < 0.6:
        _boot_laces(canvas, look, top, width)
    else:
        _boot_elastic(canvas, look, top)
    welt = canvas.mask(
        curve(
            [
                [13.5, 79.5, 1],
                [40, 81.5],
                [70, 81.6],
                [92, 78.5, 1],
                [93, 82],
                [90, 85, 1],
                [14, 85, 1],
            ]
        )
    )
    canvas.paint(welt, lighter(sole, 0.1), relief=canvas.puff(welt, 1), cast=0.3)
    base = canvas.mask(
        curve(
            [
                [14, 83.5, 1],
                [91, 83.5, 1],
                [90, 87.5],
                [84, 89, 1],
                [48, 88, 1],
                [42, 86.4, 1],
                [41, 93, 1],
                [14, 93, 1],
            ]
        )
    )
    canvas.paint(base, sole, relief=canvas.puff(base, 1.2), gloss=0.1)
    canvas.stand(28, 93, 18, strength=0.55)
    canvas.stand(66, 89.5, 28, strength=0.45)


def _boot_laces(canvas: Canvas, look: Look, top: float, width: float) -> None:
    front = 18.5 + width
    stay = canvas.mask(
        curve(
            [
                [front - 9, top + 1, 1],
                [front - 1, top + 1, 1],
                [front + 1, 46],
                [60, 56],
                [66, 60],
                [60, 66],
                [48, 60],
                [front - 10, 46],
            ]
        )
    )
    canvas.paint(stay, darker(look.base, 0.15), relief=canvas.puff(stay, 1.6), cast=0.3, gloss=0.15)
    lace = contrast(look.base) if look.rng.random() < 0.5 else mix(look.base, DARK, 0.7)
    if luminance(look.base) < 0.2:
        lace = mix(look.base, WHITE, 0.45)
    for y in np.linspace(top + 5, 46, max(4, round((46 - top) / 6))):
        cross = canvas.line(np.array([[front - 8, y + 2.4], [front - 0.5, y - 1.2]]), width=1.5)
        canvas.paint(cross, lace, relief=canvas.puff(cross, 0.7), cast=0.5)
        canvas.paint(canvas.dots([[front - 8, y + 2.4]], 1.1), GOLD)
    for x, y in ((52, 53), (57, 56.5)):
        cross = canvas.line(np.array([[x - 4, y + 4], [x + 3, y - 0.5]]), width=1.5)
        canvas.paint(cross, lace, relief=canvas.puff(cross, 0.7), cast=0.5)


def _boot_elastic(canvas: Canvas, look: Look, top: float) -> None:
    gore = canvas.mask(curve([[27, top + 1, 1], [38, top + 1, 1], [37, 36], [33, 50, 1], [28, 36]]))
    relief = canvas.puff(gore, 1.2) + np.float32(canvas.unit * 0.2) * np.sin(canvas.x * 5)
    canvas.paint(gore, darker(look.base, 0.3), relief=relief, cast=0.2)
    tab = canvas.line(
        curve([[20.5, top + 5], [20, top - 3], [24.5, top - 3], [24.5, top + 5]], closed=False),
        width=1.6,
    )
    canvas.paint(tab, darker(look.base, 0.1), relief=canvas.puff(tab, 0.8), cast=0.3)


def sandal(canvas: Canvas, look: Look) -> None:
    """A pair of flip flops from above."""
    rng = look.rng
    strap = look.second if rng.random() < 0.25 else darker(look.base, 0.25)
    gap = rng.uniform(21, 24)
    for side, drop in ((-1, 0.0), (1, rng.uniform(-3, 3))):
        x = 50 + side * gap
        foot = [
            [x - side * 6, 7 + drop],
            [x + side * 6, 9 + drop],
            [x + side * 15, 22 + drop],
            [x + side * 15.5, 36 + drop],
            [x + side * 10.5, 56 + drop],
            [x + side * 10.5, 78 + drop],
            [x + side * 6, 91 + drop],
            [x - side * 3, 93 + drop],
            [x - side * 10, 86 + drop],
            [x - side * 11, 70 + drop],
            [x - side * 12, 50 + drop],
            [x - side * 15.5, 30 + drop],
            [x - side * 14, 15 + drop],
        ]
        outline = curve(foot)
        rim = canvas.mask(outline + np.array([0.6, 1.6]))
        canvas.paint(rim, darker(look.base, 0.3), relief=canvas.puff(rim, 1))
        mask = canvas.mask(outline)
        relief = canvas.puff(mask, 1.6, 0.8) - canvas.folds(
            (x - side * 1, 18 + drop, x + side, 34 + drop, 10, 1.3),
            (x, 74 + drop, x, 86 + drop, 8, 1.3),
        )
        relief = relief + np.float32(0.12 * canvas.unit) * np.sin(canvas.x * 3.2) * np.sin(
            canvas.y * 3.2
        )
        canvas.paint(mask, look.dye(canvas, period=9), relief=relief)
        post = [x - side * 3.5, 24 + drop]
        inner = curve([post, [x - side * 9, 34 + drop], [x - side * 13.4, 52 + drop]], closed=False)
        outer = curve([post, [x + side * 6, 31 + drop], [x + side * 12.6, 50 + drop]], closed=False)
        band = canvas.line(inner, outer, width=4.2)
        canvas.paint(
            band, strap, relief=canvas.puff(band, 1.8, 1.2), cast=0.65, gloss=0.25, shine=20
        )
        knob = canvas.mask(ellipse(post[0], post[1], 2.6, 2.6))
        canvas.paint(knob, strap, relief=canvas.puff(knob, 1.2, 1.3), cast=0.4, gloss=0.3)


def high_heel(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    lift = rng.uniform(0, 5)
    gloss = rng.uniform(0.25, 0.5)
    spike = canvas.mask(
        curve(
            [
                [9, 50 - lift, 1],
                [24, 58 - lift, 1],
                [19, 66],
                [16.4, 76],
                [15.6, 88, 1],
                [11.6, 88, 1],
                [11.4, 76],
                [9.6, 62],
            ]
        )
    )
    canvas.paint(
        spike, darker(look.base, 0.12), relief=canvas.puff(spike, 2, 1.2), gloss=gloss, shine=20
    )
    tip = canvas.mask(rounded(11.2, 86.6, 16, 89, 0.4))
    canvas.paint(tip, DARK)
    under = canvas.mask(
        curve(
            [
                [20, 58 - lift],
                [36, 63 - lift * 0.6],
                [52, 76],
                [64, 86.5],
                [86, 87.5],
                [94, 86.5, 1],
                [93, 88.6],
                [80, 89.4],
                [62, 89],
                [48, 80],
                [34, 68 - lift * 0.5],
                [18, 62 - lift],
            ]
        )
    )
    canvas.paint(
        under, mix(darker(look.base, 0.4), (0.6, 0.45, 0.32), 0.25), relief=canvas.puff(under, 0.8)
    )
    inside = canvas.mask(
        curve(
            [
                [9, 36 - lift, 1],
                [18, 38 - lift],
                [36, 52 - lift * 0.6],
                [58, 72],
                [70, 76],
                [62, 80],
                [44, 68],
                [24, 54 - lift],
            ]
        )
    )
    canvas.paint(inside, mix((0.80, 0.68, 0.54), look.base, 0.15), relief=canvas.puff(inside, 2))
    upper = curve(
        [
            [8.2, 34 - lift, 1],
            [12, 37 - lift],
            [18, 48 - lift],
            [32, 57 - lift * 0.6],
            [46, 69],
            [58, 76.5],
            [66, 75],
            [71, 71, 1],
            [80, 76],
            [90, 82],
            [95.5, 86.4],
            [90, 88],
            [66, 88],
            [52, 79],
            [36, 66 - lift * 0.5],
            [20, 60 - lift],
            [10, 53 - lift],
            [7.2, 44 - lift],
        ]
    )
    mask = canvas.mask(upper)
    relief = canvas.puff(mask, 1.6) + canvas.puff(mask, 5, 1.2)
    canvas.paint(mask, look.base, relief=relief, gloss=gloss, shine=22, cast=0.4)
    if rng.random() < 0.35:
        bow = canvas.mask(
            curve([[75, 72.5, 1], [68, 67], [66, 73], [69, 76]]),
            curve([[75, 72.5, 1], [81, 69], [84, 75], [79, 78]]),
            ellipse(75, 73, 2, 2),
        )
        canvas.paint(
            bow, darker(look.base, 0.1), relief=canvas.puff(bow, 1.5), gloss=gloss, cast=0.4
        )
    canvas.stand(13.8, 88.8, 6, strength=0.5)
    canvas.stand(76, 89, 22, strength=0.55)
