"""The quick population, as `main --config=configs/vae.py:quick` runs it."""

import os

from bvae_jax import data, population, workdir
from bvae_jax.training import program as program_lib
from configs import vae


def make_run(folder: str | os.PathLike, **changes) -> program_lib.Run:
  """A run of the quick preset, with some of its top-level keys changed."""
  config = vae.get_config('quick')
  config.update(changes)
  place = workdir.Workdir(folder)
  place.open(config)
  return program_lib.Run(
    config, place, data.load(config.dataset), population.members(config)
  )
