"""How near the drawn room comes to real frames of 3D Shapes.

python -m benchmarks.scene FRAMES.npz

The file holds `images` (uint8 [N, 64, 64, 3]) and `factors` (int [N, 6]) of
frames. PSNR is of all pixels. A silhouette is the pixels that are nearest in
chromaticity to the object's hue, not to the floor's, the wall's or the sky's;
frames whose object shares a hue with floor or wall have none. Of the 42 frames
that the room was fitted with, every fourth from the fourth on took no part.
"""

import colorsys
import sys

import jax
import numpy as np

from bvae_jax import data

SKY = (0.608, 0.882, 0.98)
HELD_OUT = 4  # every so manieth frame took no part in the fit


def silhouette(image: np.ndarray, factors: np.ndarray) -> np.ndarray:
  """Where an image [H, W, 3] has the object's hue, bool [H, W]."""
  hues = [colorsys.hsv_to_rgb(factors[k] / 10, 1, 1) for k in (2, 0, 1)]
  colours = np.array([*hues, SKY])
  colours /= np.linalg.norm(colours, axis=1, keepdims=True)
  norm = np.maximum(np.linalg.norm(image, axis=-1, keepdims=True), 1e-6)
  return (image / norm @ colours.T).argmax(-1) == 0


def overlap(real: np.ndarray, drawn: np.ndarray, factors: np.ndarray) -> float:
  """Intersection over union of two silhouettes; NaN where there is none."""
  if factors[2] in factors[:2]:
    return np.nan
  a, b = silhouette(real, factors), silhouette(drawn, factors)
  return float((a & b).sum() / (a | b).sum())


def main(path: str) -> None:
  """Prints PSNR and IoU of the frames that were fitted and of the others."""
  with np.load(path, allow_pickle=False) as found:
    real, factors = found['images'] / 255, found['factors']
  drawn = np.asarray(jax.jit(data.render_scene3d)(factors))
  psnr = -10 * np.log10(((drawn - real) ** 2).mean((1, 2, 3)))
  iou = np.array([overlap(*one) for one in zip(real, drawn, factors)])
  held = np.arange(len(real)) % HELD_OUT == HELD_OUT - 1
  for name, rows in (('fitted', ~held), ('held out', held)):
    print(
      f'{name}: {rows.sum()} frames, PSNR mean {psnr[rows].mean():.2f} dB, '
      f'least {psnr[rows].min():.2f}; IoU mean {np.nanmean(iou[rows]):.3f}, '
      f'least {np.nanmin(iou[rows]):.3f}'
    )


if __name__ == '__main__':
  main(sys.argv[1])
