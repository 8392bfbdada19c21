"""Labels as annotators give them: coarse, sometimes wrong, or of some factors.

Source: Locatello et al. 2020 (arXiv:1905.01258), on imprecise labels.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

KINDS = ('perfect', 'binned', 'noisy', 'partial')
NUM_BINS = 5
WRONG = 0.1  # the share of labels that are drawn at random
OBSERVED = 2  # factors of partial labels


def labels(
  kind: str,
  key: jax.Array,
  index: jax.Array,
  values: jax.Array,
  sizes: Sequence[int],
) -> jax.Array:
  """What an annotator says of images, each factor scaled to [0, 1].

  'perfect': v / (V - 1) of a factor with V values, where the authors' code has
  v / V, which never reaches 1. 'binned': the same of
  floor(v B / V) among B = min(V, 5) bins. 'noisy': with probability 0.1 each
  label is a uniform one instead, always the same for one image. 'partial': two
  of the factors alone, a member's own choice of them.

  Args:
    kind: one of `KINDS`.
    key: the member's own.
    index: of the images, int [L].
    values: of their factors, int [L, K].
    sizes: how many values each factor has [K].

  Returns:
    [L, K], of partial labels [L, min(K, 2)].

  Raises:
    ValueError: the kind is unknown.
  """
  if kind not in KINDS:
    raise ValueError(
      f'options.labels={kind!r} is unknown; valid: {", ".join(KINDS)}'
    )
  count = np.array(sizes)
  if kind == 'binned':
    bins = np.minimum(count, NUM_BINS)
    values, count = values * bins // count, bins
  if kind == 'noisy':
    keys = jax.vmap(functools.partial(jax.random.fold_in, key))(index)
    values = jax.vmap(functools.partial(_some_wrong, sizes=count))(keys, values)
  scaled = values / np.maximum(count - 1, 1)
  if kind == 'partial':
    return scaled[:, jax.random.permutation(key, len(count))[:OBSERVED]]
  return scaled


def _some_wrong(
  key: jax.Array, values: jax.Array, sizes: np.ndarray
) -> jax.Array:
  """The labels [K] of an image, some of them drawn at random."""
  wrong_key, value_key = jax.random.split(key)
  wrong = jax.random.bernoulli(wrong_key, WRONG, sizes.shape)
  return jnp.where(
    wrong, jax.random.randint(value_key, sizes.shape, 0, sizes), values
  )
