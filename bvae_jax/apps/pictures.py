"""Images laid out in rows, and the files that they become."""

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from bvae_jax.report import images as image_lib
from bvae_jax.report import markup

_PAD = 2  # pixels between images


def tiled(images: Any, *, tile: int = 48) -> np.ndarray:
  """Images [R, S, H, W, C] in [0, 1] as one, uint8 [H', W', 1 or 3].

  Each is enlarged by a whole factor to about `tile` pixels.
  """
  images = np.asarray(images, np.float32)
  zoom = max(1, round(tile / images.shape[2]))
  return image_lib.grid(image_lib.enlarged(images, zoom), _PAD)


def _width(words: str) -> int:
  """How many letters' room a text takes: wide characters take that of two."""
  return sum(1 + (unicodedata.east_asian_width(c) in 'FW') for c in words)


def labelled(
  images: Any, rows: Sequence[str], columns: Sequence[str] = (), title: str = ''
) -> str:
  """An SVG of images [R, S, H, W, C] with a label a row and a column."""
  pixels = tiled(images)
  height, width = pixels.shape[:2]
  cell, step = (height + _PAD) / len(rows), (width + _PAD) / (len(columns) or 1)
  left = 12 + round(6.6 * max(map(_width, rows)))
  top = (22 if title else 4) + (18 if columns else 0)
  picture = {
    'address': image_lib.data_uri('png', image_lib.png(pixels)),
    'x': left,
    'y': top,
    'width': width,
    'height': height,
  }
  return markup.element(
    'labelled',
    title,
    [(left - 8, top + (i + 0.5) * cell + 3, row) for i, row in enumerate(rows)],
    [(left + (j + 0.5) * step, top - 6, c) for j, c in enumerate(columns)],
    picture,
    max(left + width + 2, 8 * _width(title)),
    top + height + 4,
  )
