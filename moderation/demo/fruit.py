"""Apple, pear, banana, orange and lemon in their natural colours."""

import numpy as np

from .canvas import Canvas, Field
from .colours import RGB, darker, mix
from .looks import Look
from .paths import curve, ellipse, mirror

STALK: RGB = (0.36, 0.25, 0.14)
LEAF: RGB = (0.26, 0.48, 0.16)


def _leaf(canvas: Canvas, x: float, y: float, *, side: int) -> None:
    outline = curve(
        [
            [x, y, 1],
            [x + side * 6, y - 7],
            [x + side * 16, y - 8],
            [x + side * 21, y - 4, 1],
            [x + side * 14, y + 1],
            [x + side * 6, y + 1.6],
        ]
    )
    mask = canvas.mask(outline)
    canvas.paint(mask, LEAF, relief=canvas.puff(mask, 2, 1.0), gloss=0.2, cast=0.3)
    canvas.seam(
        curve([[x, y], [x + side * 10, y - 3.6], [x + side * 20, y - 4]], closed=False),
        width=0.5,
        depth=0.3,
    )


def _stalk(canvas: Canvas, *points: list[float], width: float = 2.0) -> None:
    mask = canvas.line(curve(list(points), closed=False), width=width)
    canvas.paint(mask, STALK, relief=canvas.puff(mask, 0.9, 1.3), cast=0.35)


def _skin(canvas: Canvas, base: RGB, blush: RGB, amount: Field) -> Field:
    cover = np.clip(amount, 0, 1)[..., None]
    return (np.array(base, np.float32) * (1 - cover) + np.array(blush, np.float32) * cover).astype(
        np.float32
    )


def apple(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide = rng.uniform(33, 36)
    outline = curve(
        mirror(
            [
                [50, 31],
                [57, 26.5],
                [50 + wide * 0.72, 27],
                [50 + wide, 45],
                [50 + wide * 0.9, 65],
                [50 + wide * 0.55, 84],
                [56.5, 89],
                [50, 86.6],
            ]
        )
    )
    mask = canvas.mask(outline)
    red, green, _ = look.base
    blush = mix(look.base, (0.93, 0.75, 0.30) if red > green * 1.5 else (0.85, 0.35, 0.20), 0.5)
    streak = canvas.noise(4, 30) * 0.5 + canvas.noise(18) * 0.8 + (canvas.x - 50) / 70 - 0.15
    skin = _skin(canvas, look.base, blush, np.clip(streak, 0, 0.7 if red > green * 1.5 else 0.35))
    top = np.exp(-(((canvas.x - 50) / 12) ** 2) - ((canvas.y - 29) / 8) ** 2)
    skin = skin + top[..., None].astype(np.float32) * (
        np.array((0.62, 0.66, 0.22), np.float32) - skin
    ) * np.float32(0.6)
    across = np.clip((canvas.x - 50) / wide, -1, 1) * 0.93
    down = np.clip((canvas.y - 57) / 32, -1, 1) * 0.93
    right, lower = canvas.round_normal(across.astype(np.float32), down.astype(np.float32))
    hollow = canvas.folds((50, 24, 50, 34, 8, -3.2))
    dy, dx = np.gradient(hollow)
    canvas.paint(mask, skin, slopes=(right - dx, lower - dy), gloss=0.55, shine=38, ambient=0.5)
    speck = np.stack([rng.uniform(24, 76, 60), rng.uniform(34, 84, 60)], axis=1)
    canvas.tone(canvas.dots(speck.tolist(), 0.28) * mask, 0.25)
    _stalk(canvas, [50, 33], [50.6, 25], [53.5, 17.5])
    if rng.random() < 0.6:
        _leaf(canvas, 51, 25, side=1 if rng.random() < 0.5 else -1)
    canvas.stand(50, 88, 27, strength=0.6)


def pear(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide = rng.uniform(26, 29)
    outline = curve(
        mirror(
            [
                [50, 17],
                [55, 18.5],
                [59, 27],
                [62.5, 40],
                [50 + wide * 0.86, 55],
                [50 + wide, 71],
                [50 + wide * 0.75, 86],
                [58, 92],
                [50, 90.6],
            ]
        )
    )
    mask = canvas.mask(outline)
    half = np.interp(
        canvas.y,
        [16, 20, 27, 40, 55, 71, 86, 93],
        [2, 6, 9.4, 12.8, wide * 0.87, wide, wide * 0.77, 4],
    )
    across = np.clip((canvas.x - 50) / half, -1, 1) * 0.94
    down = np.interp(
        canvas.y, [16, 22, 34, 46, 60, 72, 92], [-0.8, -0.4, -0.15, -0.35, -0.3, 0.1, 0.85]
    )
    blush = mix(look.base, (0.83, 0.45, 0.2), 0.4)
    skin = _skin(canvas, look.base, blush, canvas.noise(20) * 0.8 + (50 - canvas.x) / 60)
    slopes = canvas.round_normal(
        across.astype(np.float32), (down * np.sqrt(np.clip(1 - across**2, 0, 1))).astype(np.float32)
    )
    canvas.paint(mask, skin, slopes=slopes, gloss=0.35, shine=20, ambient=0.5)
    speck = np.stack([rng.uniform(26, 74, 140), rng.uniform(22, 90, 140)], axis=1)
    canvas.tone(canvas.dots(speck.tolist(), 0.3) * mask, -0.22)
    _stalk(canvas, [50, 19], [50.8, 12], [54.5, 5.5])
    if rng.random() < 0.5:
        _leaf(canvas, 51, 12, side=1 if rng.random() < 0.5 else -1)
    canvas.stand(50, 91.6, 24, strength=0.6)


def banana(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    count = int(rng.choice([1, 2, 3, 3]))
    for i in range(count):
        _finger(canvas, look, turn=(i - (count - 1) / 2) * -15.0, last=i == count - 1)
    crown = canvas.mask(ellipse(17, 22, 4.4, 3.4, turn=40))
    canvas.paint(crown, mix(look.base, STALK, 0.75), relief=canvas.puff(crown, 1.6))


def _finger(canvas: Canvas, look: Look, *, turn: float, last: bool) -> None:
    rng = look.rng
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))

    def place(points: list[list[float]]) -> list[list[float]]:
        return [
            [17 + (x - 17) * c - (y - 22) * s, 22 + (x - 17) * s + (y - 22) * c, *rest]
            for x, y, *rest in points
        ]

    outline = curve(
        place(
            [
                [15, 19, 1],
                [20, 18, 1],
                [23, 28],
                [33, 47],
                [50, 61],
                [68, 66.5],
                [83, 65],
                [88.5, 67],
                [87, 71],
                [76, 79],
                [58, 81.5],
                [39, 75],
                [24, 58],
                [18, 38],
            ]
        )
    )
    mask = canvas.mask(outline)
    relief = canvas.puff(mask, 2.2, 0.8) + canvas.puff(mask, 5.5, 1.6)
    skin = np.broadcast_to(np.array(look.base, np.float32), canvas.rgb.shape)
    patch = np.clip(canvas.noise(14), -1, 1)[..., None] * np.float32(0.04)
    canvas.paint(
        mask,
        (skin + patch).astype(np.float32),
        relief=relief,
        gloss=0.16,
        shine=10,
        cast=0.45,
        ambient=0.52,
    )
    ridge = curve(place([[20, 30], [28, 52], [46, 69], [66, 74], [84, 69.5]]), closed=False)
    soft = canvas.line(ridge, width=0.8)
    canvas.tone(soft * mask, -0.16)
    canvas.tone(canvas.line(ridge - np.array([0, 1.3]), width=1.2) * mask, 0.13)
    tip = canvas.mask(ellipse(*place([[88, 68.5]])[0], 2.4, 2.8)) * mask
    canvas.paint(tip, (0.22, 0.16, 0.1), relief=canvas.puff(tip, 1))
    neck = canvas.mask(ellipse(*place([[17.5, 20]])[0], 5.5, 7)) * mask
    canvas.paint(neck, mix(look.base, (0.55, 0.6, 0.2), 0.55), relief=relief, opacity=0.6)
    if last and rng.random() < 0.5:
        spots = [[rng.uniform(26, 80), rng.uniform(40, 80)] for _ in range(26)]
        canvas.tone(canvas.dots(spots, 0.5) * mask, -0.4)


def orange(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    cut = rng.random() < 0.45
    x, y, radius = (40.0, 50.0, 30.0) if cut else (50.0, 54.0, 35.0)
    mask = canvas.mask(ellipse(x, y, radius, radius * 0.97))
    across, down = (canvas.x - x) / radius * 0.95, (canvas.y - y) / radius * 0.95
    right, lower = canvas.round_normal(across, down)
    pores = canvas.noise(1.5) * np.float32(0.06) + canvas.noise(0.9) * np.float32(0.09)
    canvas.paint(
        mask,
        look.base,
        slopes=(right + pores, lower + np.roll(pores, 3, axis=0)),
        gloss=0.3,
        shine=14,
        ambient=0.5,
    )
    navel = canvas.mask(ellipse(x + 3, y - radius * 0.72, 2.6, 1.7))
    canvas.paint(navel, (0.45, 0.5, 0.2), relief=canvas.puff(navel, 0.8), cast=0.35)
    if rng.random() < 0.5:
        _leaf(canvas, x + 4, y - radius * 0.74, side=1)
    canvas.stand(x, y + radius * 0.97, radius * 0.8, strength=0.6)
    if cut:
        _half(canvas, look.base, 68, 66, 22, flesh=mix(look.base, (1.0, 0.72, 0.3), 0.35))
        canvas.stand(68, 87, 17, strength=0.6)


def _half(
    canvas: Canvas, rind: RGB, x: float, y: float, radius: float, *, flesh: RGB, flat: float = 0.95
) -> None:
    """The cut face of a citrus fruit."""
    mask = canvas.mask(ellipse(x, y, radius, radius * flat))
    canvas.paint(mask, rind, relief=canvas.puff(mask, 1), cast=0.55)
    pith = canvas.mask(ellipse(x, y, radius - 1.5, (radius - 1.5) * flat))
    canvas.paint(pith, (0.98, 0.93, 0.80), relief=canvas.puff(pith, 0.6))
    wedges = []
    for i in range(10):
        middle = i * 36 + 10
        ring = np.deg2rad(np.array([middle - 15.5, middle - 8, middle, middle + 8, middle + 15.5]))
        outer = np.stack(
            [x + (radius - 3) * np.cos(ring), y + (radius - 3) * flat * np.sin(ring)], axis=1
        )
        tip = np.array(
            [[x + 2.2 * np.cos(np.deg2rad(middle)), y + 2.2 * flat * np.sin(np.deg2rad(middle))]]
        )
        wedges.append(np.concatenate([outer, tip]))
    pulp = canvas.mask(*wedges)
    relief = canvas.puff(pulp, 1, 1.1) + canvas.noise(2.2) * np.float32(canvas.unit * 0.22)
    canvas.paint(pulp, flesh, relief=relief, gloss=0.3, shine=14)


def lemon(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    cut = rng.random() < 0.45
    x, y, size = (42.0, 47.0, 0.86) if cut else (50.0, 54.0, 1.0)
    half = [
        [-42, 0, 0],
        [-37, -6.5, 0],
        [-29, -17, 0],
        [-12, -26, 0],
        [8, -27, 0],
        [26, -18, 0],
        [33, -8, 0],
        [39, -3.5, 0],
        [40, 0, 0],
    ]
    ring = [[x + px * size, y + py * size] for px, py, _ in half] + [
        [x + px * size, y - py * size * 0.98] for px, py, _ in half[-2:0:-1]
    ]
    mask = canvas.mask(curve(ring))
    across = np.clip((canvas.x - x) / (41 * size), -1, 1)
    down = np.clip((canvas.y - y) / (27 * size), -1, 1) * 0.95
    right, lower = canvas.round_normal(
        (across**3 * 0.8 + across * 0.2).astype(np.float32) * np.float32(0.9),
        down.astype(np.float32),
    )
    pores = canvas.noise(1.6) * np.float32(0.07) + canvas.noise(0.9) * np.float32(0.09)
    canvas.paint(
        mask,
        look.base,
        slopes=(right + pores, lower + np.roll(pores, 3, axis=0)),
        gloss=0.32,
        shine=14,
        ambient=0.54,
    )
    end = canvas.mask(ellipse(x - 40.5 * size, y, 2.6, 2.4)) * mask
    canvas.paint(
        end, darker(mix(look.base, LEAF, 0.5), 0.1), relief=canvas.puff(end, 1), opacity=0.8
    )
    if rng.random() < 0.55:
        _leaf(canvas, x - 38 * size, y - 4, side=1)
    canvas.stand(x, y + 26.6 * size, 27 * size, strength=0.6)
    if cut:
        _half(canvas, look.base, 69, 67, 19, flesh=mix(look.base, (1.0, 0.95, 0.55), 0.4))
        canvas.stand(69, 85.4, 15, strength=0.6)
