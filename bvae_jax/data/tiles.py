"""Pictures side by side in one."""

import numpy as np


def tiled(
  images: np.ndarray, columns: int, *, pad: int = 0, fill: int = 0
) -> np.ndarray:
  """Lays images uint8 [N, H, W, C] out in rows, uint8 [H', W', C].

  Args:
    images: the pictures, in reading order.
    columns: of them in a row; the last row is filled up.
    pad: pixels between neighbours; none lie around the whole.
    fill: value of those pixels, and of places without a picture.
  """
  count, height, width, channels = images.shape
  rows = -(-count // columns)
  shape = (rows * columns, height + pad, width + pad, channels)
  cells = np.full(shape, fill, np.uint8)
  cells[:count, :height, :width] = images
  whole = cells.reshape(rows, columns, *shape[1:]).swapaxes(1, 2)
  whole = whole.reshape(rows * shape[1], columns * shape[2], channels)
  return whole[: len(whole) - pad, : whole.shape[1] - pad]
