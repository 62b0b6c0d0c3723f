"""A wrist watch; the strap has the colour."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import (
    CREAM,
    DARK,
    GOLD,
    RGB,
    STEEL,
    WHITE,
    contrast,
    darker,
    luminance,
    mix,
)
from moderation.demo.fields import Field
from moderation.demo.looks import Look
from moderation.demo.paths import Outline, curve, ellipse, flipped, mirror, rounded


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


def _dial(canvas: Canvas, look: Look, radius: float, ink: RGB, dial: Field) -> None:
    rng = look.rng
    ticks: list[Outline] = []
    small: list[Outline] = []
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
