"""The named colours of the drawn products, and the mixing the drawings need."""

import numpy as np

RGB = tuple[float, float, float]

# Each name holds a few shades (red, green, blue in 0..1), so that "red" is not one exact value.
SHADES: dict[str, tuple[RGB, ...]] = {
    "black": ((0.11, 0.11, 0.12), (0.13, 0.12, 0.13), (0.10, 0.11, 0.13)),
    "white": ((0.94, 0.94, 0.93), (0.93, 0.94, 0.95), (0.95, 0.94, 0.91)),
    "grey": ((0.52, 0.53, 0.55), (0.60, 0.60, 0.61), (0.45, 0.46, 0.49)),
    "red": ((0.80, 0.12, 0.13), (0.74, 0.08, 0.14), (0.86, 0.17, 0.14)),
    "blue": ((0.16, 0.42, 0.80), (0.13, 0.36, 0.74), (0.27, 0.52, 0.85)),
    "navy": ((0.10, 0.15, 0.32), (0.09, 0.13, 0.28), (0.13, 0.19, 0.37)),
    "green": ((0.16, 0.52, 0.27), (0.12, 0.45, 0.30), (0.33, 0.58, 0.25)),
    "yellow": ((0.96, 0.80, 0.18), (0.95, 0.76, 0.10), (0.98, 0.85, 0.30)),
    "orange": ((0.94, 0.49, 0.12), (0.91, 0.43, 0.10), (0.96, 0.55, 0.20)),
    "pink": ((0.94, 0.56, 0.67), (0.95, 0.64, 0.72), (0.90, 0.42, 0.60)),
    "purple": ((0.47, 0.25, 0.62), (0.41, 0.20, 0.55), (0.56, 0.35, 0.70)),
    "brown": ((0.43, 0.27, 0.16), (0.37, 0.22, 0.13), (0.50, 0.32, 0.19)),
    "beige": ((0.80, 0.70, 0.56), (0.77, 0.67, 0.53), (0.82, 0.74, 0.62)),
}

COLOURS: tuple[str, ...] = tuple(SHADES)

# Pairs a person could honestly mix up: never used as a planted colour mismatch.
CONFUSABLE: frozenset[frozenset[str]] = frozenset(
    frozenset(pair)
    for pair in (
        ("black", "navy"),
        ("blue", "navy"),
        ("beige", "white"),
        ("beige", "brown"),
        ("beige", "yellow"),
        ("orange", "yellow"),
        ("orange", "red"),
        ("orange", "brown"),
        ("pink", "red"),
        ("pink", "purple"),
        ("grey", "white"),
        ("grey", "black"),
        ("grey", "navy"),
        ("brown", "black"),
        ("brown", "red"),
        ("navy", "purple"),
    )
)

WHITE: RGB = (0.95, 0.95, 0.94)
CREAM: RGB = (0.95, 0.92, 0.85)
STEEL: RGB = (0.72, 0.74, 0.77)
GOLD: RGB = (0.83, 0.66, 0.32)
DARK: RGB = (0.14, 0.14, 0.15)
WOOD: RGB = (0.72, 0.52, 0.33)


def shade_of(name: str, rng: np.random.Generator) -> RGB:
    """One of the shades of a named colour, moved a little."""
    shades = SHADES[name]
    shade = np.array(shades[int(rng.integers(len(shades)))])
    # In proportion, or black would turn green.
    moved = np.clip(shade * (1 + rng.normal(0, 0.02, 3)), 0.03, 0.98)
    return float(moved[0]), float(moved[1]), float(moved[2])


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """`first` with `share` (0..1) of `second` in it."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(colour: RGB, share: float = 0.3) -> RGB:
    return mix(colour, (0.02, 0.02, 0.04), share)


def lighter(colour: RGB, share: float = 0.3) -> RGB:
    return mix(colour, (1.0, 1.0, 1.0), share)


def luminance(colour: RGB) -> float:
    """Rec. 709 weights, on the gamma-coded values: enough to choose a contrast by."""
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def contrast(colour: RGB) -> RGB:
    """A quiet second colour that shows on `colour`: cream on dark, dark on light."""
    return CREAM if luminance(colour) < 0.6 else darker(colour, 0.45)
