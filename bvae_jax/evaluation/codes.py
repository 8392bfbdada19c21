"""What a trained population says of the data: its codes and its ELBO.

Every score needs only a table of codes: each image is encoded once, for all
members, and the metrics index the table.
"""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import data, metrics, parallel
from bvae_jax.training import experiment as experiment_lib

_LOG = logging.getLogger(__name__)

BLOCK = 128  # images a call while encoding a grid
_TRANSFORM = 2**31 - 1  # what the key of a transform is folded with
_SETTLED = 1e-3  # 1 - |cos| of the last turn of a component


class Codes(NamedTuple):
  """Posterior parameters of every image, on the host."""

  mean: Any  # NumPy [M, N, D]
  logvar: Any  # NumPy [M, N, D]


def encoder(
  experiment: experiment_lib.Experiment, chosen: np.ndarray | None = None
) -> Callable[[Any], Codes]:
  """Encodes each image once, for all members.

  Args:
    experiment: whose images and networks.
    chosen: indices of the images; all by default.

  Returns:
    `encode(params)`, of parameters with leading axis M; it is compiled once.
  """

  def encode(params, images, _):
    one = lambda p: experiment.encode(p, images)
    found = parallel.map_members(one, params, experiment.config.member_batch)
    return jax.tree.map(lambda x: x.swapaxes(0, 1), found)

  dataset = experiment.dataset
  count = dataset.num_images if chosen is None else len(chosen)
  index = None if chosen is None else jnp.asarray(chosen)
  mapped = over_images(dataset, encode, count, index)

  def codes(params: Any) -> Codes:
    mean, logvar = mapped(params)
    return Codes(mean.swapaxes(0, 1), logvar.swapaxes(0, 1))

  return codes


def encode_all(experiment: experiment_lib.Experiment, params: Any) -> Codes:
  """`encoder`, called once."""
  return encoder(experiment)(params)


def over_images(
  dataset: data.Dataset,
  function: Callable,
  count: int,
  chosen: jax.Array | None = None,
) -> Callable[[Any], Any]:
  """Maps `function(params, images [b], place [b])` over many images.

  Args:
    dataset: of which the images are, on the device or streamed.
    function: pure, gives a tree of [b, ...].
    count: how many images n.
    chosen: their indices [n]; 0 to n - 1 by default.

  Returns:
    A function of the params: the tree of [n, ...] on the host.
  """
  index_of = lambda place: place if chosen is None else chosen[place]
  rows = dataset.rows
  if rows is not None:

    def gathered(params, stored, place):
      images = dataset.images_fn(stored, jnp.arange(len(place)))
      return function(params, images, place)

    take = lambda place: rows.take(np.asarray(index_of(place)))
    return parallel.stream_index(gathered, take, count, BLOCK)

  def looked_up(shared, place):
    arrays, params = shared
    images = dataset.images_fn(arrays, index_of(place))
    return function(params, images, place)

  mapped = parallel.split_index(looked_up, count, BLOCK)
  return lambda params: mapped((dataset.arrays, params))


def set_aside(codes: Codes) -> tuple[np.ndarray, Codes]:
  """Whose codes are finite, bool [M]; zeros in place of those of the others."""
  good = np.isfinite(codes.mean).all((1, 2))
  good &= (codes.logvar < np.inf).all((1, 2))  # points have -inf
  if good.all():
    return good, codes
  kept = good[:, None, None]
  return good, Codes(*(np.where(kept, x, np.float32(0)) for x in codes))


def bounds(
  experiment: experiment_lib.Experiment,
) -> Callable[[Any], dict[str, np.ndarray]]:
  """ELBO, nll, KL and KL per latent of each member, on a fixed sample.

  Of codes that are points, nll and `variance_per_latent`.

  One posterior sample an image; `evaluation.num_elbo` images, the same for all
  members and all runs with this data set and seed: those that are trained on,
  and beside them, as `held_out_...`, those that are not.

  Returns:
    A function of parameters with leading axis M; it is compiled once.
  """
  settings, dataset = experiment.config.evaluation, experiment.dataset
  key = jax.random.key(settings.seed)
  chosen = dataset.sample_train(key, settings.num_elbo)
  trained = _elbo_of(experiment, key, chosen)
  if dataset.split is None:
    return trained
  rest = jnp.asarray(dataset.split.held_out)
  chosen = rest[data.sample_index(key, settings.num_elbo, len(rest))]
  held_out = _elbo_of(experiment, key, chosen)

  def both(params: Any) -> dict[str, np.ndarray]:
    other = held_out(params)
    return trained(params) | {
      f'held_out_{name}': other[name]
      for name in ('elbo', 'nll', 'kl')
      if name in other
    }

  return both


def elbo(
  experiment: experiment_lib.Experiment, params: Any
) -> dict[str, np.ndarray]:
  """`bounds`, called once."""
  return bounds(experiment)(params)


def _elbo_of(
  experiment: experiment_lib.Experiment, key: jax.Array, chosen: jax.Array
) -> Callable[[Any], dict[str, np.ndarray]]:
  """The terms of the ELBO, their means over the chosen images."""
  points = experiment.objective.points

  def terms(params, images, row):
    def draw(i, mean, logvar):
      own = jax.random.fold_in(key, i)
      return experiment.sample(own, mean[None], logvar[None])[0]

    def one(p):
      mean, logvar = experiment.encode(p, images)
      z = jax.vmap(draw)(row, mean, logvar)
      outputs = experiment.decode(p, z)
      nll = experiment.context.nll(p, outputs, images)
      return nll, mean if points else experiment.kl(mean, logvar)

    found = parallel.map_members(one, params, experiment.config.member_batch)
    return jax.tree.map(lambda x: x.swapaxes(0, 1), found)

  mapped = over_images(experiment.dataset, terms, len(chosen), chosen)

  def means(params: Any) -> dict[str, np.ndarray]:
    nll, kl = mapped(params)
    if points:
      return {'nll': nll.mean(0), 'variance_per_latent': kl.var(0)}
    nll, kl_per_latent = nll.mean(0), kl.mean(0)
    total = kl_per_latent.sum(-1)
    return {'elbo': -nll - total, 'nll': nll, 'kl': total,
            'kl_per_latent': kl_per_latent}  # fmt: skip

  return means


def draw_points(
  dataset: data.Dataset, settings: Any
) -> tuple[np.ndarray, np.ndarray]:
  """Indices of the training and the test points of the metrics.

  Of a grid, or where no factor is known, they are drawn with replacement, as in
  the 2019 study. Observed points are few and their labels are what a test is
  about: none is drawn twice, and no test point is a training point; where there
  are fewer than asked for, both parts shrink alike.
  """
  train_key, test_key = jax.random.split(jax.random.key(settings.seed))
  count, num_train, num_test = (
    dataset.num_images,
    settings.num_train,
    settings.num_test,
  )
  if dataset.is_grid or not dataset.has_factors:
    return (
      np.asarray(data.sample_index(train_key, num_train, count)),
      np.asarray(data.sample_index(test_key, num_test, count)),
    )
  order = np.asarray(jax.random.permutation(train_key, count))
  share = min(1.0, count / (num_train + num_test))
  first = max(1, int(share * num_train))
  last = first + max(1, int(share * num_test))
  return order[:first], order[first:last]


def sample(
  experiment: experiment_lib.Experiment, codes: Codes, table: bool = True
) -> metrics.Sample:
  """The points that the metrics look at, drawn once for all members.

  Factors and tables where some are known.

  Args:
    experiment: whose config says how many points.
    codes: of all images; without a table, of those of `draw_points` alone.
    table: whether the sample has one.
  """
  settings, dataset = experiment.config.evaluation, experiment.dataset
  train, test = draw_points(dataset, settings)
  first, second = (
    (train, test)
    if table
    else np.split(np.arange(len(train) + len(test)), [len(train)])
  )
  table = table and dataset.has_factors
  labels = lambda index: (
    dataset.labels(jnp.asarray(index)) if dataset.has_factors else None
  )
  points = metrics.Sample(
    codes=codes.mean[:, first],
    factors=labels(train),
    test_codes=codes.mean[:, second],
    test_factors=labels(test),
    code_table=codes.mean if table else None,
    logvar_table=codes.logvar if table else None,
    table_factors=labels(np.arange(dataset.num_images))
    if table and not dataset.is_grid
    else None,
  )
  return transformed(settings.transform, settings.seed, points)


def transformed(name: str, seed: int, points: metrics.Sample) -> metrics.Sample:
  """The points in components of each member's codes, in place of its latents.

  Args:
    name: in `metrics.TRANSFORMS`, or 'none'.
    seed: of what the transform draws, the same for all members.
    points: codes [M, N, D] of all members; fitted on `codes`, no test point
      among them.

  Returns:
    The points; without log-variances, as components have no diagonal ones.
  """
  if name == 'none':
    return points
  key = jax.random.fold_in(jax.random.key(seed), _TRANSFORM)
  fit = lambda codes: metrics.TRANSFORMS[name](codes, key)
  fitted = jax.tree.map(
    np.asarray, jax.jit(lambda codes: jax.lax.map(fit, codes))(points.codes)
  )
  for m in np.flatnonzero(fitted.unsettled > _SETTLED):
    _LOG.warning(
      'evaluation.transform=%s of member %d of these has not settled: its last '
      'turn moved a component by 1 - |cos| = %.1g', name, m,
      fitted.unsettled[m],
    )  # fmt: skip

  def apply(codes: Any) -> Any:
    if codes is None:
      return None
    each = [
      ((np.asarray(x) - fitted.offset[m]) @ fitted.matrix[m])
      for m, x in enumerate(codes)
    ]
    return np.stack(each)

  return points._replace(
    codes=apply(points.codes),
    test_codes=apply(points.test_codes),
    code_table=apply(points.code_table),
    logvar_table=None,
  )
