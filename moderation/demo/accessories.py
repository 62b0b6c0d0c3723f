"""Belt, cap, scarf, tie, sunglasses, watch and umbrella."""

import numpy as np

from .canvas import Canvas
from .colours import (
    CREAM,
    DARK,
    GOLD,
    STEEL,
    WHITE,
    WOOD,
    contrast,
    darker,
    lighter,
    luminance,
    mix,
)
from .looks import Look
from .paths import arc, curve, ellipse, flipped, mirror, rounded


def belt(canvas: Canvas, look: Look) -> None:
    """A rolled belt, buckle in front."""
    rng = look.rng
    metal = GOLD if rng.random() < 0.4 else STEEL
    high = rng.uniform(12, 15)
    thread = mix(look.base, contrast(look.base), 0.5)
    well = canvas.mask(ellipse(50, 45, 38, 15), ellipse(50, 45 + high / 2, 37, 14))
    canvas.paint(well, darker(look.base, 0.68))
    for layer, (rx, ry) in enumerate(((38, 15), (32, 11.6), (26, 8.4))):
        ring = ellipse(50, 45 - layer * 0.3, rx, ry)
        inner = ellipse(50, 45 - layer * 0.3, rx - 1.8, ry - 1.2)
        wall = canvas.mask(
            np.concatenate(
                [arc(50, 45, rx, ry, 180, 360), arc(50, 45 + high, rx, ry * 0.8, 0, -180)]
            )
        )
        canvas.paint(
            wall,
            darker(look.base, 0.35),
            slopes=canvas.round_normal((50 - canvas.x) / rx, canvas.x * 0),
        )
        canvas.paint(canvas.mask(ring, holes=[inner]), darker(look.base, 0.2))
    rx, ry = 38, 15
    wall = curve(
        [*arc(50, 45, rx, ry, 180, 0).tolist(), *arc(50, 45 + high, rx, ry, 0, 180).tolist()]
    )
    mask = canvas.mask(wall)
    canvas.paint(
        mask,
        look.base,
        slopes=canvas.round_normal((canvas.x - 50) / rx * 0.92, canvas.x * 0),
        gloss=0.25,
        shine=12,
    )
    canvas.tone(np.clip(canvas.noise(1.2), 0, 1) * mask, -0.06)
    for dy in (1.6, high - 1.6):
        canvas.stitch(arc(50, 45 + dy, rx - 0.6, ry, 172, 8), thread, width=0.4, dash=1.4)
    canvas.stand(50, 57 + high, 36)
    _buckle(canvas, look, metal, high)


def _buckle(canvas: Canvas, look: Look, metal: tuple[float, float, float], high: float) -> None:
    y = 60 + high / 2
    tip = canvas.mask(
        curve(
            [
                [52, y - high / 2 + 0.6, 1],
                [72, y - high / 2 - 1.6],
                [78, y - 2],
                [72, y + high / 2 - 1.4],
                [52, y + high / 2 - 0.6, 1],
            ]
        )
    )
    canvas.paint(tip, lighter(look.base, 0.05), relief=canvas.puff(tip, 1.2), cast=0.4, gloss=0.25)
    canvas.paint(
        canvas.dots([[60, y - 0.6], [65, y - 1.1], [70, y - 1.6]], 0.9), darker(look.base, 0.6)
    )
    grow = high / 2 + 3
    frame = canvas.mask(
        rounded(38, y - grow, 58, y + grow, 3),
        holes=[rounded(41.4, y - grow + 3.4, 54.6, y + grow - 3.4, 1.6)],
    )
    canvas.paint(frame, metal, relief=canvas.puff(frame, 1.3, 1.5), cast=0.55, gloss=0.65, shine=18)
    prong = canvas.line([[40, y], [57, y]], width=2)
    canvas.paint(prong, metal, relief=canvas.puff(prong, 1, 1.4), cast=0.5, gloss=0.65, shine=18)
    keeper = canvas.mask(rounded(29, y - high / 2 - 1.4, 34, y + high / 2 + 1.0, 1.2))
    canvas.paint(
        keeper, darker(look.base, 0.1), relief=canvas.puff(keeper, 1.2), cast=0.4, gloss=0.2
    )


def cap(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    brim_colour = look.second if rng.random() < 0.25 else darker(look.base, 0.08)
    crown = curve(
        [
            [12, 63, 1],
            [12.5, 46],
            [21, 29],
            [38, 20.5],
            [54, 22.5],
            [67, 34],
            [72, 50],
            [71, 63, 1],
            [56, 67.5],
            [34, 68],
        ]
    )
    mask = canvas.mask(crown)
    ball = canvas.round_normal(
        np.clip((canvas.x - 41) / 35, -1, 1) * 0.85, np.clip((canvas.y - 58) / 42, -1, 1) * 0.85
    )
    canvas.paint(mask, look.dye(canvas, period=7, turn=0), slopes=ball, gloss=0.06)
    centre = curve([[45, 20.6], [56, 36], [59, 66]], closed=False)
    left = curve([[45, 20.6], [28, 38], [25, 67]], closed=False)
    far = curve([[45, 20.6], [64, 30], [71.5, 52]], closed=False)
    canvas.seam(centre, left, far, width=0.5, depth=0.35)
    thread = mix(look.base, contrast(look.base), 0.35)
    for line in (centre, left):
        canvas.stitch(line + np.array([1.1, 0.3]), thread, width=0.28)
    for x, y in ((37, 39), (63.5, 40)):
        hole = canvas.mask(ellipse(x, y, 1.1, 1.1))
        canvas.paint(hole, darker(look.base, 0.5))
    button = canvas.mask(ellipse(45, 20.4, 3.2, 2.1))
    canvas.paint(button, brim_colour, relief=canvas.puff(button, 1.4, 1.3), cast=0.3)
    brim = curve(
        [
            [30, 66.5, 1],
            [48, 62],
            [66, 58.5],
            [80, 60.5],
            [93, 68],
            [96, 73.5],
            [88, 75.5],
            [72, 72.5],
            [52, 72.5],
            [34, 72],
        ]
    )
    mask = canvas.mask(brim)
    canvas.paint(
        mask,
        brim_colour,
        relief=canvas.puff(mask, 1.6) + canvas.puff(mask, 5, 1.4),
        cast=0.5,
        gloss=0.08,
    )
    for step in (0.25, 0.5, 0.75):
        row = curve(
            [
                [38 + 6 * step, 69 + step],
                [60, 63 + 6 * step],
                [80 - 2 * step, 63.5 + 6.5 * step],
                [94 - 4 * step, 71 + 2 * step],
            ],
            closed=False,
        )
        canvas.stitch(row, mix(brim_colour, contrast(brim_colour), 0.3), width=0.25)
    band = canvas.mask(
        curve([[11.6, 58.5, 1], [14, 61.5], [34, 66], [36, 71, 1], [20, 69.5], [11.4, 66, 1]])
    )
    canvas.paint(band, darker(look.base, 0.25), relief=canvas.puff(band, 0.8))
    if rng.random() < 0.6:
        badge = (
            canvas.mask(rounded(60.5, 44, 68.5, 54, 1.5))
            if rng.random() < 0.5
            else canvas.mask(ellipse(64.5, 49, 4.4, 5.4))
        )
        canvas.paint(badge, contrast(look.base), relief=canvas.puff(badge, 0.8), cast=0.3)
    canvas.stand(50, 73, 38, strength=0.45)


def scarf(canvas: Canvas, look: Look) -> None:
    """A scarf looped once, both ends hanging."""
    rng = look.rng
    dyed = look.dye(canvas, period=9)
    knit = (np.sin(canvas.x * 4.4) * np.float32(0.14 * canvas.unit)).astype(np.float32)
    lengths = (rng.uniform(90, 96), rng.uniform(82, 92))
    for (x, swing), end in zip(((57.5, 5), (42, -5)), lengths, strict=True):
        tail = curve(
            [
                [x - 8, 38, 1],
                [x + 8, 38, 1],
                [x + 9 + swing * 0.5, 62],
                [x + 9.5 + swing, end, 1],
                [x - 9 + swing, end + 1, 1],
                [x - 8.5 + swing * 0.5, 62],
            ]
        )
        _fringe(canvas, look, x + swing, end)
        mask = canvas.mask(tail)
        folds = [
            (x + d, 40, x + d * 1.3 + swing, end, 1.8, s)
            for d, s in ((-4, 0.9), (0, -0.8), (4, 0.9))
        ]
        canvas.paint(
            mask, dyed, relief=canvas.puff(mask, 2.2) + canvas.folds(*folds) + knit, cast=0.4
        )
    hole = canvas.mask(ellipse(50, 22, 18, 9))
    canvas.paint(hole, darker(look.base, 0.6))
    loop = curve(
        [
            [20, 25],
            [23, 13],
            [36, 7.5],
            [50, 6.5],
            [64, 7.5],
            [77, 13],
            [80, 25],
            [76, 38],
            [62, 47],
            [50, 49],
            [38, 47],
            [24, 38],
        ]
    )
    mask = canvas.mask(
        loop,
        holes=[
            curve(
                [
                    [32, 23],
                    [38, 16.5],
                    [50, 14.5],
                    [62, 16.5],
                    [68, 23],
                    [61, 27],
                    [50, 28.5],
                    [39, 27],
                ]
            )
        ],
    )
    ridges = []
    for shift, sign in ((0, 0.9), (4, -1.0), (8.5, 0.9), (13, -0.8)):
        ridges += [
            (24, 22 + shift * 0.8, 50, 33 + shift, 1.9, sign),
            (50, 33 + shift, 76, 22 + shift * 0.8, 1.9, sign),
        ]
    relief = canvas.puff(mask, 2.5) + canvas.puff(mask, 6, 1.0) + canvas.folds(*ridges) + knit
    canvas.paint(mask, dyed, relief=relief, cast=0.5)


def _fringe(canvas: Canvas, look: Look, x: float, end: float) -> None:
    rng = look.rng
    strands = [
        curve(
            [
                [x + d, end - 2],
                [x + d + rng.normal(0, 0.4), end + 3],
                [x + d + rng.normal(0, 0.8), end + 7.5],
            ],
            closed=False,
        )
        for d in np.linspace(-8.4, 8.8, 10)
    ]
    mask = canvas.line(*strands, width=1.1)
    canvas.paint(mask, darker(look.base, 0.08), relief=canvas.puff(mask, 0.7))


def tie(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide, end = rng.uniform(9.5, 12), rng.uniform(98, 103)
    under = canvas.mask(
        curve([[48, 20, 1], [55, 20, 1], [57, 70], [58.5, 88, 1], [54, 93, 1], [50, 88, 1]])
    )
    canvas.paint(under, darker(look.base, 0.3), relief=canvas.puff(under, 1.5))
    for side in (1, -1):
        band = canvas.mask(
            curve(
                [
                    [50, 6, 1],
                    [50 + side * 10, 1.5],
                    [50 + side * 17, -2, 1],
                    [50 + side * 19, 2.4, 1],
                    [50 + side * 10, 8],
                    [50 + side * 2, 13, 1],
                ]
            )
        )
        canvas.paint(band, darker(look.base, 0.14), relief=canvas.puff(band, 1.2), gloss=0.12)
    blade = curve(
        [
            [46.4, 17, 1],
            [53.6, 17, 1],
            [50 + wide * 0.62, 50],
            [50 + wide, end - 12, 1],
            [50, end, 1],
            [50 - wide, end - 12, 1],
            [50 - wide * 0.62, 50],
        ]
    )
    mask = canvas.mask(blade)
    relief = (
        canvas.puff(mask, 1.4)
        + canvas.puff(mask, 5, 0.9)
        + canvas.folds(
            (50, 16, 47, 46, 1.6, -0.9), (52, 18, 53, 60, 1.8, 0.5), (48, 18, 44.5, 70, 2, 0.4)
        )
    )
    canvas.paint(
        mask, look.dye(canvas, period=6.5, turn=-38), relief=relief, gloss=0.16, shine=9, cast=0.4
    )
    knot = canvas.mask(
        curve(
            [
                [43.4, 4.5, 1],
                [50, 3.4],
                [56.6, 4.5, 1],
                [55.6, 12],
                [53.4, 18.6, 1],
                [50, 19.4],
                [46.6, 18.6, 1],
                [44.4, 12],
            ]
        )
    )
    relief = canvas.puff(knot, 2.2, 1.2) + canvas.folds((45, 6, 53, 17, 1.4, -0.5))
    canvas.paint(
        knot, look.dye(canvas, period=6.5, turn=38), relief=relief, gloss=0.18, shine=9, cast=0.5
    )


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
    if kind == 0:
        lens = [
            [13, 44],
            [22, 41],
            [36, 41.5],
            [44.5, 45],
            [45, 54],
            [40, 63.5],
            [29, 67],
            [18, 63],
            [12, 53],
        ]
    elif kind == 1:
        lens = ellipse(28.5, 53, 16, 14.4).tolist()
    else:
        lens = [[9, 39], [24, 42], [38, 43], [45, 47], [44, 57], [36, 64], [24, 64.5], [15, 57]]
    shape = curve(lens) if kind != 1 else np.array(lens)
    middle = shape.mean(axis=0)
    outer = middle + (shape - middle) * 1.21
    bridge = canvas.line(
        curve([[42.5, 48], [46, 44.6], [54, 44.6], [57.5, 48]], closed=False), width=3.4
    )
    frame = canvas.mask(outer, flipped(outer), holes=[shape, flipped(shape)])
    frame = np.maximum(frame, bridge * (1 - canvas.mask(shape, flipped(shape))))
    glass = canvas.mask(shape, flipped(shape))
    fade = np.clip((canvas.y - 38) / 32, 0, 1)[..., None]
    tinted = (
        np.array(darker(lens_colour, 0.35)) * (1 - fade)
        + np.array(lighter(lens_colour, 0.32)) * fade
    ).astype(np.float32)
    canvas.paint(glass, tinted, opacity=0.9)
    gleam = canvas.mask(
        *(np.array([[x, 36], [x + 7, 36], [x - 8, 70], [x - 15, 70]]) for x in (26, 70)),
        *(np.array([[x, 36], [x + 2.4, 36], [x - 12.6, 70], [x - 15, 70]]) for x in (36.5, 80.5)),
    )
    canvas.tone(gleam * glass * np.clip(1.3 - fade[..., 0], 0, 1), 0.26)
    canvas.paint(
        frame, look.base, relief=canvas.puff(frame, 1.3, 1.5), cast=0.35, gloss=0.55, shine=22
    )
    hinge = canvas.dots([[11.4, 44], [88.6, 44]], 0.8)
    canvas.paint(hinge, STEEL)
    canvas.stand(28, 68.5, 15, strength=0.3)
    canvas.stand(72, 68.5, 15, strength=0.3)


def watch(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    metal = GOLD if rng.random() < 0.45 else STEEL
    face = WHITE if rng.random() < 0.6 else (0.12, 0.13, 0.17)
    if luminance(look.base) < 0.2 and rng.random() < 0.6:
        face = WHITE
    ink = DARK if luminance(face) > 0.5 else CREAM
    radius = rng.uniform(21, 24)
    band = curve(
        mirror([[50, -4], [60, -4, 1], [62, 20], [64, 50], [62, 80], [60, 104, 1], [50, 104]])
    )
    mask = canvas.mask(band)
    relief = canvas.puff(mask, 1.6) + canvas.puff(mask, 6, 1.0)
    canvas.paint(mask, look.base, relief=relief, gloss=0.14, shine=10)
    canvas.tone(np.clip(canvas.noise(1.2), 0, 1) * mask, -0.07)
    edge = curve([[59, -3], [60.4, 20], [62, 50], [60.4, 80], [59, 103]], closed=False)
    for side in (edge - np.array([1, 0]), flipped(edge - np.array([1, 0]))):
        canvas.stitch(side, mix(look.base, contrast(look.base), 0.6), width=0.45, dash=1.3)
    canvas.paint(canvas.dots([[50, y] for y in (84, 89, 94, 99)], 1.1), darker(look.base, 0.6))
    crown = canvas.mask(rounded(50 + radius, 47.4, 50 + radius + 4.6, 52.6, 1.2))
    canvas.paint(crown, metal, relief=canvas.puff(crown, 1, 1.4), gloss=0.5)
    for side in (-1, 1):
        lugs = canvas.mask(
            *(
                rounded(
                    x - 2.4,
                    50 + side * (radius + 1) - 4,
                    x + 2.4,
                    50 + side * (radius + 1) + 4,
                    1.6,
                )
                for x in (39, 61)
            )
        )
        canvas.paint(lugs, metal, relief=canvas.puff(lugs, 1.3, 1.4), gloss=0.5, cast=0.3)
    case = canvas.mask(ellipse(50, 50, radius + 2.2, radius + 2.2))
    canvas.paint(case, metal, relief=canvas.puff(case, 1.5, 1.6), gloss=0.6, shine=16, cast=0.5)
    canvas.paint(canvas.mask(ellipse(50, 50, radius - 0.8, radius - 0.8)), darker(metal, 0.4))
    dial = canvas.mask(ellipse(50, 50, radius - 1.8, radius - 1.8))
    canvas.paint(dial, face)
    _dial(canvas, look, radius - 1.8, ink, dial)


def _dial(
    canvas: Canvas, look: Look, radius: float, ink: tuple[float, float, float], dial: np.ndarray
) -> None:
    rng = look.rng
    ticks, small = [], []
    for hour in range(60):
        angle = np.deg2rad(hour * 6)
        ray = np.array([np.sin(angle), -np.cos(angle)])
        (small if hour % 5 else ticks).append(
            np.stack([50 + ray * radius * 0.93, 50 + ray * radius * (0.89 if hour % 5 else 0.76)])
        )
    canvas.paint(canvas.line(*ticks, width=1.1), ink)
    canvas.paint(canvas.line(*small, width=0.35), ink, opacity=0.7)
    hour, minute, second = rng.uniform(0, 360, 3)
    for angle, reach, width, colour in (
        (hour, 0.5, 1.9, ink),
        (minute, 0.76, 1.4, ink),
        (second, 0.82, 0.5, (0.8, 0.2, 0.15)),
    ):
        ray = np.array([np.sin(np.deg2rad(angle)), -np.cos(np.deg2rad(angle))])
        hand = canvas.line(
            np.stack([50 - ray * radius * 0.14, 50 + ray * radius * reach]), width=width
        )
        canvas.paint(hand, colour, cast=0.25)
    canvas.paint(canvas.dots([[50, 50]], 1.3), ink)
    gleam = canvas.mask(np.array([[20, 44], [44, 20], [58, 20], [20, 58]]))
    canvas.tone(gleam * dial, 0.16)
    edge = 1 - canvas.puff(dial, 1.4) / np.float32(1.4 * canvas.unit)
    canvas.tone(np.clip(edge, 0, 1) * dial, -0.25)


def umbrella(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    grip = WOOD if rng.random() < 0.6 else DARK
    top, low, wide = 12.0, rng.uniform(49, 53), rng.uniform(42, 45)
    shaft = canvas.mask(rounded(49.2, top, 50.8, 82, 0.5))
    canvas.paint(shaft, STEEL, relief=canvas.puff(shaft, 0.8, 1.4), gloss=0.4)
    hook = canvas.line(
        curve([[50, 74], [50, 88], [52, 94.5], [57, 96.5], [62, 94], [63, 88.5]], closed=False),
        width=3.4,
    )
    canvas.paint(hook, grip, relief=canvas.puff(hook, 1.6, 1.4), gloss=0.3, cast=0.3)
    tip = canvas.mask(curve([[49, 5, 1], [51, 5, 1], [51.8, 14, 1], [48.2, 14, 1]]))
    canvas.paint(tip, STEEL, relief=canvas.puff(tip, 0.7), gloss=0.4)
    edges = np.linspace(-1, 1, 7)
    feet = [50 + wide * np.sin(e * np.pi / 2) for e in edges]
    drops = [low + 3.2 * np.cos(e * np.pi / 2) for e in edges]
    inside = canvas.mask(np.concatenate([arc(50, low - 1, wide - 1, 6.4, 0, 180)]))
    canvas.paint(inside, darker(look.base, 0.55))
    bottom: list[list[float]] = []
    for i in range(6):
        x0, x1, y0, y1 = feet[i], feet[i + 1], drops[i], drops[i + 1]
        bottom += [
            [x0, y0, 1],
            [(x0 + x1) / 2, (y0 + y1) / 2 - 3.6 + (1 - abs(edges[i] + edges[i + 1]) / 2)],
        ]
    bottom.append([feet[6], drops[6], 1])
    dome = [[p[0], p[1]] for p in arc(50, low, wide, low - top, 0, -180)[1:-1:4]]
    mask = canvas.mask(curve([*bottom, *dome]))
    ball = canvas.round_normal(
        np.clip((canvas.x - 50) / wide, -1, 1) * 0.8,
        np.clip((canvas.y - low) / (low - top), -1, 0.2) * 0.8,
    )
    panels = canvas.folds(
        *(
            (50 + (f - 50) * 0.12, top + 1, f, d + 20, 2.4, 0.9)
            for f, d in zip(feet[1:-1], drops[1:-1], strict=True)
        )
    )
    across, down = np.gradient(panels)[::-1]
    canvas.paint(
        mask,
        look.dye(canvas, period=9),
        slopes=(ball[0] - across * 1.2, ball[1] - down * 1.2),
        gloss=0.14,
        shine=10,
    )
    for x, y in zip(feet[1:-1], drops[1:-1], strict=True):
        reach = (x - 50) / wide
        rib = curve(
            [
                [50, top],
                [50 + (x - 50) * 0.62, top + (low - top) * (0.24 + 0.1 * reach * reach)],
                [x, y],
            ],
            closed=False,
        )
        canvas.seam(rib, width=0.4, depth=0.28)
    beads = canvas.dots([[x, y + 0.4] for x, y in zip(feet, drops, strict=True)], 0.8)
    canvas.paint(beads, STEEL)
