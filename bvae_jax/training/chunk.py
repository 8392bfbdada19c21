"""Many steps of one member in one compiled loop."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from bvae_jax import config as config_lib
from bvae_jax import data, draws, parallel
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import static, step
from bvae_jax.workdir import metrics_log


class Feed(NamedTuple):
  """Stored images of one member that the host has gathered for some steps."""

  first: Any  # the step of the first batch
  batches: dict[str, Any]  # {images of the batch: [steps, B, *row]}


class Own(NamedTuple):
  """What one member has beside its state."""

  key: Any  # raw data of its key: pmap over several hosts takes no typed keys
  hparams: Mapping[str, Any]
  feed: Feed | None = None


class Running(NamedTuple):
  """One member between two of its log lines."""

  state: step.TrainState
  total: dict[str, jax.Array]  # sums of the terms since the last log line


def _look(
  dataset: data.Dataset,
  arrays: Any,
  index: jax.Array,
  keys: jax.Array | None = None,
) -> jax.Array:
  """Images of indices, with the noise of keys where they are given."""
  if keys is None or dataset.noisy_fn is None:
    return dataset.images_fn(arrays, index)
  return dataset.noisy_fn(arrays, index, keys)


def term_shapes(experiment: experiment_lib.Experiment) -> dict[str, Any]:
  """The shapes of the terms of one step.

  Raises:
    ValueError: a term has a name that the log keeps for what a member is.
  """
  hparams = dict.fromkeys(config_lib.scalars(experiment.config), 1.0)
  shapes = jax.eval_shape(_first_terms(experiment), draws.key(0), hparams)
  taken = sorted({*shapes} & {*metrics_log.OF_MEMBER})
  if taken:
    raise ValueError(
      f'objective {experiment.config.objective}: a term may not be called '
      f'{", ".join(taken)}, which says in the log whose line it is; give it '
      'another name'
    )
  return shapes


@static.once
def _first_terms(experiment: experiment_lib.Experiment) -> Callable:
  """The terms of the first step, of images that are blank."""

  def terms(key: jax.Array, hparams: Mapping[str, Any]) -> dict[str, jax.Array]:
    shape = experiment.dataset.image_shape
    blank = lambda index, *_: jnp.zeros((*index.shape, *shape))
    train_step = step.make_train_step(experiment, blank)
    return train_step(step.init(experiment, key), key, hparams)[1]

  return terms


@static.once
def make_chunk(
  experiment: experiment_lib.Experiment,
  spread: parallel.Spread,
  alone: bool = False,
) -> Callable:
  """Many steps of one member in one compiled loop.

  Args:
    experiment: the static parts.
    spread: how each batch is spread over devices.
    alone: whether members run one by one, so that one that trains no more costs
      nothing; together, under vmap, they have one count of steps.

  Returns:
    `chunk(arrays, running, own, steps) -> running` on the data set's `arrays`,
    or on the feed of its `own` where the host has them; `steps` is traced.
    However steps are cut into chunks, the results are the same.

  A state whose loss or gradient is not finite is found by the step that it is
  to take; the last state of a chunk takes one more that only looks. Such a
  member goes back to the last good state, and stays there: the chunk is run
  again from its beginning up to there, which costs less than a copy a step.
  """

  def chunk(
    arrays: Any, running: Running, own: Own, steps: jax.Array
  ) -> Running:
    key, feed = draws.of_data(own.key), own.feed
    images: Callable = functools.partial(_look, experiment.dataset, arrays)
    fed: Callable | None = None
    if feed is not None:

      def gathered_of(at: jax.Array, name: str, places: jax.Array) -> jax.Array:
        gathered = feed.batches[name]
        # A frozen member stays at a step that is gone; nobody sees its batch.
        row = jnp.clip(at - feed.first, 0, len(gathered) - 1)
        return experiment.dataset.images_fn(gathered[row], places)

      fed = gathered_of

    train_step = step.make_train_step(experiment, images, spread, fed)

    first, trains = running, running.state.alive

    def run(carry: tuple) -> tuple:
      _, end, tries = carry

      def body(i: jax.Array, carry: Running) -> Running:
        after, terms = train_step(carry.state, key, own.hparams, i < end)
        total = jax.tree.map(
          lambda t, x: t + jnp.where(i < end, x, 0), carry.total, terms
        )
        return Running(after, total)

      until = steps + 1
      if alone:  # no `lax.cond`: XLA gives what is in one no threads on CPUs
        until = jnp.where(trains, end + 1, 0)
      ran = parallel.count_to(until, body, first)
      taken = ran.state.step - first.state.step
      return ran, jnp.maximum(taken - 1, 0), tries + 1

    def failed(carry: tuple) -> jax.Array:
      ran, _, tries = carry
      return (tries == 0) | (tries == 1) & trains & ~ran.state.alive

    ran, _, tries = lax.while_loop(failed, run, (first, steps, 0))
    alive = ran.state.alive & (tries == 1)
    return ran._replace(state=ran.state._replace(alive=alive))

  return chunk
