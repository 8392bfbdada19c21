"""`validate`: a wrong value is one clear line before anything is compiled."""

from typing import Any

import ml_collections

from bvae_jax import data, losses, metrics, models
from bvae_jax.config import checks, defaults, sweep
from bvae_jax.training import optimizer

_MOST_LATENTS = 10_000
TRACKERS = ('wandb', 'trackio')
# Keys whose value is one of some names.
_CHOICES = {
  'encoder': models.ENCODERS,
  'decoder': models.DECODERS,
  'discriminator': models.DISCRIMINATORS,
  'likelihood': losses.LIKELIHOODS,
  'optimizer': optimizer.OPTIMIZERS,
  'precision': ('float32', 'bfloat16'),
  'matmul_precision': ('default', 'high', 'highest'),
  'parallel': ('members', 'data'),
}


def _validate_scalars(config: ml_collections.ConfigDict) -> None:
  for key in ('num_steps', 'log_every', 'checkpoint_every', 'keep_checkpoints'):
    checks.integer(key, config[key], 1)
  checks.integer('batch_size', config.batch_size, 1, checks.MOST_IMAGES)
  checks.integer('num_latents', config.num_latents, 1, _MOST_LATENTS)
  for key in ('tensorboard', 'profile'):
    checks.flag(key, config[key])
  evaluation = config.evaluation
  checks.flag('evaluation.floors', evaluation.floors)
  for key in ('num_devices', 'members_per_program', 'member_batch'):
    checks.integer(key, config[key], 0)
  for key in ('num_train', 'num_test', 'num_elbo'):
    checks.integer(f'evaluation.{key}', evaluation[key], 1, checks.MOST_IMAGES)
  checks.integer('evaluation.seed', evaluation.seed, 0, 2**32 - 1)
  transforms = 'none', *metrics.TRANSFORMS
  checks.choice('evaluation.transform', evaluation.transform, transforms)
  checks.resamples('evaluation.num_resamples', evaluation.num_resamples)
  for key in ('weight_decay', 'discriminator_rate', 'clip_norm'):
    checks.finite(key, config[key], signed=False)
  checks.share('ema_decay', config.ema_decay)
  checks.positive('learning_rate', config.learning_rate)


def _validate_dataset(dataset: ml_collections.ConfigDict) -> None:
  name = dataset.name
  if not (isinstance(name, str) and data.is_known(name)):
    checks.choice('dataset.name', name, (*data.DATASETS, 'tfds:NAME'))
  for key in ('label_keys', 'holdout_where', 'correlated'):
    checks.names(f'dataset.{key}', dataset[key])
  checks.finite('dataset.sigma', dataset.sigma)
  checks.share('dataset.holdout', dataset.holdout)
  checks.integer('dataset.image_size', dataset.image_size, 1)
  checks.choice('dataset.fit', dataset.fit, data.FITS)
  checks.require(
    type(dataset.channels) is int and dataset.channels in (0, 1, 3),
    f'dataset.channels={dataset.channels!r} must be 0 (as found), 1 or 3',
  )
  for key in ('path', 'data_dir', 'image_key'):
    checks.require(
      isinstance(dataset[key], str),
      f'dataset.{key}={dataset[key]!r} must be a text',
    )
  strides = dataset.factor_stride
  checks.require(
    isinstance(strides, tuple | list)
    and all(type(n) is int and n > 0 for n in strides),
    f'dataset.factor_stride={strides!r} must be a tuple of positive integers',
  )
  checks.flag('dataset.strict', dataset.strict)


def _validate_looks(config: ml_collections.ConfigDict) -> None:
  """What is looked at while a run trains."""
  every = config.evaluate_every
  checks.integer('evaluate_every', every, 0)
  checks.require(
    every % config.log_every == 0,
    f'evaluate_every={every} must be a multiple of log_every='
    f'{config.log_every}, with whose lines its scores are written',
  )
  checks.names(
    'evaluate_metrics',
    config.evaluate_metrics,
    [n for n, m in metrics.METRICS.items() if m.needs != 'population'],
  )
  checks.require(
    not every or len(config.evaluate_metrics) > 0,
    f'evaluate_metrics is empty, and evaluate_every={every} looks at them; '
    'name one at least',
  )
  stop = config.stop_when
  if not (isinstance(stop, tuple | list) and not stop):
    checks.require(
      isinstance(stop, tuple | list)
      and len(stop) == 3
      and isinstance(stop[0], str)
      and stop[1] in ('min', 'max'),
      f"stop_when={stop!r} must be () or like ('nll', 'min', 5): a quantity of "
      'the log, whether its smallest or largest value is best, and how many '
      'lines without a better one are waited for',
    )
    checks.integer('stop_when: patience', stop[2], 1)


def _validate_keys(config: ml_collections.ConfigDict) -> None:
  """The keys of a run, no more and no less."""
  checks.require(
    not (isinstance(config, ml_collections.ConfigDict) and 'units' in config),
    'it is a study of several runs, where one run is asked for; give one of '
    'its units (studies.execute.run runs them all)',
  )
  checks.require(
    isinstance(config, ml_collections.ConfigDict) and 'objective' in config,
    'the config must be a ConfigDict of a whole run, as '
    f'config.default_config(objective) gives it, got {type(config).__name__}',
  )
  checks.choice('objective', config.objective, losses.OBJECTIVES)
  default = defaults.default_config(config.objective)
  for name in ('', 'dataset', 'evaluation'):
    expected, found = (t[name] if name else t for t in (default, config))
    checks.fields(name or 'the config', found)
    for key in expected:
      whole = f'{name}.{key}' if name else key
      checks.require(key in found, f'{whole} is missing from the config')
    checks.subset(name or 'the config', found, expected)
  for name in ('hparams', 'options', 'grid', 'schedules'):
    checks.fields(name, config[name])


def _validate_seeds(seeds: Any) -> None:
  checks.require(
    isinstance(seeds, tuple | list),
    f'seeds={seeds!r} must be a tuple of integers',
  )
  checks.require(len(seeds) > 0, 'seeds is empty; give at least one seed')
  checks.require(
    all(type(s) is int and 0 <= s < 2**32 for s in seeds),
    f'seeds={seeds} must be integers from 0 to 2**32 - 1',
  )
  checks.require(len(set(seeds)) == len(seeds), f'seeds={seeds} repeats a seed')


def validate(config: ml_collections.ConfigDict) -> None:
  """Checks every key that does not need the data or the devices.

  Raises:
    ConfigError: one line that names the key, the value and what is valid.
  """
  _validate_keys(config)
  for key, valid in _CHOICES.items():
    checks.choice(key, config[key], valid)
  _validate_dataset(config.dataset)
  checks.names('metrics', config.metrics, metrics.METRICS)
  checks.names('tied', config.tied)
  checks.names('trackers', config.trackers, TRACKERS)
  _validate_scalars(config)
  _validate_looks(config)
  _validate_seeds(config.seeds)
  sweep.validate(config)
