"""The quick population, as `main --config=configs/vae.py:quick` runs it."""

from bvae_jax import data, population
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import program as program_lib
from configs import vae


def make_program(**changes) -> program_lib.Program:
  """The program of the quick preset, some of its top-level keys changed."""
  config = vae.get_config('quick')
  config.update(changes)
  experiment = experiment_lib.build(config, data.load(config.dataset))
  return program_lib.make(experiment, population.members(config))
