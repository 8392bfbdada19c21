"""Codes before they are scored: whitened principal or independent components.

A transform is affine, fitted on the codes of the training points alone, and
then applied to whatever codes of the same model there are.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import draws
from bvae_jax.metrics import _inputs, _keys

# A component with a smaller share of the largest one's standard deviation is
# left out: whitening would make the noise of a collapsed latent as large as
# what the code holds.
LEAST_SHARE = 0.05
NUM_ITERATIONS = 200


class Affine(NamedTuple):
  """What makes components of codes: (codes - offset) matrix.

  Attributes:
    offset: [D].
    matrix: [D, D]; columns of zeros for components that are left out.
    unsettled: how far the last iteration turned a component, 1 - |cos|.
  """

  offset: jax.Array
  matrix: jax.Array
  unsettled: jax.Array

  def __call__(self, codes):
    """Components [..., D] of codes [..., D]."""
    offset = jnp.expand_dims(self.offset, range(jnp.ndim(codes) - 1))
    return _matmul(codes - offset, self.matrix)


class _Whitening(NamedTuple):
  offset: jax.Array  # [D]
  matrix: jax.Array  # [D, D]: codes to white components
  inverse: jax.Array  # [D, D]: white components to codes
  kept: jax.Array  # bool [D]


def _checked(codes):
  """The codes as they are, after the guards: their offset is the fit's."""
  _inputs.check_codes(codes)
  if _inputs.is_traced(codes):
    return codes.astype(jnp.promote_types(codes.dtype, jnp.float32))
  codes = _inputs.as_numpy(codes)
  wide = codes.dtype.kind == 'f' and codes.dtype.itemsize > 4
  return jnp.asarray(codes.astype(np.float64 if wide else np.float32))


def _matmul(left, right):
  return jnp.matmul(left, right, precision='highest')


def _whitening(codes) -> _Whitening:
  """Principal components by falling variance, the kept ones of variance 1."""
  offset = codes[0] + (codes - codes[:1]).mean(0)  # exact far from 0 as well
  centred = codes - offset[None]
  unit = jnp.abs(centred).max()
  unit = jnp.where(unit > 0, unit, 1.0)
  centred = centred / unit  # so that squares stay in range
  variance, axes = jnp.linalg.eigh(_matmul(centred.T, centred) / len(codes))
  variance, axes = jnp.maximum(variance[::-1], 0), axes[:, ::-1]
  kept = (variance > LEAST_SHARE**2 * variance[0]) & (variance > 0)
  deviation = jnp.sqrt(jnp.where(kept, variance, 1.0))[None]
  matrix = jnp.where(kept, axes / deviation, 0.0) / unit
  inverse = jnp.where(kept, axes * deviation, 0.0).T * unit
  return _Whitening(offset, matrix, inverse, kept)


def _pointing_up(matrix, inverse):
  """Signs for which the largest loading of each component is positive."""
  largest = jnp.abs(inverse).argmax(1, keepdims=True)
  sign = jnp.sign(jnp.take_along_axis(inverse, largest, 1))[:, 0]
  return matrix * jnp.where(sign == 0, 1.0, sign)[None]


def _decorrelated(weights):
  """(W W^T)^-1/2 W, the orthogonal matrix nearest to W."""
  left, _, right = jnp.linalg.svd(weights, full_matrices=False)
  return _matmul(left, right)


def pca(codes: jax.Array, key: jax.Array | None = None) -> Affine:
  """Whitened principal components, by falling variance of the codes.

  x -> Lambda^-1/2 E^T (x - mean), E Lambda E^T the covariance (ddof 0). Those
  with less than `LEAST_SHARE` of the largest standard deviation become 0, so
  that a constant or collapsed latent does no harm.

  Args:
    codes: float [N, D] that it is fitted on.
    key: for the signature of `ica` alone.

  Raises:
    ValueError: see `check_codes`.

  Source: Hotelling 1933.
  """
  del key
  return _pca(_checked(codes))


@jax.jit
def _pca(codes) -> Affine:
  white = _whitening(codes)
  matrix = _pointing_up(white.matrix, white.inverse)
  return Affine(white.offset, matrix, jnp.zeros((), codes.dtype))


def ica(codes: jax.Array, key: jax.Array) -> Affine:
  """Independent components of unit variance, by FastICA.

  On white components x (see `pca`) each turn is, for all rows w of W at once,
  w <- E[x tanh(w^T x)] - E[1 - tanh^2(w^T x)] w, the log-cosh contrast, then
  W <- (W W^T)^-1/2 W; `NUM_ITERATIONS` turns from a random rotation. The order
  is that of the share of the codes' variance, the largest loading is positive.

  Args:
    codes: float [N, D] that it is fitted on.
    key: of the first rotation.

  Raises:
    ValueError: see `check_codes`.

  Source: Hyvarinen 1999 (Fast and robust fixed-point algorithms), eq. 20 and
  45.
  """
  _keys.check_key(key)
  return _ica(_checked(codes), key)


@jax.jit
def _ica(codes, key) -> Affine:
  white = _whitening(codes)
  points = _matmul(codes - white.offset[None], white.matrix)
  both = white.kept[:, None] & white.kept[None]

  # Components that are left out stay apart: their rows and columns see zeros.
  start = draws.normal(key, both.shape, codes.dtype)
  start = jnp.where(both, start, jnp.eye(len(both), dtype=codes.dtype))

  def turn(weights, _):
    pull = jnp.tanh(_matmul(points, weights.T))
    slope = 1 - jnp.square(pull).mean(0)
    moved = _matmul(pull.T, points) / len(points) - slope[:, None] * weights
    moved = _decorrelated(moved)
    return moved, 1 - jnp.abs((moved * weights).sum(1)).min()

  weights, turned = jax.lax.scan(
    turn, _decorrelated(start), length=NUM_ITERATIONS
  )
  matrix = _matmul(white.matrix, weights.T)
  inverse = _matmul(weights, white.inverse)
  order = jnp.argsort(-jnp.square(inverse).sum(1))
  matrix = _pointing_up(matrix[:, order], inverse[order])
  return Affine(white.offset, matrix, turned[-1])


TRANSFORMS: Mapping[str, Callable[[jax.Array, jax.Array], Affine]] = {
  'pca': pca,
  'ica': ica,
}
