"""What compiled programs know of an experiment, one object for all equal ones.

JAX traces and compiles a function once. Experiments that differ in what no
program reads (seeds, hyperparameters, steps, scores, the images themselves) are
given the same functions here, so that in one process the second run of a config
compiles nothing.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Hashable
from typing import Any, ParamSpec, TypeVar

import ml_collections

from bvae_jax import config as config_lib
from bvae_jax import data, losses, models, shipped
from bvae_jax.training import batches, optimizer, roles

P = ParamSpec('P')
R = TypeVar('R')

_KEPT = 8  # experiments, whose programs JAX keeps
# Keys of a config that no program may read.
_UNREAD = (
  *('seeds', 'grid', 'tied', 'hparams', 'num_steps', 'stop_when'),
  *('learning_rate', 'discriminator_rate', 'weight_decay'),
  *('log_every', 'checkpoint_every', 'keep_checkpoints', 'profile'),
  *('evaluate_every', 'evaluate_metrics', 'metrics', 'evaluation'),
  *('tensorboard', 'trackers', 'parallel', 'num_devices'),
  *('members_per_program', 'dataset'),  # the data set itself is compared
)


@dataclasses.dataclass(frozen=True)
class _Equal:
  """An experiment that is compared by a key."""

  key: Hashable
  experiment: Any = dataclasses.field(compare=False)


@functools.lru_cache(maxsize=_KEPT)
def first(one: _Equal) -> Any:
  """The first experiment of its key."""
  return one.experiment


def is_shipped(
  config: ml_collections.ConfigDict, objective: losses.Objective
) -> bool:
  """Whether all that is traced is what the package ships.

  Somebody's own function may call others that were mended since.
  """
  return all(
    shipped.is_shipped(registry, name)
    for registry, name in (
      (losses.OBJECTIVES, config.objective),
      (losses.LIKELIHOODS, config.likelihood),
      (models.ENCODERS, config.encoder),
      (models.DECODERS, config.decoder),
      (models.DISCRIMINATORS, config.discriminator),
      (data.DATASETS, config.dataset.name),
      (optimizer.OPTIMIZERS, config.optimizer),
      (batches.DRAWS, objective.batch),
      *((roles.ROLES, n) for n in objective.networks if isinstance(n, str)),
    )
  )


def of(experiment: Any) -> Any:
  """An experiment without images and, if shared, what no program reads.

  One object for all that are equal, unless a part of it is somebody's own, or
  factors are a table, which is not compared.
  """
  bare = dataclasses.replace(experiment.dataset, arrays=(), rows=None)
  found = dataclasses.replace(experiment, dataset=bare)
  if experiment.is_shipped and not isinstance(bare.factors, data.Table):
    config = experiment.config.copy_and_resolve_references()
    with config.unlocked():
      for key in _UNREAD:
        del config[key]
    told = json.dumps(config_lib.plain(config.to_dict()), sort_keys=True)
    bare = dataclasses.replace(bare, name='', description='')
    found = dataclasses.replace(found, config=config, dataset=bare)
    found = first(_Equal((told, bare), found))
  vars(found)['static'] = found
  return found


def once(function: Callable[P, R]) -> Callable[P, R]:
  """A function of an experiment that is called once for all equal ones.

  It is given `Experiment.static` and hashable arguments; what it returns is
  kept there.
  """

  @functools.wraps(function)
  def found(*arguments: P.args, **named: P.kwargs) -> R:
    experiment: Any = arguments[0]
    made, rest = experiment.static.made, arguments[1:]
    key = function, rest, tuple(sorted(named.items()))
    if key not in made:
      call: Any = function
      made[key] = call(experiment.static, *rest, **named)
    return made[key]

  return found
