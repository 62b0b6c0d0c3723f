"""Handbag, backpack, wallet and suitcase."""

import numpy as np

from .canvas import Canvas
from .colours import DARK, GOLD, STEEL, contrast, darker, mix
from .looks import Look
from .paths import arc, curve, ellipse, mirror, rounded


def handbag(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    metal = GOLD if rng.random() < 0.7 else STEEL
    top, low = rng.uniform(40, 44), rng.uniform(86, 90)
    wide_top, wide_low = rng.uniform(27, 32), rng.uniform(36, 41)
    rise = rng.uniform(10, 20)
    back = canvas.line(arc(50, top + 4, 17.5, top - rise - 4 + 4, 180, 360), width=2.6)
    canvas.paint(back, darker(look.base, 0.35), relief=canvas.puff(back, 1.2))
    outline = curve(
        mirror(
            [
                [50, top - 1],
                [50 + wide_top, top, 1],
                [50 + wide_top + 4, (top + low) / 2],
                [50 + wide_low, low - 4],
                [50 + wide_low - 4, low],
                [50, low + 0.8],
            ]
        )
    )
    mask = canvas.mask(outline)
    relief = (
        canvas.puff(mask, 2)
        + canvas.puff(mask, 9, 1.0)
        + canvas.noise(24) * np.float32(canvas.unit * 0.7)
    )
    canvas.paint(mask, look.dye(canvas, period=9), relief=relief, gloss=0.16, shine=12)
    grain = canvas.noise(1.3)
    canvas.tone(np.clip(grain, 0, 1) * mask, -0.05)
    for side in (1, -1):
        gusset = curve(
            [
                [50 + side * (wide_top - 3), top + 1],
                [50 + side * (wide_top - 1), (top + low) / 2],
                [50 + side * (wide_low - 6), low - 1],
            ],
            closed=False,
        )
        canvas.seam(gusset, width=0.6, depth=0.35)
        canvas.stitch(gusset - np.array([side * 1.2, 0]), mix(look.base, contrast(look.base), 0.55))
    if rng.random() < 0.55:
        flap = canvas.mask(
            curve(
                mirror(
                    [
                        [50, top - 2],
                        [50 + wide_top + 0.8, top - 1, 1],
                        [50 + wide_top + 2, top + 10],
                        [50 + wide_top * 0.6, top + 22],
                        [50, top + 26],
                    ]
                )
            )
        )
        canvas.paint(
            flap,
            darker(look.base, 0.07),
            relief=canvas.puff(flap, 1.6) + canvas.puff(flap, 7, 0.5),
            cast=0.5,
            gloss=0.18,
        )
        y = top + 24
    else:
        canvas.seam(
            curve(
                [[50 - wide_top, top + 4], [50, top + 5.5], [50 + wide_top, top + 4]], closed=False
            ),
            width=0.8,
            depth=0.4,
        )
        canvas.stitch(
            np.array([[50 - wide_top + 1, top + 2.6], [50 + wide_top - 1, top + 2.6]]),
            metal,
            width=0.6,
            dash=0.5,
        )
        y = top + 14
    clasp = canvas.mask(rounded(45.8, y - 3, 54.2, y + 3.4, 1.2))
    canvas.paint(clasp, metal, relief=canvas.puff(clasp, 1, 1.4), cast=0.5, gloss=0.6, shine=18)
    canvas.seam(np.array([[46.5, y], [53.5, y]]), width=0.4, depth=0.4)
    front = canvas.line(arc(50, top + 8, 19.5, top + 8 - rise, 180, 360), width=3.2)
    canvas.paint(
        front, darker(look.base, 0.12), relief=canvas.puff(front, 1.5, 1.3), cast=0.35, gloss=0.25
    )
    for x in (30.5, 69.5):
        ring = canvas.mask(ellipse(x, top + 8, 3, 3), holes=[ellipse(x, top + 8, 1.7, 1.7)])
        canvas.paint(ring, metal, relief=canvas.puff(ring, 0.7, 1.4), cast=0.5, gloss=0.6)
        tab = canvas.mask(rounded(x - 2, top + 9.6, x + 2, top + 17, 0.9))
        canvas.paint(tab, darker(look.base, 0.12), relief=canvas.puff(tab, 1), cast=0.4)
    canvas.stand(50, low + 0.6, wide_low)


def backpack(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide = rng.uniform(27, 30)
    second = look.second if rng.random() < 0.35 else darker(look.base, 0.18)
    loop = canvas.line(arc(50, 11, 7, 7, 170, 370), width=2.6)
    canvas.paint(loop, darker(look.base, 0.4), relief=canvas.puff(loop, 1.2))
    for side in (1, -1):
        strap = canvas.line(
            curve(
                [
                    [50 + side * (wide - 5), 20],
                    [50 + side * (wide + 5), 40],
                    [50 + side * (wide + 4), 74],
                    [50 + side * (wide - 3), 88],
                ],
                closed=False,
            ),
            width=5.4,
        )
        canvas.paint(strap, darker(look.base, 0.45), relief=canvas.puff(strap, 2))
        pocket = canvas.mask(
            curve(
                [
                    [50 + side * (wide - 3), 58, 1],
                    [50 + side * (wide + 5), 62],
                    [50 + side * (wide + 5.5), 84],
                    [50 + side * (wide - 3), 90, 1],
                ]
            )
        )
        canvas.paint(pocket, darker(look.base, 0.25), relief=canvas.puff(pocket, 2))
    body = curve(
        mirror(
            [
                [50, 8],
                [50 + wide * 0.62, 10],
                [50 + wide * 0.95, 20],
                [50 + wide, 44],
                [50 + wide + 1, 84],
                [50 + wide - 4, 92],
                [50, 93],
            ]
        )
    )
    mask = canvas.mask(body)
    relief = (
        canvas.puff(mask, 2)
        + canvas.puff(mask, 9, 1.1)
        + canvas.noise(24) * np.float32(canvas.unit * 0.6)
    )
    canvas.paint(mask, look.dye(canvas, period=8), relief=relief)
    zip_line = curve(
        [
            [50 - wide + 4, 52],
            [50 - wide + 5, 28],
            [50 - wide * 0.5, 17],
            [50, 15.4],
            [50 + wide * 0.5, 17],
            [50 + wide - 5, 28],
            [50 + wide - 4, 52],
        ],
        closed=False,
    )
    canvas.paint(canvas.line(zip_line, width=1.8), darker(look.base, 0.5))
    canvas.stitch(zip_line, mix(STEEL, look.base, 0.3), width=0.6, dash=0.4)
    front = curve(
        mirror(
            [
                [50, 54],
                [50 + wide - 7, 55],
                [50 + wide - 4.6, 60],
                [50 + wide - 4, 80],
                [50 + wide - 7, 87.5],
                [50, 88.5],
            ]
        )
    )
    mask = canvas.mask(front)
    relief = canvas.puff(mask, 2) + canvas.puff(mask, 7, 1.0)
    canvas.paint(mask, second, relief=relief, cast=0.5)
    pocket_zip = curve([[50 - wide + 7, 64], [50, 62.4], [50 + wide - 7, 64]], closed=False)
    canvas.paint(canvas.line(pocket_zip, width=1.7), darker(second, 0.5))
    canvas.stitch(pocket_zip, mix(STEEL, second, 0.3), width=0.6, dash=0.4)
    for x, y in ((50 - wide + 9, 64), (50 + wide - 5, 50)):
        pull = canvas.line([[x, y], [x + 0.4, y + 5.5]], width=1.7)
        canvas.paint(pull, contrast(look.base), relief=canvas.puff(pull, 0.8), cast=0.5)
    patch = canvas.mask(rounded(44, 34, 56, 41, 1.2))
    canvas.paint(
        patch, mix(look.base, (0.55, 0.36, 0.22), 0.85), relief=canvas.puff(patch, 0.7), cast=0.35
    )
    canvas.seam(
        np.array([[46, 36.6], [54, 36.6]]),
        np.array([[47.5, 38.6], [52.5, 38.6]]),
        width=0.4,
        depth=0.3,
    )
    canvas.stand(50, 93, 31)


def wallet(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    left, right, top, low = 12, 88, rng.uniform(26, 30), rng.uniform(74, 79)
    rim = canvas.mask(rounded(left + 1, top + 1.6, right + 0.8, low + 2, 4))
    canvas.paint(rim, darker(look.base, 0.4), relief=canvas.puff(rim, 1))
    note = canvas.mask(rounded(left + 5, top - 3, right - 6, top + 8, 0.6))
    if rng.random() < 0.4:
        canvas.paint(note, (0.66, 0.76, 0.66), relief=canvas.puff(note, 0.5))
    mask = canvas.mask(rounded(left, top, right, low, 4.5))
    relief = (
        canvas.puff(mask, 1.6)
        + canvas.puff(mask, 7, 0.8)
        + canvas.noise(26) * np.float32(canvas.unit * 0.6)
    )
    canvas.paint(mask, look.dye(canvas, period=8), relief=relief, gloss=0.2, shine=10, cast=0.3)
    canvas.tone(np.clip(canvas.noise(1.1), 0, 1) * mask, -0.07)
    thread = mix(look.base, contrast(look.base), 0.6)
    border = rounded(left + 2.4, top + 2.4, right - 2.4, low - 2.4, 3)
    canvas.stitch(np.concatenate([border, border[:1]]), thread, width=0.45, dash=1.3)
    if rng.random() < 0.6:
        tab = canvas.mask(rounded(66, 45, 92, 59, 6))
        canvas.paint(
            tab, darker(look.base, 0.1), relief=canvas.puff(tab, 1.4), cast=0.55, gloss=0.2
        )
        snap = canvas.mask(ellipse(73, 52, 3, 3))
        canvas.paint(snap, GOLD, relief=canvas.puff(snap, 1.2, 1.5), cast=0.5, gloss=0.6, shine=20)
    else:
        canvas.seam(np.array([[50, top + 1], [50, low - 1]]), width=0.9, depth=0.35)
        stamp = np.array([[62, low - 12], [78, low - 12]])
        canvas.seam(stamp, stamp + np.array([0, 3]), width=0.8, depth=0.3)


def suitcase(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide, top, low = rng.uniform(24, 28), rng.uniform(25, 29), 90.0
    for x in (42, 58):
        rod = canvas.mask(rounded(x - 1.1, 5, x + 1.1, top + 3, 0.6))
        canvas.paint(rod, STEEL, relief=canvas.puff(rod, 0.9, 1.4), gloss=0.4)
    grip = canvas.mask(rounded(39.6, 3, 60.4, 7.6, 2))
    canvas.paint(grip, DARK, relief=canvas.puff(grip, 1.4, 1.2), gloss=0.25)
    for x in (50 - wide + 5, 50 + wide - 5):
        wheel = canvas.mask(rounded(x - 2.6, low - 1, x + 2.6, low + 5.5, 2.2))
        canvas.paint(wheel, DARK, relief=canvas.puff(wheel, 1.6), gloss=0.2)
        canvas.stand(x, low + 5.4, 9)
    mask = canvas.mask(rounded(50 - wide, top, 50 + wide, low, 7))
    ribs = np.cos((canvas.x - 50) * (2 * np.pi / 7.4))
    inner = canvas.puff(
        canvas.mask(rounded(50 - wide + 5, top + 6, 50 + wide - 5, low - 6, 3)), 0.7
    )
    inner = np.clip(inner / np.float32(max(1e-6, float(inner.max()))), 0, 1)
    relief = (
        canvas.puff(mask, 3, 1.1)
        + canvas.puff(mask, 9, 0.4)
        + (np.tanh(ribs * 2.4) * inner * 0.55 * canvas.unit).astype(np.float32)
    )
    canvas.paint(mask, look.base, relief=relief, gloss=0.32, shine=16)
    middle = np.array([[50 - wide + 0.6, low - 14], [50 + wide - 0.6, low - 14]])
    canvas.seam(middle, width=0.7, depth=0.4)
    handle = canvas.line(arc(50, top + 1, 8, 4.4, 180, 360), width=2.2)
    canvas.paint(handle, DARK, relief=canvas.puff(handle, 1), gloss=0.25)
    plate = canvas.mask(rounded(44, top + 9, 56, top + 13, 1))
    canvas.paint(plate, STEEL, relief=canvas.puff(plate, 0.7), cast=0.4, gloss=0.4)
    for corner in ([50 - wide, top], [50 + wide, top], [50 - wide, low], [50 + wide, low]):
        guard = canvas.mask(ellipse(corner[0], corner[1], 8, 8)) * mask
        canvas.paint(guard, darker(look.base, 0.3), relief=relief, gloss=0.2)
