"""Small data sets of which everything is known, for teaching and tests.

`blob`, a Gaussian spot at (x, y): exp(-|pixel - (x, y)|^2 / (2 w^2)).
`xy_squares`, a white square at (x, y) on black.
`linear_gaussian`, x = 1/2 + W z with orthonormal columns times s, so that the
best evidence of a linear model is known (`gaussian_evidence`).
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax.data import dataset, drawn
from bvae_jax.data import factors as factors_lib

_STEPS = 16  # values of each factor
_SPREAD = 1.5  # of the linear Gaussian's factors: they end at +-1.5
_GAIN = 0.1  # s


def _centre(factors: jax.Array, size: int, margin: float) -> jax.Array:
  """Where factors [..., 2] put the thing, x and y [2, ..., 1] in pixels."""
  room = size - 1 - 2 * margin
  place = margin + room * factors.astype(jnp.float32) / (_STEPS - 1)
  return jnp.moveaxis(place, -1, 0)[..., None]


def draw_blob(factors: jax.Array, *, image_size: int) -> jax.Array:
  """A spot of width H / 16 at factors (x, y) [..., 2], [..., H, H, 1]."""
  pixel = jnp.arange(image_size, dtype=jnp.float32)
  x, y = _centre(factors, image_size, image_size / 8)
  width = image_size / 16
  across = jnp.exp(-((pixel - x) ** 2) / (2 * width**2))
  down = jnp.exp(-((pixel - y) ** 2) / (2 * width**2))
  return (down[..., :, None] * across[..., None, :])[..., None]


def draw_xy_square(factors: jax.Array, *, image_size: int) -> jax.Array:
  """A square of side H / 4 at factors (x, y) [..., 2], [..., H, H, 1]."""
  pixel = jnp.arange(image_size, dtype=jnp.float32)
  half = image_size / 8
  x, y = _centre(factors, image_size, half)
  across, down = jnp.abs(pixel - x) <= half, jnp.abs(pixel - y) <= half
  lit = down[..., :, None] & across[..., None, :]
  return lit[..., None].astype(jnp.float32)


def weights(image_size: int) -> np.ndarray:
  """W [H^2, 2] of the linear Gaussian: cosines over columns and over rows.

  The columns are orthogonal, each of norm s H / sqrt(2).
  """
  wave = np.cos(np.pi * (np.arange(image_size) + 0.5) / image_size)
  ones = np.ones(image_size)
  columns = [np.outer(ones, wave).ravel(), np.outer(wave, ones).ravel()]
  return _GAIN * np.stack(columns, 1)


def draw_linear_gaussian(factors: jax.Array, *, image_size: int) -> jax.Array:
  """1/2 + W z at factors [..., 2], [..., H, H, 1], with z on a regular grid.

  z = 1.5 (2 f / 15 - 1), so that pixels stay in [0.2, 0.8].
  """
  z = _SPREAD * (2 * factors.astype(jnp.float32) / (_STEPS - 1) - 1)
  flat = 0.5 + z @ jnp.asarray(weights(image_size).T, jnp.float32)
  return flat.reshape(*factors.shape[:-1], image_size, image_size, 1)


def gaussian_evidence(image_size: int, noise: float) -> float:
  """The mean log evidence of the images under the model that drew them.

  The model is p(z) = N(0, v), v the grid's own variance, and
  p(x | z) = N(1/2 + W z, noise^2 I). With n pixels, singular values g of W and
  a = 1 + v g^2 / noise^2, the marginal N(1/2, W v W' + noise^2 I) gives

    -n/2 log(2 pi noise^2) - 1/2 sum_k log a_k - 1/2 sum_k (a_k - 1) / a_k,

  the ELBO of a linear VAE with its exact posterior N(v W'(x - 1/2) / (noise^2
  a), v / a), which is known in closed form too.

  Source: Lucas et al. (2019), arXiv:1911.02469, the linear VAE.
  """
  pixels = image_size**2
  steps = np.linspace(-_SPREAD, _SPREAD, _STEPS)
  gains = np.linalg.svd(weights(image_size), compute_uv=False) ** 2
  a = 1 + np.mean(steps**2) * gains / noise**2
  constant = -pixels / 2 * math.log(2 * math.pi * noise**2)
  return float(constant - 0.5 * np.sum(np.log(a) + (a - 1) / a))


_TOYS = {
  'blob': (draw_blob, 'a Gaussian blob at (x, y)', ('x', 'y')),
  'xy_squares': (draw_xy_square, 'a white square at (x, y)', ('x', 'y')),
  'linear_gaussian': (
    draw_linear_gaussian,
    'a linear map of two factors',
    ('across', 'down'),
  ),
}
NAMES = tuple(_TOYS)


def load(config) -> dataset.Dataset:
  """Returns the toy that `config.name` says, 16 values of both its factors.

  Args:
    config: see `drawn.on_grid`; `name` is one of `NAMES`.

  Raises:
    ValueError: if one of its keys does not fit.
  """
  draw, what, names = _TOYS[config.name]
  if config.image_size < 8:
    raise ValueError(
      f'dataset.image_size={config.image_size} is too small for '
      f'dataset.name={config.name}: at least 8'
    )
  return drawn.on_grid(
    config,
    f'{what}, drawn procedurally',
    draw,
    1,
    factors_lib.Grid.of(names, (_STEPS, _STEPS)),
  )
