"""A T-shirt, laid flat."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import contrast, darker
from moderation.demo.looks import Look
from moderation.demo.paths import arc, curve, ellipse, flipped, mirror, rounded

from .cloth import BODY_FOLDS, both_sides, cloth_relief, torso


def tshirt(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    reach, drop = rng.uniform(41, 44), rng.uniform(36, 40)
    waist, hem = rng.uniform(23.5, 26.5), rng.uniform(84, 88)
    sleeve = curve(
        [
            [66, 13.6, 1], [75.5, 17.4], [50 + reach, drop - 7, 1], [50 + reach - 9, drop + 1, 1],
            [71, 34, 1],
        ]
    )
    neck_v = rng.random() < 0.3
    body = curve(mirror(torso(canvas, shoulder=24, waist=waist, hem=hem)))
    neck = curve([[41, 8, 1], [43, 15], [50, 23 if neck_v else 18.5, neck_v], [57, 15], [59, 8, 1]])
    back = curve(
        [[40.5, 10, 1], [50, 12.6], [59.5, 10, 1], [56, 19], [50, 23 if neck_v else 19.5], [44, 19]]
    )
    canvas.paint(canvas.mask(back), darker(look.base, 0.42))
    canvas.paint(canvas.line(arc(50, 8.6, 9.6, 4.2, 20, 160), width=1.8), darker(look.base, 0.2))
    dyed = look.dye(canvas)
    for side in (sleeve, flipped(sleeve)):
        mask = canvas.mask(side)
        relief = cloth_relief(
            canvas, mask, *both_sides((75, 18, 84, 32, 1.8, 0.8), (71, 26, 86, 36, 1.6, -0.6))
        )
        canvas.paint(mask, dyed, relief=relief)
    cuff = np.array([[50 + reach - 0.9, drop - 5.9], [50 + reach - 9.5, drop - 0.6]])
    canvas.seam(cuff, flipped(cuff), width=0.4, depth=0.25)
    mask = canvas.mask(body, holes=[neck])
    canvas.paint(mask, dyed, relief=cloth_relief(canvas, mask, *both_sides(*BODY_FOLDS)), cast=0.28)
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
    _neckband(canvas, look, neck_v)
    if look.pattern == "plain" and rng.random() < 0.35:
        _print(canvas, look)


def _neckband(canvas: Canvas, look: Look, neck_v: bool) -> None:
    """The ribbed neckband."""
    rng = look.rng
    rib = curve(
        [
            [42.2, 11.6], [43.4, 15.4], [50, 23.6 if neck_v else 19.2, neck_v], [56.6, 15.4],
            [57.8, 11.6],
        ],
        closed=False,
    )
    ribbing = canvas.line(rib, width=2.2)
    trim = look.second if rng.random() < 0.2 else darker(look.base, 0.06)
    canvas.paint(ribbing, trim, relief=canvas.puff(ribbing, 0.8), cast=0.25)


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
