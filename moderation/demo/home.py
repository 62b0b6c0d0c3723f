"""Mug, bottle, teapot, bowl, lamp and chair."""

import numpy as np

from .canvas import Canvas, Field
from .colours import DARK, GOLD, RGB, STEEL, WHITE, WOOD, darker, lighter, luminance, mix
from .looks import Look
from .paths import Outline, arc, curve, ellipse, mirror, rounded


def _barrel(
    canvas: Canvas, half_width: float | Field, *, centre: float = 50.0, lean: float = 0.0
) -> tuple[Field, Field]:
    """Slopes of an upright body of revolution, `half_width` units at each height."""
    across = np.clip((canvas.x - centre) / half_width, -1, 1) * 0.96
    return canvas.round_normal(across.astype(np.float32), np.full_like(canvas.x, lean))


def _gleam(
    canvas: Canvas,
    mask: Field,
    x: float,
    y0: float,
    y1: float,
    *,
    width: float = 3.0,
    strength: float = 0.5,
) -> None:
    """The long soft reflection of a window on a glazed body."""
    side = -1 if canvas.light[0] * canvas.matrix[0, 0] < 0 else 1
    line = canvas.line([[50 + side * x, y0], [50 + side * x, y1]], width=width)
    soft = canvas.puff(line, 0.9) / np.float32(0.9 * canvas.unit)
    canvas.tone(np.clip(soft, 0, 1) * mask, strength)


def mug(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide, top, low = rng.uniform(25, 29), rng.uniform(22, 28), rng.uniform(82, 86)
    taper = rng.uniform(0, 3)
    ry = wide * 0.22
    x = 47.0
    handle = canvas.line(
        curve(
            [
                [x + wide - 2, top + 12],
                [x + wide + 9, top + 11],
                [x + wide + 15, top + 24],
                [x + wide + 10, low - 18],
                [x + wide - 3, low - 13],
            ],
            closed=False,
        ),
        width=rng.uniform(5, 6.4),
    )
    canvas.paint(handle, look.base, relief=canvas.puff(handle, 2.4, 1.5), gloss=0.5, shine=30)
    body = np.concatenate(
        [arc(x, top, wide, ry, 180, 0), arc(x, low - ry * 0.8, wide - taper, ry, 0, 180)]
    )
    mask = canvas.mask(body)
    slopes = _barrel(canvas, wide, centre=x)
    canvas.paint(mask, look.dye(canvas, period=10), slopes=slopes, gloss=0.12, shine=8, cast=0.25)
    if look.pattern == "plain" and rng.random() < 0.4:
        band = (
            canvas.mask(
                np.concatenate(
                    [arc(x, low - 22, wide, ry, 180, 0), arc(x, low - 12, wide, ry, 0, 180)]
                )
            )
            * mask
        )
        canvas.paint(band, look.second, slopes=slopes, gloss=0.12, shine=8)
    _gleam(canvas, mask, wide * 0.55 - (50 - x), top + 12, low - 14)
    rim = canvas.mask(ellipse(x, top, wide, ry))
    canvas.paint(rim, lighter(look.base, 0.2), gloss=0.2)
    inside = canvas.mask(ellipse(x, top + 0.3, wide - 2, ry - 1.2))
    inner = WHITE if rng.random() < 0.5 else look.base
    canvas.paint(
        inside,
        darker(inner, 0.12),
        slopes=canvas.round_normal(-np.clip((canvas.x - x) / wide, -1, 1) * 0.9, canvas.x * 0),
    )
    if rng.random() < 0.5:
        drink = canvas.mask(ellipse(x, top + 3.6, wide - 3.6, ry - 2.2)) * inside
        canvas.paint(drink, (0.26, 0.15, 0.09), relief=canvas.puff(drink, 1), gloss=0.15)
    canvas.stand(x + 1, low, wide)


def bottle(canvas: Canvas, look: Look) -> None:
    """A drinking bottle with a screw cap."""
    rng = look.rng
    wide, neck = rng.uniform(14, 18), rng.uniform(6.5, 9)
    shoulder, low = rng.uniform(27, 33), 96.0
    cap = DARK if rng.random() < 0.5 and luminance(look.base) > 0.2 else STEEL
    outline = curve(
        mirror(
            [
                [50, 17],
                [50 + neck, 17, 1],
                [50 + neck + 0.2, 20],
                [50 + (neck + wide) * 0.56, shoulder - 4],
                [50 + wide - 0.6, shoulder + 3],
                [50 + wide, shoulder + 9, 1],
                [50 + wide, low - 4, 1],
                [50 + wide - 1.6, low - 1],
                [50, low + 0.6],
            ]
        )
    )
    mask = canvas.mask(outline)
    rows = np.interp(
        canvas.y,
        [17, 20, shoulder - 4, shoulder + 3, shoulder + 9],
        [neck, neck + 0.4, (neck + wide) * 0.57, wide - 0.4, wide + 0.2],
    )
    lean = np.interp(canvas.y, [17, 21, shoulder, shoulder + 9], [0, -0.35, -0.35, 0]).astype(
        np.float32
    )
    across = np.clip((canvas.x - 50) / rows, -1, 1).astype(np.float32) * np.float32(0.95)
    canvas.paint(
        mask,
        look.dye(canvas, period=10),
        slopes=canvas.round_normal(across, lean),
        gloss=0.3,
        shine=10,
    )
    _gleam(canvas, mask, wide * 0.5, shoulder + 6, low - 8, width=2.4, strength=0.5)
    _gleam(canvas, mask, -wide * 0.72, shoulder + 8, low - 10, width=1.0, strength=0.22)
    base = (
        canvas.mask(
            np.concatenate(
                [arc(50, low - 8, wide + 1, 1.6, 180, 0), arc(50, low, wide + 1, 1.6, 0, 180)]
            )
        )
        * mask
    )
    canvas.paint(base, STEEL, slopes=_barrel(canvas, wide), gloss=0.3)
    top = canvas.mask(rounded(50 - neck - 1.4, 5, 50 + neck + 1.4, 18, 1.8))
    across, down = _barrel(canvas, neck + 1.4)
    ridges = (np.sin(canvas.x * 4.5) * 0.35).astype(np.float32)
    canvas.paint(top, cap, slopes=(across + ridges, down), gloss=0.3, cast=0.3)
    if rng.random() < 0.6:
        loop = canvas.line(arc(50, 6, 6.5, 6.5, 180, 360), width=2)
        canvas.paint(loop, cap, relief=canvas.puff(loop, 0.9, 1.3), gloss=0.3)
    if look.pattern == "plain" and rng.random() < 0.6:
        label = canvas.mask(rounded(50 - wide * 0.36, 55, 50 + wide * 0.36, 62, 1))
        canvas.paint(label, look.second, slopes=_barrel(canvas, wide), opacity=0.9)
    canvas.stand(50, low, wide * 1.05)


def teapot(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    rx, ry = rng.uniform(25, 28), rng.uniform(21, 25)
    y = 58.0
    low = y + ry
    handle = canvas.line(
        curve(
            [
                [50 - rx + 4, y - 12],
                [50 - rx - 10, y - 16],
                [50 - rx - 14, y - 2],
                [50 - rx - 7, y + 10],
                [50 - rx + 5, y + 11],
            ],
            closed=False,
        ),
        width=4.6,
    )
    canvas.paint(handle, look.base, relief=canvas.puff(handle, 2.1, 1.4), gloss=0.45, shine=24)
    spout = canvas.mask(
        curve(
            [
                [50 + rx - 7, y - 4, 1],
                [50 + rx + 4, y - 6],
                [50 + rx + 10, y - 18],
                [50 + rx + 17, y - 23, 1],
                [50 + rx + 19.6, y - 20.6, 1],
                [50 + rx + 15, y - 12],
                [50 + rx + 9, y + 6],
                [50 + rx - 7, y + 14, 1],
            ]
        )
    )
    canvas.paint(spout, look.base, relief=canvas.puff(spout, 3.4, 1.3), gloss=0.45, shine=24)
    foot = canvas.mask(rounded(50 - rx * 0.55, low - 3, 50 + rx * 0.55, low + 1.6, 1.4))
    canvas.paint(foot, darker(look.base, 0.1), slopes=_barrel(canvas, rx * 0.55), gloss=0.2)
    body = canvas.mask(ellipse(50, y, rx, ry))
    slopes = canvas.round_normal((canvas.x - 50) / rx * 0.94, (canvas.y - y) / ry * 0.94)
    canvas.paint(body, look.dye(canvas, period=9), slopes=slopes, gloss=0.5, shine=40, cast=0.3)
    lid = canvas.mask(
        curve(
            mirror(
                [[50, y - ry - 4], [57, y - ry - 2.6], [62.5, y - ry + 3.5, 1], [50, y - ry + 6.4]]
            )
        )
    )
    canvas.paint(
        lid, darker(look.base, 0.05), relief=canvas.puff(lid, 2.6, 1.4), gloss=0.4, cast=0.4
    )
    knob = canvas.mask(ellipse(50, y - ry - 6, 3.6, 3.4))
    metal = GOLD if rng.random() < 0.3 else look.base
    canvas.paint(knob, metal, relief=canvas.puff(knob, 1.8, 1.5), gloss=0.5, shine=24, cast=0.3)
    canvas.stand(50, low + 1.6, rx * 0.8)


def bowl(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    rx, top, deep = rng.uniform(37, 41), rng.uniform(38, 42), rng.uniform(34, 40)
    ry = rx * rng.uniform(0.2, 0.27)
    foot = canvas.mask(
        np.concatenate(
            [arc(50, top + deep - 3, 15, 3, 180, 0), arc(50, top + deep + 2, 14, 3.4, 0, 180)]
        )
    )
    canvas.paint(foot, darker(look.base, 0.15), slopes=_barrel(canvas, 15), gloss=0.2)
    outer = np.concatenate([arc(50, top, rx, ry * 0.2, 180, 0), arc(50, top, rx, deep, 0, 180)])
    mask = canvas.mask(outer)
    slopes = canvas.round_normal(
        (canvas.x - 50) / rx * 0.92, np.clip((canvas.y - top) / deep, -0.1, 1) * 0.8
    )
    canvas.paint(mask, look.dye(canvas, period=9), slopes=slopes, gloss=0.4, shine=26, cast=0.3)
    rim = canvas.mask(ellipse(50, top, rx, ry))
    canvas.paint(rim, lighter(look.base, 0.25), gloss=0.1)
    inside = canvas.mask(ellipse(50, top + 0.5, rx - 1.6, ry - 1.1))
    inner = mix(look.base, WHITE, 0.75) if rng.random() < 0.5 else lighter(look.base, 0.06)
    slopes = canvas.round_normal(
        -(canvas.x - 50) / rx * 0.8, -np.clip((canvas.y - top - 4) / ry, -1, 1) * 0.5
    )
    canvas.paint(inside, inner, slopes=slopes, gloss=0.25, shine=20)
    floor = canvas.mask(ellipse(50, top + ry * 0.5, rx * 0.5, ry * 0.4)) * inside
    canvas.tone(canvas.puff(floor, 2) / np.float32(2 * canvas.unit) * floor, -0.12)
    canvas.stand(50, top + deep + 4.6, 24)


def lamp(canvas: Canvas, look: Look) -> None:
    """A table lamp, lit: the shade has the product's colour."""
    rng = look.rng
    wide_top, wide_low = rng.uniform(14, 20), rng.uniform(27, 32)
    top, low = 6.0, rng.uniform(42, 47)
    stem: RGB = (WOOD, STEEL, GOLD, darker(look.base, 0.35))[int(rng.integers(4))]
    foot = canvas.mask(
        np.concatenate([arc(50, 90, 18, 3.6, 180, 360), arc(50, 93, 18, 3.8, 0, 180)])
    )
    canvas.paint(foot, stem, slopes=_barrel(canvas, 18, lean=-0.3), gloss=0.3, shine=14)
    if rng.random() < 0.5:
        body: Outline = curve(
            mirror(
                [[50, low - 2], [52.4, low, 1], [52.6, 56], [60, 70], [59, 83], [53, 90], [50, 91]]
            )
        )
        half = np.interp(canvas.y, [low, 56, 70, 83, 90], [2.4, 2.8, 10, 9, 3.4])
    else:
        body = rounded(47.8, low - 2, 52.2, 91, 1)
        half = np.full_like(canvas.y, 2.4)
    mask = canvas.mask(body)
    across = (np.clip((canvas.x - 50) / half, -1, 1) * 0.95).astype(np.float32)
    canvas.paint(mask, stem, slopes=canvas.round_normal(across, canvas.x * 0), gloss=0.35, shine=14)
    shade = np.concatenate(
        [arc(50, top + 2, wide_top, 2.4, 180, 360), arc(50, low, wide_low, 4.4, 0, 180)]
    )
    mask = canvas.mask(shade)
    half = np.interp(canvas.y, [top, low], [wide_top, wide_low])
    across = (np.clip((canvas.x - 50) / half, -1, 1) * 0.9).astype(np.float32)
    canvas.paint(
        mask,
        look.dye(canvas, period=8),
        slopes=canvas.round_normal(across, np.full_like(canvas.x, -0.15)),
        gloss=0.05,
        cast=0.4,
        ambient=0.6,
    )
    glow = np.exp(-(((canvas.x - 50) / (wide_low * 0.62)) ** 2) - ((canvas.y - low + 11) / 15) ** 2)
    warm = mask * glow.astype(np.float32) * np.float32(0.15 + 0.4 * luminance(look.base))
    canvas.rgb += (
        warm[..., None] * (np.array([1.0, 0.93, 0.74], np.float32) - canvas.rgb) * np.float32(0.8)
    )
    for y, half_width, ry in ((top + 2, wide_top, 2.4), (low - 0.6, wide_low, 4.4)):
        canvas.paint(
            canvas.line(arc(50, y, half_width - 0.3, ry, 0, 180), width=1.0),
            darker(look.base, 0.22),
        )
    canvas.stand(50, 95.4, 20)


def chair(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wood = WOOD if rng.random() < 0.6 else DARK if luminance(look.base) > 0.25 else STEEL
    for x0, x1, y1 in ((36, 33, 88), (68, 71, 86)):
        leg = canvas.line([[x0, 58], [x1, y1]], width=2.6)
        canvas.paint(leg, darker(wood, 0.3), relief=canvas.puff(leg, 1.2, 1.3))
        canvas.stand(x1, y1 + 1, 5, strength=0.35)
    back = curve(
        [
            [27, 12],
            [36, 6.5],
            [52, 5.5],
            [66, 7],
            [74, 13],
            [75, 30],
            [72, 54],
            [64, 60],
            [38, 60],
            [29, 54],
            [26, 30],
        ]
    )
    mask = canvas.mask(back)
    relief = canvas.puff(mask, 2.4, 1.1) + canvas.puff(mask, 8, 0.8)
    if rng.random() < 0.5:
        relief = relief - canvas.folds(*((x, 0, x, 66, 0.9, 0.9) for x in (38, 50.5, 63)))
    canvas.paint(mask, look.dye(canvas, period=8), relief=relief, gloss=0.08)
    seat = curve(
        [
            [22, 58],
            [32, 53.5],
            [50, 52.5],
            [69, 53.5],
            [78, 58],
            [79, 63],
            [70, 67.5],
            [50, 69],
            [30, 67.5],
            [21, 63],
        ]
    )
    mask = canvas.mask(seat)
    canvas.paint(
        mask,
        look.dye(canvas, period=8),
        relief=canvas.puff(mask, 2.4, 1.2) + canvas.puff(mask, 6, 0.7),
        cast=0.5,
        gloss=0.08,
    )
    for x0, x1, y1 in ((28, 22, 95), (72, 79, 94)):
        leg = canvas.line([[x0, 66], [x1, y1]], width=3)
        canvas.paint(leg, wood, relief=canvas.puff(leg, 1.4, 1.4), gloss=0.15)
        canvas.stand(x1, y1 + 1.2, 6)
    rail = canvas.mask(
        curve([[24, 65.5, 1], [50, 69.5], [76, 65.5, 1], [76, 68.6, 1], [50, 72.4], [24, 68.6, 1]])
    )
    canvas.paint(rail, wood, relief=canvas.puff(rail, 1, 1.2), cast=0.2)
