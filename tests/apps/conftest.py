"""A world of four bright cells, and a coder that reads and draws it exactly."""

import dataclasses
import types

import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import data
from bvae_jax.data import factors as factors_lib

SIZES = (2, 3, 5)


def _draw(arrays, index):
  del arrays
  known = data.index_to_factors(index, SIZES) / (jnp.array(SIZES) - 1)
  images = jnp.zeros((*known.shape[:-1], 2, 2, 1))
  cells = ((0, 0), (0, 1), (1, 0))
  for k, (row, column) in enumerate(cells):
    images = images.at[..., row, column, 0].set(known[..., k])
  return images


@dataclasses.dataclass(frozen=True)
class Perfect:
  """Latent 0 is factor 2, latent 1 factor 0, latent 2 factor 1; 3 is idle."""

  num_latents: int = 4
  order: tuple[int, ...] = (2, 0, 1)

  def encode(self, images):
    cells = np.asarray(images).reshape(len(images), 4)[:, list(self.order)]
    mean = np.concatenate([4 * cells - 2, 0 * cells[:, :1]], 1)
    logvar = np.zeros_like(mean)
    logvar[:, :3] = -4.0
    return mean, logvar

  def decode(self, z):
    cells = np.zeros((len(z), 4))
    cells[:, list(self.order)] = (np.asarray(z)[:, :3] + 2) / 4
    return np.clip(cells, 0, 1).reshape(-1, 2, 2, 1)


@pytest.fixture(scope='session')
def world():
  """Three factors of 2, 3 and 5 values, each the brightness of one cell."""
  grid = factors_lib.Grid.of(
    ('on', 'middle', 'fine'), SIZES, ('categorical', 'ordinal', 'ordinal')
  )
  dataset = data.Dataset(
    'cells', 'cells', (2, 2, 1), 30, arrays=(), images_fn=_draw, factors=grid
  )
  return types.SimpleNamespace(dataset=dataset, coder=Perfect())
