"""What streaming images from the host costs: seconds a step, host memory.

    python benchmarks/streaming.py [--images=N] [--members=M] [--steps=S]

Noise of 64x64x3, or with --sparse a file of that many images with a hole in it,
which takes no room on the disk: 1,036,800 are MPI3D's 12.7 GB.
"""

import argparse
import pathlib
import resource
import tempfile
import time

import jax
import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import data, population
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import program as program_lib


def dataset(images: np.ndarray, storage: str) -> data.Dataset:
  made = data.Dataset(
    name='noise',
    description='noise',
    image_shape=images.shape[1:],
    num_images=len(images),
    arrays=images,
    images_fn=data.pixels.scaled,
  )
  return data.storage.place(made, storage)


def seconds_a_step(config, images, storage: str, steps: int) -> float:
  experiment = experiment_lib.build(config, dataset(images, storage))
  program = program_lib.make(experiment, population.members(config))
  running = program.begin(program.init())
  running = program.advance(running, steps)
  begin = time.monotonic()
  jax.block_until_ready(program.advance(running, steps))
  return (time.monotonic() - begin) / steps


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument('--images', type=int, default=20_000)
  parser.add_argument('--members', type=int, default=8)
  parser.add_argument('--steps', type=int, default=6)
  parser.add_argument('--batch', type=int, default=64)
  parser.add_argument('--sparse', action='store_true')
  args = parser.parse_args()
  config = config_lib.default_config('beta_vae')
  config.seeds = tuple(range(args.members))
  config.batch_size = args.batch
  config.num_steps = 10**6
  shape = args.images, 64, 64, 3
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / 'images.npy'
    images = np.lib.format.open_memmap(path, 'w+', np.uint8, shape)
    if not args.sparse:
      noise = np.random.default_rng(0)
      for row in range(0, args.images, 1000):
        part = images[row : row + 1000]
        part[:] = noise.integers(0, 256, part.shape, np.uint8)
    images = np.load(path, mmap_mode='r')
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    ways = ('host',) if args.sparse else ('device', 'host', 'device', 'host')
    for storage in ways:
      took = seconds_a_step(config, images, storage, args.steps)
      print(f'{storage}: {1e3 * took:.1f} ms a step, {peak():.2f} GB at most')


if __name__ == '__main__':
  main()
