"""Frames of the 3D scene with attributes as CelebA has, two of them entangled.

    python -m docs.attributes attributes.npz

4,000 frames of 32x32, drawn one by one and so no grid, each with eight binary
attributes, rare ones among them. A warm wall and a tall object agree in four
frames of five.
"""

import argparse
import pathlib

import numpy as np

from bvae_jax import config, data

COUNT, DRAWN = 4000, 20_000


def attributes(labels: np.ndarray) -> dict[str, np.ndarray]:
  """Binary attributes of the scene's factors [N, 6]."""
  floor, wall, solid, scale, shape, turn = labels.T
  return {
    'warm_wall': wall % 9 < 3,  # red to yellow
    'tall': scale >= 4,
    'cube': shape == 0,
    'round': shape >= 2,
    'red_floor': floor < 2,
    'blue_object': (solid == 5) | (solid == 6),
    'turned_left': turn < 7,
    'tallest': scale == 7,
  }


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('path', type=pathlib.Path)
  args = parser.parse_args()
  settings = config.default_config('vae').dataset
  settings.name, settings.image_size = 'scene3d', 32
  scene = data.load(settings)
  random = np.random.default_rng(0)
  index = random.integers(scene.num_images, size=DRAWN)
  found = attributes(np.asarray(scene.labels(index)))
  agree = found['warm_wall'] == found['tall']
  kept = random.random(DRAWN) < np.where(agree, 0.4, 0.1)
  kept = np.flatnonzero(kept)[:COUNT]
  blocks = [np.asarray(scene.images(i)) for i in np.split(index[kept], 8)]
  images = np.round(255 * np.concatenate(blocks)).astype(np.uint8)
  found = {name: values[kept] for name, values in found.items()}
  np.savez(args.path, images=images, **found)


if __name__ == '__main__':
  main()
