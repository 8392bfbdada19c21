"""Move one true factor and watch every latent, and the reverse.

The share of latent d that answers to factor k is its total effect

  T[k, d] = E[(z_d(f) - z_d(f'))^2] / (2 Var z_d),

where f' is f with factor k drawn anew (Sobol's total index, by Jansen 1999):
0 where the latent ignores the factor, 1 where it follows it alone. Of a perfect
encoder, T is a permutation. What all factors claim beyond 1 is interaction.

Of a grid, f' is drawn, each new value as often for each old one, and 2 Var z is
Var z(f) + Var z(f'): from 2,000 pairs a share is off by 0.01, not 0.04.

Of observed points, an image that is nearest in all other factors stands for it
(`observed.partners`), so that factor k is drawn as it goes with the others;
what differs even between images that are alike in all factors is taken off.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import data, metrics
from bvae_jax.apps import coders, observed, renders

POINTS = 2000  # pairs of images an intervention
_MOVED = 64  # images whose latents are moved


class Interventions(NamedTuple):
  """What one member's latents do when the world moves.

  Attributes:
    total: T [K, D]; 0 for a latent that is constant.
    irs: of each latent [D]: how still it stays while all factors but its own
      move (Suter et al. 2019, arXiv:1811.00007).
    owner: the factor that each latent answers to most, int [D].
    carried: by each latent [D], see `coders.carried`.
    deviation: of each latent [D].
    residual: the share of each latent [D] that moves while all factors stay; 0
      of a grid.
    apart: by how much the images of a pair differ in factors that should stay,
      a mean of shares of their ranges; 0 of a grid.
  """

  total: np.ndarray
  irs: np.ndarray
  owner: np.ndarray
  carried: np.ndarray
  deviation: np.ndarray
  residual: np.ndarray
  apart: float


def pairs(dataset: data.Dataset) -> int:
  """How many images an intervention is on: of observed points, all at most."""
  return POINTS if dataset.is_grid else min(POINTS, dataset.num_images)


def on_factors(
  coder: coders.Posterior, dataset: data.Dataset, key: jax.Array
) -> Interventions:
  """Draws each factor anew in turn, and encodes both worlds.

  Raises:
    ValueError: nothing is known of the factors.
  """
  known = dataset.require_factors('intervene')
  if dataset.is_grid:
    key, own = jax.random.split(key)
    index = data.sample_index(own, POINTS, dataset.num_images)
    sample = coders.take(dataset, index)
  else:
    sample = coders.draw(dataset, key, pairs(dataset))
  mean, logvar = (np.asarray(x) for x in coder.encode(sample.images))
  variance = mean.var(0)
  alive = variance > 1e-12
  share = lambda moved, other=variance: (
    ((moved - mean) ** 2).mean(0) / np.where(alive, variance + other, 1) * alive
  )
  rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
  total, residual, apart = [], np.zeros_like(variance), 0.0
  if dataset.is_grid:
    for k, size in enumerate(known.sizes):
      other = sample.factors.copy()
      other[:, k] = anew(other[:, k], size, rng)
      moved = data.factors_to_index(jnp.asarray(other), known.sizes)
      codes = np.asarray(coder.encode(dataset.images_like(moved, index))[0])
      total.append(share(codes, codes.var(0)))
  else:
    table, factors = sample.factors, known.factors
    residual = share(mean[observed.partners(table, factors, None, rng)[0]])
    for k in range(len(factors)):
      chosen, left = observed.partners(table, factors, k, rng)
      total.append((share(mean[chosen]) - residual).clip(0))
      apart = max(apart, left)
  total = np.stack(total)
  by_latent = np.asarray(
    metrics.irs_matrix(
      jnp.asarray(mean), jnp.asarray(sample.factors), factor_sizes=known.sizes
    )
  ).max(1)
  return Interventions(
    total, by_latent, total.argmax(0), coders.carried(coder, mean, logvar),
    coders.deviations(mean), residual, apart,
  )  # fmt: skip


def anew(values: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
  """New values [N] of a factor, each as likely for each old value.

  The pairs (old, new) are as equal in number as they can be, so that a share is
  not off by how the draw fell, alike for all members that are compared.

  Args:
    values: int [N] from 0 to size - 1.
    size: of the factor.
    rng: of the draw.
  """
  order = rng.permutation(len(values))
  order = order[np.argsort(values[order], kind='stable')]
  shifts = np.empty_like(values)
  shifts[order] = rng.permutation(size)[np.arange(len(values)) % size]
  return (values + shifts) % size


def on_latents(
  coder: coders.Coder, dataset: data.Dataset, key: jax.Array
) -> np.ndarray:
  """How far each factor moves when a latent does: [D, K], shares of the range.

  The latent moves by two deviations towards its mean and past it; factors
  are those of the nearest render, before (of the reconstruction) and after; of
  observed points, those of the nearest image.

  Raises:
    ValueError: nothing is known of the factors.
  """
  known = dataset.require_factors('intervene')
  if dataset.is_grid:
    index = data.sample_index(key, _MOVED, dataset.num_images)
    sample = coders.take(dataset, index)
    most = min(observed.MOST, dataset.num_images)
    likest = coders.draw(dataset, jax.random.fold_in(key, 1), most)
    judge = renders.judge(dataset, likest, index)
  else:
    sample, others = observed.halves(dataset, key, _MOVED)
    judge = lambda images, _: observed.nearest(images, others)
  mean = np.asarray(coder.encode(sample.images)[0], np.float64)
  middle, spread = mean.mean(0), coders.deviations(mean)
  before, _ = judge(np.asarray(coder.decode(mean)), sample.factors[None])
  moves = []
  for d in range(coder.num_latents):
    z = mean.copy()
    away = np.where(z[:, d] > middle[d], -1.0, 1.0)
    z[:, d] += 2.0 * spread[d] * away
    after, _ = judge(np.asarray(coder.decode(z)), before[None])
    moves.append(coders.known_mean(coders.change(before, after, known.factors)))
  return np.stack(moves)


def judge_error(dataset: data.Dataset, key: jax.Array) -> np.ndarray:
  """How far the judge of `on_latents` is off on real images, shares [K].

  Args:
    dataset: of observed points.
    key: that of `on_latents`.
  """
  factors = dataset.require_factors('intervene').factors
  return observed.error(*observed.halves(dataset, key, _MOVED), factors)


def report(
  found: Interventions, names: tuple[str, ...], threshold: float
) -> list[dict[str, Any]]:
  """By factor: which latents answer to it, and which stay put.

  Args:
    found: of one member.
    names: of the factors.
    threshold: share of its variance from which on a latent answers.
  """
  active = found.carried >= coders.IDLE
  rows = []
  for k, name in enumerate(names):
    answers = (found.total[k] >= threshold) & active
    others = np.delete(found.total, k, 0) >= threshold
    shared = answers & others.any(0)
    rows.append(
      {
        'factor': name,
        'answers': np.flatnonzero(answers).tolist(),
        'stays': np.flatnonzero(active & ~answers).tolist(),
        'shared': np.flatnonzero(shared).tolist(),
        'largest': float(np.where(active, found.total[k], 0).max(initial=0)),
      }
    )
  return rows
