"""Factorised support: every combination of latents' values is a code.

Independent factors are not asked for, only that their combinations occur:
correlated factors pass.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bvae_jax.losses import checks, objectives


def factorised_support(mean: jax.Array) -> jax.Array:
  """How far the codes are from filling the product of their supports.

  sum_{i<j} max_{a, b} min_c (m_ai - m_ci)^2 + (m_bj - m_cj)^2: for each pair of
  latents the squared Hausdorff distance from the product of the two sets of
  values in the batch to the pairs that are in it. 0 where each combination is
  there. Over all pairs and all combinations; B^3 operations a pair.

  Args:
    mean: [B, D].

  Returns:
    A scalar. The gradient is that of the three points that give the distance.

  Raises:
    ValueError: not [B, D].

  Source: Roth et al. 2023 (arXiv:2210.07347), the pairwise criterion, as in the
  authors' code, which draws pairs and combinations at random where they are
  many.
  """
  checks.check_posterior(mean=mean)
  (mean,) = checks.at_least_float32(mean)
  first, second = np.triu_indices(mean.shape[1], 1)
  still = lax.stop_gradient(mean)

  def farthest(pair: tuple[jax.Array, jax.Array]) -> jax.Array:
    apart = [jnp.square(x[:, None] - x[None]) for x in pair]
    # [a, b, c]: the combination of a's and b's values, and the point c.
    distance = apart[0][:, None, :] + apart[1][None, :, :]
    nearest = distance.min(2)
    a, b = jnp.unravel_index(nearest.argmax(), nearest.shape)
    return jnp.stack([a, b, distance[a, b].argmin()])

  chosen = lax.map(farthest, (still.T[first], still.T[second]))
  a, b, c = chosen.T
  one = mean[a, first] - mean[c, first]
  other = mean[b, second] - mean[c, second]
  return jnp.sum(jnp.square(one) + jnp.square(other))


def hfs(
  nll: jax.Array,
  z: jax.Array,
  mean: jax.Array,
  logvar: jax.Array,
  *,
  beta: float | jax.Array,
  gamma: float | jax.Array,
  delta: float | jax.Array,
) -> objectives.Result:
  """The beta-VAE with a factorised support.

  mean_b nll + beta * mean_b KL + gamma * `factorised_support`(mean)
  + delta * sum_d max(0, 1 - std_b mean_d), the last so that the support does
  not shrink. beta = 1 and gamma = delta = 0 is the VAE. In the authors' code
  the last term is off, and would be of the latents of each image.

  Args:
    nll: [B].
    z: [B, D].
    mean: [B, D].
    logvar: [B, D].
    beta: weight of the KL.
    gamma: weight of the distance of the support.
    delta: weight of what keeps the support from shrinking.

  Raises:
    ValueError: wrong shapes, or B < 2.

  Source: Roth et al. 2023 (arXiv:2210.07347).
  """
  checks.check_weights(gamma=gamma, delta=delta)
  checks.check_posterior(mean=mean, min_batch=2)
  (mean,) = checks.at_least_float32(mean)
  loss, terms = objectives.beta_vae(nll, z, mean, logvar, beta=beta)
  distance = factorised_support(mean)
  variance = jnp.var(mean, axis=0)
  # No gradient at 0, where a root has an infinite one.
  std = jnp.sqrt(jnp.where(variance > 0, variance, 1)) * (variance > 0)
  shrunk = jnp.sum(jnp.maximum(1 - std, 0))
  terms |= {'support_distance': distance, 'support_shrinkage': shrunk}
  return loss + gamma * distance + delta * shrunk, terms
