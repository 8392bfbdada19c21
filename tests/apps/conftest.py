"""A world of four bright cells, and a coder that reads and draws it exactly."""

import dataclasses
import types

import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import data, losses
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

  def kl(self, mean, logvar):
    return losses.gaussian_kl(jnp.asarray(mean), jnp.asarray(logvar))

  def decode(self, z):
    cells = np.zeros((len(z), 4))
    cells[:, list(self.order)] = (np.asarray(z)[:, :3] + 2) / 4
    return np.clip(cells, 0, 1).reshape(-1, 2, 2, 1)


@pytest.fixture(scope='session')
def scattered():
  """200 images of the same cells, in no grid: the last factor is continuous.

  One label in ten of the middle factor is unknown.
  """
  rng = np.random.default_rng(0)
  values = np.stack(
    [rng.integers(0, 2, 200), rng.integers(0, 3, 200), rng.random(200)], 1
  )
  shares = jnp.asarray(values / [1, 2, 1], jnp.float32)

  def drawn(arrays, index):
    cells = jnp.pad(arrays[index], ((0, 0), (0, 1)))
    return cells.reshape(-1, 2, 2, 1)

  labels = values * [1, 1, 1000] + [0, 0, 2000]
  labels[::10, 1] = np.nan
  factors = (
    factors_lib.Factor('on', 'categorical', 2),
    factors_lib.Factor('middle', 'ordinal', 3),
    factors_lib.Factor('fine', 'continuous', 0),
  )
  dataset = data.Dataset(
    'points', 'points', (2, 2, 1), 200, arrays=shares, images_fn=drawn,
    factors=data.Table(factors, labels.astype(np.float32)),
  )  # fmt: skip
  return dataset, Perfect()


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
