"""T-shirt, shirt, dress, skirt, jeans, shorts, hoodie, jacket and socks."""

import numpy as np

from .canvas import Canvas, Field
from .colours import DARK, GOLD, STEEL, contrast, darker, lighter, luminance, mix
from .looks import Look
from .paths import Outline, arc, curve, ellipse, flipped, mirror, rounded


def _cloth(canvas: Canvas, mask: Field, *folds: tuple[float, ...], edge: float = 1.6) -> Field:
    """Relief of a filled garment: a body, rolled edges, the folds given and small waviness."""
    rng = canvas.rng
    relief = canvas.puff(mask, edge, 0.7) + canvas.puff(mask, 7, 0.55)
    relief = relief + canvas.noise(22, 34) * np.float32(canvas.unit * 1.3)
    relief = relief + canvas.noise(9, 20) * np.float32(canvas.unit * 0.25)
    moved = [
        (
            *(f + rng.normal(0, 0.8) for f in fold[:4]),
            fold[4] * rng.uniform(0.8, 1.25),
            fold[5] * rng.uniform(0.6, 1.25),
        )
        for fold in folds
    ]
    return relief + canvas.folds(*moved)  # type: ignore[arg-type]


def _both(*folds: tuple[float, ...]) -> list[tuple[float, ...]]:
    """The folds and their mirror images."""
    out = list(folds)
    for x0, y0, x1, y1, width, height in folds:
        out.append((100 - x0, y0, 100 - x1, y1, width, height))
    return out


def _torso(canvas: Canvas, *, shoulder: float, waist: float, hem: float) -> list[list[float]]:
    """Right half of a shirt's body from the neck to the hem, without sleeve."""
    return [
        [59, 10, 1],
        [50 + shoulder, 16, 1],
        [50 + shoulder - 2, 34, 1],
        [50 + waist, 58],
        [50 + waist + 0.8, hem - 6],
        [50 + waist + 1.2, hem, 1],
        [50, hem + 0.8],
    ]


BODY_FOLDS = (
    (70, 36, 58, 48, 1.7, 0.75),
    (69, 40, 60, 62, 2.0, -0.6),
    (62, 60, 66, 90, 2.2, 0.8),
    (57, 66, 54, 92, 2.4, -0.6),
    (66, 16, 62, 30, 2.0, 0.5),
)


def tshirt(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    reach, drop = rng.uniform(41, 44), rng.uniform(36, 40)
    waist, hem = rng.uniform(23.5, 26.5), rng.uniform(84, 88)
    sleeve = curve(
        [
            [66, 13.6, 1],
            [75.5, 17.4],
            [50 + reach, drop - 7, 1],
            [50 + reach - 9, drop + 1, 1],
            [71, 34, 1],
        ]
    )
    neck_v = rng.random() < 0.3
    body = curve(mirror(_torso(canvas, shoulder=24, waist=waist, hem=hem)))
    neck = curve([[41, 8, 1], [43, 15], [50, 23 if neck_v else 18.5, neck_v], [57, 15], [59, 8, 1]])
    back = curve(
        [[40.5, 10, 1], [50, 12.6], [59.5, 10, 1], [56, 19], [50, 23 if neck_v else 19.5], [44, 19]]
    )
    canvas.paint(canvas.mask(back), darker(look.base, 0.42))
    canvas.paint(canvas.line(arc(50, 8.6, 9.6, 4.2, 20, 160), width=1.8), darker(look.base, 0.2))
    dyed = look.dye(canvas)
    for side in (sleeve, flipped(sleeve)):
        mask = canvas.mask(side)
        relief = _cloth(
            canvas, mask, *_both((75, 18, 84, 32, 1.8, 0.8), (71, 26, 86, 36, 1.6, -0.6))
        )
        canvas.paint(mask, dyed, relief=relief)
    cuff = np.array([[50 + reach - 0.9, drop - 5.9], [50 + reach - 9.5, drop - 0.6]])
    canvas.seam(cuff, flipped(cuff), width=0.4, depth=0.25)
    mask = canvas.mask(body, holes=[neck])
    canvas.paint(mask, dyed, relief=_cloth(canvas, mask, *_both(*BODY_FOLDS)), cast=0.28)
    armhole = curve([[71.6, 15], [70.6, 22], [71.2, 33.6]], closed=False)
    canvas.seam(armhole, flipped(armhole), width=0.5, depth=0.3)
    canvas.seam(
        curve(
            [[50 - waist - 1, hem - 2.6], [50, hem - 1.8], [50 + waist + 1, hem - 2.6]],
            closed=False,
        ),
        width=0.35,
        depth=0.22,
    )
    rib = curve(
        [
            [41.5, 10.6],
            [43.4, 15.4],
            [50, 23.6 if neck_v else 19.2, neck_v],
            [56.6, 15.4],
            [58.5, 10.6],
        ],
        closed=False,
    )
    ribbing = canvas.line(rib, width=2.2)
    trim = look.second if rng.random() < 0.2 else darker(look.base, 0.06)
    canvas.paint(ribbing, trim, relief=canvas.puff(ribbing, 0.8), cast=0.25)
    if look.pattern == "plain" and rng.random() < 0.35:
        _print(canvas, look)


def _print(canvas: Canvas, look: Look) -> None:
    """A simple printed figure on the chest."""
    rng = look.rng
    ink = contrast(look.base)
    choice = int(rng.integers(3))
    if choice == 0:
        art = canvas.mask(ellipse(50, 40, 9, 9), holes=[ellipse(50, 40, 6.6, 6.6)])
        art = art + canvas.mask(
            curve([[44.5, 43, 1], [48.5, 36.5, 1], [50.5, 39.5, 1], [52, 37.5, 1], [55.5, 43, 1]])
        )
    elif choice == 1:
        art = canvas.mask(*(rounded(40, 34 + 4 * i, 60 - 3 * i, 36 + 4 * i, 0.9) for i in range(3)))
    else:
        angle = np.linspace(-np.pi / 2, 1.5 * np.pi, 11)[:-1]
        radius = np.where(np.arange(10) % 2, 3.8, 9.0)
        star = np.stack([50 + radius * np.cos(angle), 40 + radius * np.sin(angle)], axis=1)
        art = canvas.mask(star)
    canvas.paint(np.clip(art, 0, 1), ink, opacity=0.88)


def _long_sleeve(reach: float, end: float) -> Outline:
    return curve(
        [
            [66, 13.6, 1],
            [74.5, 16.4],
            [79, 24],
            [50 + reach - 2, 54],
            [50 + reach, end, 1],
            [50 + reach - 9, end + 1.6, 1],
            [50 + reach - 12.5, 57],
            [71, 36, 1],
        ]
    )


SLEEVE_FOLDS = (
    (73, 20, 80, 46, 1.8, 0.8),
    (75, 40, 85, 44, 1.5, 0.7),
    (76, 47, 86, 53, 1.6, -0.7),
    (79, 56, 88, 58, 1.4, 0.7),
    (81, 64, 88, 70, 1.4, -0.6),
    (82, 74, 90, 75, 1.2, 0.5),
)


def _sleeves(
    canvas: Canvas, look: Look, dyed: object, reach: float, end: float, cuff: float
) -> None:
    outline = _long_sleeve(reach, end)
    for side in (outline, flipped(outline)):
        mask = canvas.mask(side)
        relief = _cloth(canvas, mask, *_both(*SLEEVE_FOLDS))
        canvas.paint(mask, dyed, relief=relief)  # type: ignore[arg-type]
    edge = np.array([[50 + reach - 0.6, end - cuff], [50 + reach - 9.8, end - cuff + 1.4]])
    canvas.seam(edge, flipped(edge), width=0.5, depth=0.35)


def shirt(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    waist, hem = rng.uniform(22.5, 24.5), rng.uniform(83, 87)
    reach = rng.uniform(37.5, 40.5)
    dyed = look.dye(canvas, period=5.5, turn=90)
    _sleeves(canvas, look, dyed, reach, rng.uniform(77, 81), 6.5)
    half = _torso(canvas, shoulder=23, waist=waist, hem=hem)
    half[-1] = [50, hem + 3]
    body = curve(mirror(half))
    inside = canvas.mask(curve([[42, 9], [50, 7], [58, 9], [55, 17], [50, 22], [45, 17]]))
    canvas.paint(inside, darker(look.base, 0.4))
    neck = curve([[42.5, 7, 1], [44, 14], [50, 21.5, 1], [56, 14], [57.5, 7, 1]])
    mask = canvas.mask(body, holes=[neck])
    canvas.paint(mask, dyed, relief=_cloth(canvas, mask, *_both(*BODY_FOLDS)), cast=0.3)
    armhole = curve([[70.6, 15.2], [69.8, 23], [70.6, 35]], closed=False)
    canvas.seam(armhole, flipped(armhole), width=0.5, depth=0.3)
    placket = np.array([[48, 21.5], [48, hem + 2.6]])
    canvas.seam(placket, placket + np.array([4.2, 0]), width=0.35, depth=0.3)
    if rng.random() < 0.6:
        pocket = curve([[56.5, 36, 1], [66, 36, 1], [66, 45, 1], [61.2, 47.5, 1], [56.5, 45, 1]])
        ring = np.concatenate([pocket, pocket[:1]])
        canvas.seam(ring, width=0.4, depth=0.3)
        canvas.seam(np.array([[56.5, 38], [66, 38]]), width=0.3, depth=0.25)
    button = lighter(look.base, 0.55) if luminance(look.base) < 0.6 else mix(look.base, DARK, 0.25)
    for y in np.linspace(27, hem - 5, 7):
        spot = canvas.mask(ellipse(50.1, y, 1.05, 1.05))
        canvas.paint(spot, button, relief=canvas.puff(spot, 0.5), cast=0.5, gloss=0.2)
    _collar(canvas, look)


def _collar(canvas: Canvas, look: Look) -> None:
    band = canvas.mask(
        curve([[41.5, 9, 1], [50, 6.2], [58.5, 9, 1], [58, 11.5, 1], [50, 9.4], [42, 11.5, 1]])
    )
    canvas.paint(band, darker(look.base, 0.1), relief=canvas.puff(band, 1))
    leaf = curve([[58.8, 8.2, 1], [62.5, 14], [60.5, 24, 1], [50.3, 21, 1], [55, 15]])
    for side in (leaf, flipped(leaf)):
        mask = canvas.mask(side)
        canvas.paint(mask, lighter(look.base, 0.05), relief=canvas.puff(mask, 1.5, 0.9), cast=0.4)
        canvas.seam(side, width=0.25, depth=0.25)


def dress(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    flare, hem = rng.uniform(24, 33), rng.uniform(97, 101)
    waist, y_waist = rng.uniform(11.5, 13.5), rng.uniform(40, 44)
    strap = rng.random() < 0.45
    outline = curve(
        mirror(
            [
                [57, 2 if strap else 3.5, 1],
                [59.5, 2 if strap else 4, 1],
                [62.5 if strap else 66, 8, strap],
                [63, 18, 1],
                [64.5, 25],
                [50 + waist, y_waist, 1],
                [50 + waist + flare * 0.42, 62],
                [50 + flare, hem - 4, 1],
                [50 + flare * 0.5, hem - 0.6],
                [50, hem + 0.6],
            ]
        )
    )
    neck = curve([[42.8, 0, 1], [43.5, 10], [50, 16 if strap else 13], [56.5, 10], [57.2, 0, 1]])
    back = canvas.mask(
        curve([[42.6, 3, 1], [50, 8.6], [57.4, 3, 1], [56.6, 12], [50, 18], [43.4, 12]])
    )
    canvas.paint(back, darker(look.base, 0.45))
    mask = canvas.mask(outline, holes=[neck])
    pleats = []
    count = int(rng.integers(5, 8))
    for i in range(count):
        share = (i + 0.5) / count * 2 - 1
        top, low = 50 + share * waist * 0.95, 50 + share * flare * 1.0
        pleats.append((top, y_waist + 1, low, hem + 14, 2.3, 1.7))
        pleats.append((top + 1.6, y_waist + 3, low + 3.8, hem + 12, 2.0, -1.3))
    relief = _cloth(
        canvas, mask, *_both((62, 24, 55, 30, 1.5, 0.5), (61, 36, 54, 30, 1.4, -0.5)), *pleats
    )
    canvas.paint(mask, look.dye(canvas, period=6), relief=relief)
    sash = canvas.mask(
        curve(
            mirror(
                [
                    [50 + waist + 0.3, y_waist - 1.6, 1],
                    [50 + waist + 0.3, y_waist + 1.8, 1],
                    [50, y_waist + 2.6],
                ]
            )
        )
    )
    canvas.paint(sash, darker(look.base, 0.18), relief=canvas.puff(sash, 1), cast=0.35)
    if not strap:
        armhole = curve([[65.5, 8], [62.4, 14], [63, 18]], closed=False)
        canvas.seam(armhole, flipped(armhole), width=0.3, depth=0.2)
    canvas.seam(
        curve(
            [[43.2, 4], [44, 10.4], [50, 16.8 if strap else 13.8], [56, 10.4], [56.8, 4]],
            closed=False,
        ),
        width=0.5,
        depth=0.25,
    )


def skirt(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    flare, hem = rng.uniform(30, 38), rng.uniform(82, 92)
    waist = rng.uniform(15, 17)
    outline = curve(
        mirror(
            [
                [50 + waist, 18, 1],
                [50 + waist + (flare - waist) * 0.35, 36],
                [50 + flare, hem - 5, 1],
                [50 + flare * 0.55, hem - 1],
                [50, hem + 0.8],
            ]
        )
    )
    mask = canvas.mask(outline)
    pleats = []
    count = int(rng.integers(6, 11))
    for i in range(count):
        share = (i + 0.5) / count * 2 - 1
        top, low = 50 + share * waist, 50 + share * flare
        pleats.append((top, 10, low, hem + 16, 2.2, 1.9))
        pleats.append((top + 1.2, 14, low + 3.4, hem + 14, 1.8, -1.5))
    canvas.paint(mask, look.dye(canvas, period=7), relief=_cloth(canvas, mask, *pleats))
    hem_line = curve(
        [
            [50 - flare + 1, hem - 7.5],
            [50 - flare * 0.5, hem - 3.4],
            [50, hem - 2],
            [50 + flare * 0.5, hem - 3.4],
            [50 + flare - 1, hem - 7.5],
        ],
        closed=False,
    )
    canvas.seam(hem_line, width=0.35, depth=0.2)
    band = canvas.mask(
        curve(
            [
                [50 - waist - 0.4, 13, 1],
                [50, 14.4],
                [50 + waist + 0.4, 13, 1],
                [50 + waist + 0.8, 19, 1],
                [50, 20.6],
                [50 - waist - 0.8, 19, 1],
            ]
        )
    )
    canvas.paint(band, darker(look.base, 0.1), relief=canvas.puff(band, 1.4), cast=0.4)
    canvas.paint(
        canvas.mask(
            curve([[50 - waist + 0.6, 13, 1], [50, 14.4], [50 + waist - 0.6, 13, 1], [50, 12.4]])
        ),
        darker(look.base, 0.5),
    )


def jeans(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    waist, leg = rng.uniform(14.5, 16.5), rng.uniform(7.0, 11.5)
    foot, out = 104.0, rng.uniform(17, 21)
    half = curve(
        [
            [50, 2.5, 1],
            [50 + waist, 2, 1],
            [50 + waist + 2.5, 16],
            [50 + waist + 3.8, 32],
            [50 + out + 0.5, 66],
            [50 + out, foot, 1],
            [50 + out - leg * 1.35, foot + 1.2, 1],
            [52.5, 62],
            [50.6, 33, 1],
            [50, 30, 1],
        ]
    )
    denim = look.base
    folds = [
        (52, 33, 64, 28, 1.4, 0.9),
        (52, 36, 66, 35, 1.5, -0.7),
        (53, 40, 66, 44, 1.6, 0.6),
        (54, 62, 68, 60, 1.4, 0.7),
        (54, 66, 68, 68, 1.4, -0.6),
        (56, 90, 68, 92, 1.3, 0.7),
        (56, 96, 68, 95, 1.2, -0.6),
        (61, 44, 62, 100, 3.2, 0.9),
    ]
    for side in (half, flipped(half)):
        mask = canvas.mask(side)
        relief = _cloth(canvas, mask, *_both(*folds))
        canvas.paint(mask, denim, relief=relief, cast=0.15)
        fade = canvas.folds((60, 26, 61, 62, 4.5, 1), (40, 26, 39, 62, 4.5, 1)) / np.float32(
            canvas.unit
        )
        canvas.tone(np.clip(fade, 0, 1) * mask, 0.14)
        canvas.tone(np.clip(canvas.noise(1.2, 1.6), -1, 1) * mask, -0.05)
    thread = GOLD if luminance(denim) < 0.6 and rng.random() < 0.7 else darker(denim, 0.3)
    _jeans_details(canvas, look, waist, thread)


def _jeans_details(
    canvas: Canvas, look: Look, waist: float, thread: tuple[float, float, float]
) -> None:
    rise = curve([[50, 8], [50.2, 20], [50.2, 31]], closed=False)
    canvas.seam(rise, width=0.6, depth=0.45)
    fly = curve([[54.2, 8.6], [54.2, 20], [50.6, 27]], closed=False)
    canvas.stitch(fly, thread)
    pocket = curve([[54.8 + waist * 0.18, 8.4], [58, 14], [51.8 + waist, 15.6]], closed=False)
    for side in (pocket, flipped(pocket)):
        canvas.seam(side, width=0.5, depth=0.4)
        canvas.stitch(side + np.array([0, 1.3]), thread)
    inseam = curve(
        [[50 + waist + 1.2, 9], [50 + waist + 2.4, 30], [50 + waist + 2.3, 48]], closed=False
    )
    canvas.stitch(inseam - np.array([1.4, 0]), thread, width=0.25)
    canvas.stitch(flipped(inseam - np.array([1.4, 0])), thread, width=0.25)
    inner = canvas.mask(
        curve([[50 - waist + 0.4, 2.2, 1], [50, 0.4], [50 + waist - 0.4, 2.2, 1], [50, 5]])
    )
    canvas.paint(inner, darker(look.base, 0.5))
    band = canvas.mask(
        curve(
            [
                [50 - waist, 2, 1],
                [50, 3.6],
                [50 + waist, 2, 1],
                [50 + waist + 0.9, 7.4, 1],
                [50, 9.2],
                [50 - waist - 0.9, 7.4, 1],
            ]
        )
    )
    canvas.paint(band, lighter(look.base, 0.04), relief=canvas.puff(band, 1.2), cast=0.3)
    for x in (50 - waist * 0.66, 50 + waist * 0.66):
        loop = canvas.mask(rounded(x - 0.9, 1.6, x + 0.9, 9.4, 0.5))
        canvas.paint(loop, look.base, relief=canvas.puff(loop, 0.7), cast=0.45)
    stud = canvas.mask(ellipse(51.4, 6.2, 1.3, 1.3))
    canvas.paint(stud, GOLD, relief=canvas.puff(stud, 0.7, 1.5), cast=0.4, gloss=0.5)


def shorts(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    waist, out, foot = rng.uniform(21, 23), rng.uniform(31, 35), rng.uniform(70, 80)
    half = curve(
        [
            [50, 20, 1],
            [50 + waist, 19, 1],
            [50 + waist + 4, 34],
            [50 + out, foot - 2, 1],
            [52.5, foot + 1.5, 1],
            [50.8, 52, 1],
            [50, 50, 1],
        ]
    )
    dyed = look.dye(canvas, period=7)
    folds = _both(
        (52, 50, 66, 44, 1.8, 1.0),
        (53, 54, 70, 54, 1.8, -0.8),
        (56, 26, 60, 46, 2.2, 0.8),
        (66, 28, 76, 72, 2.6, 0.9),
        (60, 52, 64, 76, 2.4, -0.8),
    )
    for side in (half, flipped(half)):
        mask = canvas.mask(side)
        canvas.paint(mask, dyed, relief=_cloth(canvas, mask, *folds), cast=0.2)
    rise = curve([[50, 26], [50.2, 38], [50.2, 51]], closed=False)
    canvas.seam(rise, width=0.6, depth=0.4)
    pocket = curve([[62, 26], [67, 34], [52.6 + waist, 40]], closed=False)
    hem = np.array([[50 + out - 1, foot - 5.4], [52.6, foot - 2]])
    canvas.seam(pocket, flipped(pocket), hem, flipped(hem), width=0.5, depth=0.35)
    inner = canvas.mask(
        curve([[50 - waist + 0.6, 19.4, 1], [50, 17], [50 + waist - 0.6, 19.4, 1], [50, 23]])
    )
    canvas.paint(inner, darker(look.base, 0.5))
    band = canvas.mask(
        curve(
            [
                [50 - waist, 19, 1],
                [50, 21],
                [50 + waist, 19, 1],
                [50 + waist + 0.8, 25.6, 1],
                [50, 27.8],
                [50 - waist - 0.8, 25.6, 1],
            ]
        )
    )
    relief = canvas.puff(band, 1.6)
    relief = relief + np.float32(canvas.unit * 0.16) * np.sin(canvas.x * 2.6)
    canvas.paint(band, darker(look.base, 0.06), relief=relief, cast=0.3)
    cord = contrast(look.base)
    for x, swing in ((48.6, -2.5), (51.4, 2.2)):
        lace = canvas.line(
            curve([[x, 24.4], [x + swing * 0.6, 31], [x + swing, 38]], closed=False), width=0.9
        )
        canvas.paint(lace, cord, relief=canvas.puff(lace, 0.5), cast=0.5)


def hoodie(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    waist, hem, reach = rng.uniform(24, 26), rng.uniform(83, 87), rng.uniform(39, 41.5)
    dyed = look.dye(canvas, period=8)
    _sleeves(canvas, look, dyed, reach, 81, 6.0)
    body = curve(mirror(_torso(canvas, shoulder=24, waist=waist, hem=hem)))
    mask = canvas.mask(body)
    canvas.paint(mask, dyed, relief=_cloth(canvas, mask, *_both(*BODY_FOLDS)), cast=0.32)
    armhole = curve([[71.4, 15.2], [70.4, 23], [71.2, 35]], closed=False)
    canvas.seam(armhole, flipped(armhole), width=0.6, depth=0.32)
    rib = canvas.mask(rounded(50 - waist - 0.8, hem - 6, 50 + waist + 0.8, hem + 1.2, 1.6))
    relief = canvas.puff(rib, 1.6) + np.float32(canvas.unit * 0.16) * np.sin(canvas.x * 4.2)
    canvas.paint(rib, darker(look.base, 0.05), relief=relief, cast=0.3)
    pouch = curve([[37, 56, 1], [63, 56, 1], [70, 68, 1], [70, 77, 1], [30, 77, 1], [30, 68, 1]])
    mask = canvas.mask(pouch)
    canvas.paint(mask, dyed, relief=_cloth(canvas, mask), cast=0.4)
    canvas.seam(
        np.array([[63, 56], [70, 68]]), np.array([[37, 56], [30, 68]]), width=0.7, depth=0.45
    )
    _hood(canvas, look)


def _hood(canvas: Canvas, look: Look) -> None:
    hood = curve(mirror([[50, 0.5], [58, 2], [64, 9], [65, 17], [60, 23], [50, 28.5, 1]]))
    mask = canvas.mask(hood)
    folds = _both((61, 8, 60, 20, 1.4, 0.7), (56, 2, 62, 12, 1.6, 0.6))
    canvas.paint(mask, look.base, relief=_cloth(canvas, mask, *folds), cast=0.4)
    opening = curve(mirror([[50, 5], [56, 7], [59, 14], [56, 20.5], [50, 25.5, 1]]))
    hole = canvas.mask(opening)
    canvas.paint(hole, darker(look.base, 0.55))
    canvas.tone(np.clip(canvas.puff(hole, 4) / (4 * canvas.unit), 0, 1), -0.35)
    lining = canvas.mask(curve(mirror([[50, 9], [54.5, 10.5], [55.5, 15], [50, 17]])))
    canvas.paint(lining, darker(look.base, 0.4), relief=canvas.puff(lining, 2), opacity=0.7)
    ring = np.concatenate([opening, opening[:1]])
    canvas.paint(
        canvas.line(ring, width=1.6),
        darker(look.base, 0.08),
        relief=canvas.puff(canvas.line(ring, width=1.6), 0.7),
    )
    cord = contrast(look.base)
    for x, end, swing in ((46.8, 42, -0.8), (53.2, 44, 1.0)):
        lace = canvas.line(
            curve([[x, 23.6], [x + swing, 32], [x + swing * 0.6, end]], closed=False), width=1.0
        )
        canvas.paint(lace, cord, relief=canvas.puff(lace, 0.5), cast=0.5)
        tip = canvas.line([[x + swing * 0.6, end - 1.5], [x + swing * 0.6, end]], width=1.3)
        canvas.paint(tip, STEEL, relief=canvas.puff(tip, 0.5), gloss=0.4)


def jacket(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    leather = rng.random() < 0.5
    gloss, shine = (0.3, 14.0) if leather else (0.1, 8.0)
    waist, hem, reach = rng.uniform(23, 25), rng.uniform(81, 85), rng.uniform(38, 41)
    outline = _long_sleeve(reach, 82)
    for side in (outline, flipped(outline)):
        mask = canvas.mask(side)
        canvas.paint(
            mask,
            look.base,
            relief=_cloth(canvas, mask, *_both(*SLEEVE_FOLDS)),
            gloss=gloss,
            shine=shine,
        )
    cuff = np.array([[50 + reach - 0.6, 77], [50 + reach - 9.8, 78.4]])
    canvas.seam(cuff, flipped(cuff), width=0.6, depth=0.4)
    inside = canvas.mask(curve([[41, 9], [50, 6], [59, 9], [56, 22], [50, 40], [44, 22]]))
    canvas.paint(inside, darker(look.base, 0.6))
    half = _torso(canvas, shoulder=24, waist=waist, hem=hem)
    half[-1] = [50, hem, 1]
    neck = curve([[41, 4, 1], [43.5, 16], [50, 36, 1], [56.5, 16], [59, 4, 1]])
    mask = canvas.mask(curve(mirror(half)), holes=[neck])
    relief = _cloth(canvas, mask, *_both(*BODY_FOLDS))
    if not leather:
        relief = relief + np.float32(canvas.unit * 0.5) * np.abs(np.sin(canvas.y * np.pi / 11))
    canvas.paint(mask, look.base, relief=relief, gloss=gloss, shine=shine, cast=0.3)
    armhole = curve([[71.6, 15.2], [70.6, 23], [71.2, 35]], closed=False)
    canvas.seam(armhole, flipped(armhole), width=0.6, depth=0.4)
    _jacket_details(canvas, look, hem, waist, gloss)


def _jacket_details(canvas: Canvas, look: Look, hem: float, waist: float, gloss: float) -> None:
    band = canvas.mask(rounded(50 - waist - 1.4, hem - 6, 50 + waist + 1.4, hem + 0.8, 1.2))
    canvas.paint(
        band, darker(look.base, 0.06), relief=canvas.puff(band, 1.6), cast=0.3, gloss=gloss
    )
    slit = np.array([[62, 56], [68, 67]])
    canvas.seam(slit, flipped(slit), width=0.9, depth=0.5)
    canvas.paint(canvas.line(slit, flipped(slit), width=0.5), STEEL, opacity=0.8)
    zip_line = np.array([[50, 36], [50, hem + 0.5]])
    canvas.paint(canvas.line(zip_line, width=1.9), darker(look.base, 0.5))
    canvas.stitch(zip_line, STEEL, width=1.0, dash=0.45)
    pull = canvas.line([[50, 37], [50.4, 41.5]], width=1.5)
    canvas.paint(pull, STEEL, relief=canvas.puff(pull, 0.7), cast=0.5, gloss=0.5)
    lapel = curve(
        [
            [58, 6.6, 1],
            [63, 10.5],
            [66.5, 24, 1],
            [62, 27, 1],
            [63.5, 30, 1],
            [50.6, 40, 1],
            [56.5, 20],
        ]
    )
    for side in (lapel, flipped(lapel)):
        mask = canvas.mask(side)
        canvas.paint(
            mask,
            lighter(look.base, 0.04),
            relief=canvas.puff(mask, 1.6),
            cast=0.45,
            gloss=gloss,
            shine=14,
        )
    back = canvas.mask(
        curve([[42, 6.6, 1], [50, 3.4], [58, 6.6, 1], [59, 10, 1], [50, 7.4], [41, 10, 1]])
    )
    canvas.paint(back, look.base, relief=canvas.puff(back, 1.2), gloss=gloss)


def socks(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    trim = look.second if rng.random() < 0.7 else darker(look.base, 0.2)
    dyed = look.dye(canvas, period=6)
    for dx, dy in ((-9.0, -3.0), (11.0, 3.0)):
        outline = curve(
            [
                [40 + dx, 10 + dy, 1],
                [57 + dx, 10 + dy, 1],
                [57 + dx, 34 + dy],
                [57.6 + dx, 56 + dy],
                [62 + dx, 66 + dy],
                [76 + dx, 77 + dy],
                [80 + dx, 84 + dy],
                [74 + dx, 90 + dy],
                [60 + dx, 86 + dy],
                [44 + dx, 75 + dy],
                [38.5 + dx, 62 + dy],
                [40 + dx, 40 + dy],
            ]
        )
        mask = canvas.mask(outline)
        relief = _cloth(
            canvas,
            mask,
            (42 + dx, 58 + dy, 56 + dx, 54 + dy, 1.6, 0.8),
            (43 + dx, 62 + dy, 58 + dx, 60 + dy, 1.6, -0.7),
            (44 + dx, 67 + dy, 60 + dx, 66 + dy, 1.5, 0.6),
            (46 + dx, 24 + dy, 47 + dx, 52 + dy, 2.2, 0.6),
        )
        canvas.paint(mask, dyed, relief=relief + canvas.puff(mask, 5, 0.8), cast=0.35)
        toe = canvas.mask(ellipse(78 + dx, 86 + dy, 11, 13, turn=30)) * mask
        heel = canvas.mask(ellipse(40 + dx, 70 + dy, 10, 9, turn=30)) * mask
        for part in (toe, heel):
            canvas.paint(part, trim, relief=relief + canvas.puff(mask, 5, 0.8))
        cuff = canvas.mask(rounded(39.4 + dx, 9 + dy, 57.6 + dx, 21 + dy, 1.6))
        ribs = canvas.puff(cuff, 2.5) + np.float32(canvas.unit * 0.2) * np.sin(canvas.x * 4.6)
        canvas.paint(cuff, trim if rng.random() < 0.4 else look.base, relief=ribs, cast=0.25)
