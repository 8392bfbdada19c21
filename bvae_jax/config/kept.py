"""A config as a folder keeps it, in JSON; and whether two are one run."""

import json
import math
from typing import Any

import jax
import ml_collections
import numpy as np

from bvae_jax import losses
from bvae_jax.config import defaults

# Keys that change how a run is computed or shown, never what it computes; and
# those that change its scores alone.
FREE_KEYS = (
  'num_devices',
  'keep_checkpoints',
  'profile',
  'tensorboard',
  'trackers',
  'dataset.storage',
  'dataset.data_dir',
)
SCORE_KEYS = ('metrics', 'evaluation')


def plain(value: Any) -> Any:
  """Arrays, tuples and NaN as JSON has them: lists, and null."""
  if isinstance(value, dict):
    return {str(k): plain(v) for k, v in value.items()}
  if isinstance(value, list | tuple):
    return [plain(v) for v in value]
  if isinstance(value, np.ndarray | np.generic | jax.Array):
    return plain(np.asarray(value).tolist())
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value


def as_config(found: dict) -> ml_collections.ConfigDict:
  """A config of its JSON, in which tuples are lists."""

  def tuples(value: Any) -> Any:
    if isinstance(value, dict):
      return {k: tuples(v) for k, v in value.items()}
    return tuple(map(tuples, value)) if isinstance(value, list) else value

  return ml_collections.ConfigDict(tuples(found))


def flat(tree: dict, prefix: str = '') -> dict[str, Any]:
  """A nested config by the names of its keys: `evaluation.seed`."""
  found = {}
  for key, value in tree.items():
    name = f'{prefix}{key}'
    if isinstance(value, dict):
      found.update(flat(value, f'{name}.'))
    else:
      found[name] = value
  return found


def differing_keys(
  old: dict, new: dict, free: tuple[str, ...] = FREE_KEYS
) -> list[str]:
  """`key: old -> new` for each key that makes two configs different runs."""
  a, b = flat(old), flat(new)
  return [
    f'{k}: {a.get(k)!r} -> {b.get(k)!r}'
    for k in sorted({*a, *b})
    if a.get(k) != b.get(k) and not {k, k.split('.')[0]} & {*free}
  ]


def complete(old: dict) -> dict:
  """A config of before with the defaults of the keys that it did not have.

  Hyperparameters and options are no such keys: they belong to the objective.
  """
  if old.get('objective') not in losses.OBJECTIVES:
    return old
  default = plain(defaults.default_config(old['objective']).to_dict())
  filled = {**default, **old}
  for key in ('dataset', 'evaluation', 'grid'):
    if isinstance(old.get(key), dict):
      filled[key] = {**default[key], **old[key]}
  return filled


def on_any_host(config: ml_collections.ConfigDict) -> str:
  """All but where its images lie, which each host may say for itself."""
  asked = plain(config.to_dict())
  dataset = {k: x for k, x in asked['dataset'].items() if k != 'path'}
  return json.dumps({**asked, 'dataset': dataset}, sort_keys=True)


def _settings(found: dict) -> list[dict[str, float]]:
  """The settings of a config as JSON has it; none of what is no config."""
  try:
    return defaults.settings(as_config(found))
  except (AttributeError, KeyError, TypeError, ValueError):
    return []


def grown_keys(old: dict, new: dict) -> tuple[str, ...]:
  """What a config asks for more of than the run has: steps, seeds, settings."""
  grown = []
  before, after = old.get('num_steps'), new.get('num_steps')
  if type(before) is int and type(after) is int and before < after:
    grown.append('num_steps')
  before, after = old.get('seeds'), new.get('seeds')
  if (
    isinstance(before, list)
    and isinstance(after, list)
    and len(before) < len(after)
    and all(seed in after for seed in before)
  ):
    grown.append('seeds')
  if old.get('grid') != new.get('grid'):
    less, more = map(_settings, (old, new))
    if 0 < len(less) < len(more) and all(one in more for one in less):
      grown.append('grid')
  return tuple(grown)
