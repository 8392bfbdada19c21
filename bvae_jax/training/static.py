"""What compiled programs know of an experiment, one object for all equal ones.

JAX traces and compiles a function once. Experiments that differ in what no
program reads (seeds, hyperparameters, steps, scores, the images themselves) are
given the same functions here, so that in one process the second run of a config
compiles nothing.
"""

import dataclasses
import functools
import json
from collections.abc import Callable, Hashable, Iterator
from typing import Any, ParamSpec, TypeVar

import jax
from flax import linen as nn

from bvae_jax import config as config_lib
from bvae_jax import data
from bvae_jax.training import optimizer

P = ParamSpec('P')
R = TypeVar('R')

_OURS = ('bvae_jax', 'flax', 'jax')
_KEPT = 8  # experiments, whose programs JAX keeps
# Keys of a config that no program may read.
_UNREAD = (
  *('seeds', 'grid', 'tied', 'hparams', 'num_steps', 'stop_when'),
  *('learning_rate', 'discriminator_rate', 'weight_decay'),
  *('log_every', 'checkpoint_every', 'keep_checkpoints', 'profile'),
  *('evaluate_every', 'evaluate_metrics', 'metrics', 'evaluation'),
  *('tensorboard', 'trackers', 'parallel', 'num_devices'),
  'members_per_program',
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


def _code(tree: Any) -> Iterator[Any]:
  """Functions and classes in a tree, those of networks and of all in them."""
  for part in jax.tree.leaves(tree):
    while isinstance(part, functools.partial):
      yield from _code((part.args, part.keywords))
      part = part.func
    if isinstance(part, nn.Module):
      fields = {field.name for field in dataclasses.fields(part)} - {'parent'}
      yield from _code([type(part), *(getattr(part, x) for x in fields)])
    elif callable(part):
      yield part


def _is_ours(experiment: Any) -> bool:
  """Whether all that is traced is of this package, or of Flax and JAX.

  Somebody's own function may call others that were mended since.
  """
  config, dataset = experiment.config, experiment.dataset
  code = _code(
    (
      data.DATASETS[config.dataset.name],
      (dataset.images_fn, dataset.noisy_fn),
      experiment.context.nll,
      optimizer.OPTIMIZERS[config.optimizer],
      *(experiment.objective, experiment.roles, dict(experiment.modules)),
    )
  )
  return all(part.__module__.split('.')[0] in _OURS for part in code)


def of(experiment: Any) -> Any:
  """An experiment without images and without what no program reads.

  One object for all that are equal, unless a part of it is somebody's own, or
  factors are a table, which is not compared.
  """
  config = experiment.config.copy_and_resolve_references()
  with config.unlocked():
    for key in _UNREAD:
      del config[key]
  bare = dataclasses.replace(experiment.dataset, arrays=(), rows=None)
  found = dataclasses.replace(experiment, config=config, dataset=bare)
  if not isinstance(bare.factors, data.Table) and _is_ours(experiment):
    told = json.dumps(config_lib.plain(config.to_dict()), sort_keys=True)
    parts = id(found.objective), found.context.nll, *found.modules.values()
    found = first(_Equal((told, bare, *parts), found))
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
