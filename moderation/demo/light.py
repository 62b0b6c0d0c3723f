"""The light of the studio on a surface."""

import numpy as np

from .fields import Field


def illuminate(
    base: Field,
    right: Field,
    down: Field,
    light: Field,
    gloss: float,
    shine: float,
    ambient: float,
) -> Field:
    """Lambert's diffuse light plus Blinn's highlight: [H, W, 3].

    `right` and `down` say how the surface leans ([H, W], 0 faces the camera), `light` is the unit
    vector to the lamp. A surface that faces the camera keeps its base colour.
    """
    lx, ly, lz = (float(value) for value in light)
    length = 1 / np.sqrt(right * right + down * down + 1)
    facing = np.clip((right * lx + down * ly + lz) * length, 0, None)
    shade = ambient + (1 - ambient) * facing / lz
    # Cool shadows: what fills them is the sky.
    tint = np.array([-0.05, -0.02, 0.05], np.float32) * np.clip(1 - shade, 0, 1)[..., None]
    # Halfway between the lamp and the camera, where a mirror would have to face.
    middle = np.array([lx, ly, lz + 1.0])
    hx, hy, hz = (float(value) for value in middle / np.linalg.norm(middle))
    glint = np.clip((right * hx + down * hy + hz) * length, 0, 1)
    spark = gloss * glint**shine
    lit: Field = base * (shade[..., None] + tint) + spark[..., None]
    return lit
