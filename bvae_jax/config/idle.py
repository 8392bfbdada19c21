"""What a config asks for and does not get: lines that a run begins with.

Such a config is run as it is, and may be meant; it must not be so silently.
"""

import math

import ml_collections

from bvae_jax import metrics
from bvae_jax.config import defaults

# The weight without which a capacity is held by nothing, where there is one.
_SQUEEZES = ('kl_weight', 'gamma')


def _lines(config: ml_collections.ConfigDict) -> int:
  """The log's lines: one each `log_every` steps, one a checkpoint, the last."""
  steps, every = config.num_steps, (config.log_every, config.checkpoint_every)
  both = sum(steps // n for n in every) - steps // math.lcm(*every)
  return both + all(steps % n for n in every)


def _looks(config: ml_collections.ConfigDict) -> list[str]:
  """Of what is looked at while a run trains."""
  every, steps = config.evaluate_every, config.num_steps
  default = defaults.default_config(config.objective)
  lines = []
  if every > steps:
    lines.append(
      f'evaluate_every={every:,} is above num_steps={steps:,}: no score is '
      'looked at while this run trains'
    )
  chosen = tuple(config.evaluate_metrics)
  if not every and chosen != default.evaluate_metrics:
    lines.append(f'evaluate_metrics={chosen} has no effect: evaluate_every=0')
  if config.stop_when:
    name, _, patience = config.stop_when
    score = every and name in metrics.METRICS
    seen = steps // every if score else _lines(config)
    if seen < patience + 2:
      lines.append(
        f'stop_when={tuple(config.stop_when)} stops nobody: the run has {seen} '
        f'line(s) with {name}'
      )
  shortest = min(steps, config.log_every, config.checkpoint_every)
  if config.profile and shortest < 3:
    lines.append(
      'profile: nothing is traced, since no 3 steps lie between two log lines '
      'or checkpoints; raise log_every and checkpoint_every'
    )
  return lines


def _capacity(config: ml_collections.ConfigDict) -> list[str]:
  """Of a capacity whose weight is 0."""
  moved = {*defaults.grid(config), *config.schedules}
  weight = next((n for n in _SQUEEZES if n in config.hparams), None)
  asked = config.hparams.get('capacity') or 'capacity' in moved
  if weight in {None, *moved} or config.hparams[weight] or not asked:
    return []
  return [f'hparams.capacity has no effect: hparams.{weight} is 0']


def idle(config: ml_collections.ConfigDict) -> list[str]:
  """A line on each key of a valid config that has no effect in it."""
  lines = [*_looks(config), *_capacity(config)]
  default = defaults.default_config(config.objective).dataset
  if config.dataset.sigma != default.sigma and not config.dataset.correlated:
    lines.append(
      f'dataset.sigma={config.dataset.sigma} has no effect: '
      'dataset.correlated names no factors'
    )
  if 'udr' in config.metrics and len(config.seeds) < 2:
    lines.append(
      'metrics: udr has no value: it compares seeds, and one is given'
    )
  if config.evaluation.floors and not config.metrics:
    lines.append('evaluation.floors has no effect: metrics is empty')
  return lines
