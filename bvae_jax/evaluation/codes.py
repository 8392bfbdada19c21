"""What a trained population says of the data: its codes and its ELBO.

Every score needs only a table of codes: each image is encoded once, for all
members, and the metrics index the table.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import data, draws, parallel
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import progress, static

BLOCK = 256  # images that go through a network together


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
  dataset = experiment.dataset
  count = dataset.num_images if chosen is None else len(chosen)
  index = None if chosen is None else jnp.asarray(chosen)
  encode = _encode(experiment, dataset.rows is not None)
  mapped = over_images(dataset, encode, count, index)

  def codes(params: Any) -> Codes:
    told = progress.Parts('encoding', count, 'images')
    mean, logvar = mapped(params, told.at)
    return Codes(mean.swapaxes(0, 1), logvar.swapaxes(0, 1))

  return codes


@static.once
def _encode(experiment: experiment_lib.Experiment, streamed: bool) -> Callable:
  """The codes of a block of images, of all members."""

  def encode(params, images, _):
    one = lambda p: experiment.encode(p, images)
    found = parallel.map_members(one, params, experiment.config.member_batch)
    return jax.tree.map(lambda x: x.swapaxes(0, 1), found)

  return of_images(experiment.dataset, encode, streamed)


def of_images(
  dataset: data.Dataset, function: Callable, streamed: bool
) -> Callable:
  """A function of images as `over_images` takes it.

  One that is given again is compiled once.

  Args:
    dataset: whose images they are.
    function: pure, `function(params, images [b], place [b])` -> a tree of
      [b, ...].
    streamed: whether they stay on the host.
  """

  def gathered(params, stored, place):
    images = dataset.images_fn(stored, jnp.arange(len(place)))
    return function(params, images, place)

  def looked_up(shared, place):
    arrays, chosen, params = shared
    images = dataset.images_fn(arrays, _at(chosen, place))
    return function(params, images, place)

  return parallel.of_blocks(gathered if streamed else looked_up, rows=streamed)


def over_images(
  dataset: data.Dataset,
  function: Callable,
  count: int,
  chosen: jax.Array | None = None,
) -> Callable:
  """Maps over many images.

  Args:
    dataset: of which the images are, on the device or streamed.
    function: as `of_images` gives it.
    count: how many images n.
    chosen: their indices [n]; 0 to n - 1 by default.

  Returns:
    A function of the params: the tree of [n, ...] on the host. `tell`, its
    second argument if there is one, is told how many images are done.
  """
  arrays, rows = dataset.arrays, dataset.rows
  if rows is not None:
    take = lambda place: rows.take(np.asarray(_at(chosen, place)))
    return parallel.map_index(function, count, BLOCK, take)
  mapped = parallel.map_index(function, count, BLOCK)
  return lambda params, tell=None: mapped((arrays, chosen, params), tell)


def _at(chosen: Any, place: Any) -> Any:
  return place if chosen is None else chosen[place]


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
  key = draws.key(settings.seed)
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


def _elbo_of(
  experiment: experiment_lib.Experiment, key: jax.Array, chosen: jax.Array
) -> Callable[[Any], dict[str, np.ndarray]]:
  """The terms of the ELBO, their means over the chosen images."""
  points, dataset = experiment.objective.points, experiment.dataset
  terms = _terms(experiment, dataset.rows is not None)
  mapped = over_images(dataset, terms, len(chosen), chosen)
  noise = jax.random.key_data(key)

  def means(params: Any) -> dict[str, np.ndarray]:
    nll, kl = mapped((params, noise))
    if points:
      return {'nll': nll.mean(0), 'variance_per_latent': kl.var(0)}
    nll, kl_per_latent = nll.mean(0), kl.mean(0)
    total = kl_per_latent.sum(-1)
    sums = {'elbo': -nll - total, 'nll': nll, 'kl': total}
    return {**sums, 'kl_per_latent': kl_per_latent}

  return means


@static.once
def _terms(experiment: experiment_lib.Experiment, streamed: bool) -> Callable:
  """nll and KL per latent of a block of images, of all members."""

  def terms(shared, images, row):
    params, key = shared[0], draws.of_data(shared[1])

    def draw(i, mean, logvar):
      own = jax.random.fold_in(key, i)
      return experiment.sample(own, mean[None], logvar[None])[0]

    def one(p):
      mean, logvar = experiment.encode(p, images)
      z = jax.vmap(draw)(row, mean, logvar)
      outputs = experiment.decode(p, z)
      nll = experiment.context.nll(p, outputs, images)
      points = experiment.objective.points
      return nll, mean if points else experiment.kl(mean, logvar)

    found = parallel.map_members(one, params, experiment.config.member_batch)
    return jax.tree.map(lambda x: x.swapaxes(0, 1), found)

  return of_images(experiment.dataset, terms, streamed)
