"""What preparing data costs: CPU time and peak memory of the real commands.

    python -m benchmarks.preparing set [--images=480000]
    python -m benchmarks.preparing folder [--images=5000] [--side=128]

`set` prepares an archive in the layout of 3D Shapes, gzip in HDF5, of drawn
images; `folder` decodes a folder of JPEGs in the layout of one's own images.
Both run in a process of their own, whose time and memory these are.
"""

import argparse
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

_CHUNK = 1000  # images
_LOAD = """
import sys
from bvae_jax import config, data
found = config.default_config('beta_vae').dataset
found.update({'name': 'images', 'path': sys.argv[1], 'image_size': 64})
print(data.load(found).description)
"""


def _drawn(rng: np.random.Generator, count: int, side: int) -> np.ndarray:
  """Smooth coloured images with an edge, uint8 [count, side, side, 3]."""
  axis = np.linspace(0, 1, side)
  slope = rng.uniform(-80, 80, (2, count, 1, 1, 3))
  images = rng.uniform(80, 170, (count, 1, 1, 3))
  images = images + slope[0] * axis[:, None, None] + slope[1] * axis[:, None]
  for image, y, x in zip(images, *rng.integers(0, side // 2, (2, count))):
    image[y : y + side // 2, x : x + side // 2] += rng.uniform(-90, 90, 3)
  return np.clip(images, 0, 255).astype(np.uint8)


def _archive(path: pathlib.Path, count: int) -> None:
  """3D Shapes' layout: images in chunks of gzip, labels by value."""
  import h5py

  from bvae_jax.data import scene3d
  from bvae_jax.data.sets import shapes3d

  sizes = scene3d.FACTOR_SIZES
  places = np.stack(np.unravel_index(np.arange(count), sizes), 1)
  known = shapes3d._VALUES
  drawn = _drawn(np.random.default_rng(0), _CHUNK, 64)
  with h5py.File(path, 'w') as file:
    file['labels'] = np.stack([v[p] for v, p in zip(known, places.T)], 1)
    images = file.create_dataset(
      'images', (count, 64, 64, 3), np.uint8, chunks=(100, 64, 64, 3),
      compression='gzip', compression_opts=1,
    )  # fmt: skip
    for row in range(0, count, _CHUNK):
      part = drawn[: min(_CHUNK, count - row)]
      images[row : row + len(part)] = np.roll(part, row, 3)


def _folder(path: pathlib.Path, count: int, side: int) -> None:
  rng = np.random.default_rng(0)
  for row in range(0, count, _CHUNK):
    drawn = _drawn(rng, min(_CHUNK, count - row), side)
    noise = rng.integers(0, 24, drawn.shape, np.uint8)
    for i, image in enumerate(drawn // 12 * 11 + noise // 2):
      Image.fromarray(image).save(path / f'{row + i:06d}.jpg', quality=90)


def _measured(argv: list[str], home: str) -> tuple[str, float]:
  """Runs a command; what it took, and its seconds of CPU."""
  begin = time.perf_counter()
  environment = {**os.environ, 'XDG_CACHE_HOME': home}
  process = subprocess.Popen(argv, env=environment)
  _, status, usage = os.wait4(process.pid, 0)
  wall, cpu = time.perf_counter() - begin, usage.ru_utime + usage.ru_stime
  if status:
    raise SystemExit(f'{argv} failed')
  peak = usage.ru_maxrss / 1e6
  return f'{wall:.0f} s of wall, {cpu:.0f} s of CPU, peak {peak:.2f} GB', cpu


def _apart(function: Callable[..., None], *args: Any) -> None:
  """Calls in another process: the memory of this one counts as its child's."""
  process = multiprocessing.Process(target=function, args=args)
  process.start()
  process.join()


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument('what', choices=('set', 'folder'))
  parser.add_argument('--images', type=int, default=0)
  parser.add_argument('--side', type=int, default=128)
  args = parser.parse_args()
  with tempfile.TemporaryDirectory() as home:
    if args.what == 'set':
      count, path = args.images or 480_000, pathlib.Path(home) / 'made.h5'
      _apart(_archive, path, count)
      size = path.stat().st_size / 1e9
      argv = ['-m', 'bvae_jax.data.prepare', 'shapes3d', f'--from={path}',
              f'--data_dir={home}/sets', '--unverified']  # fmt: skip
      told = f'{count:,} images of 64x64x3 from {size:.2f} GB of HDF5'
    else:
      count, path = args.images or 5000, pathlib.Path(home) / 'pictures'
      path.mkdir()
      _apart(_folder, path, count, args.side)
      argv = ['-c', _LOAD, str(path)]
      told = f'{count:,} JPEGs of {args.side}x{args.side}'
    found, cpu = _measured([sys.executable, *argv], home)
  print(f'{told}: {found}; {count / cpu:.0f} images a second of one core')


if __name__ == '__main__':
  main()
