"""What a run is: every key of a config, its default, and its checks.

`default_config(objective)` is the 2019 study's protocol (Locatello et al.,
arXiv:1811.12359, appendix) with the objective's own hyperparameters; files in
`configs/` change what they must. `validate` turns a wrong value into one clear
line before anything is compiled or written.
"""

import math
import numbers
from collections.abc import Iterable, Mapping

import ml_collections

from bvae_jax import data, losses, metrics, models
from bvae_jax.training import optimizer, roles

_MOST_IMAGES = 10_000_000  # in a batch, or labelled
_MOST_LATENTS = 10_000
TRACKERS = ('wandb', 'trackio')
PRECISIONS = ('float32', 'bfloat16')
MATMUL_PRECISIONS = ('default', 'high', 'highest')
PARALLEL = ('members', 'data')
# Scalars that are off at 0, and then belong to no member.
_OPTIONAL = ('discriminator_rate', 'weight_decay')
SCHEDULES = ('constant', 'linear', 'cosine', 'step')


class ConfigError(ValueError):
  """A config that cannot be run; the message says what to change."""


def default_config(objective: str) -> ml_collections.ConfigDict:
  """The 2019 study's protocol for one objective, as a locked ConfigDict."""
  entry = losses.OBJECTIVES[objective]
  hparams = {name: float(value) for name, value in entry.hparams.items()}
  return ml_collections.ConfigDict(
    {
      'objective': objective,
      'hparams': hparams,
      'options': {**entry.options, **entry.study.get('options', {})},
      # {name: {'kind', 'start', 'steps', 'delay'}}: the hyperparameter moves
      # from `start` to its value over `steps` steps, after `delay` steps. Or
      # {name: {'kind', 'points'}}: through pairs (step, share of its value).
      'schedules': dict(entry.study.get('schedules', {})),
      'seeds': (0,),
      'grid': {name: () for name in (*hparams, *optimizer.RATES)},
      'tied': (),  # names in `grid` whose values go side by side, no product
      'num_steps': 300_000,
      'batch_size': 64,
      'optimizer': 'adam',
      'learning_rate': 1e-4,
      'discriminator_rate': 0.0,  # of adversaries; 0: the learning rate
      'weight_decay': 0.0,
      'clip_norm': 0.0,  # the largest norm of a gradient; 0: none
      'ema_decay': 0.0,  # of an average of the parameters; 0: none is kept
      # What networks are trained in; parameters and losses are float32.
      'precision': 'float32',
      'matmul_precision': 'default',  # of the backend's
      'num_latents': 10,
      'likelihood': 'bernoulli',
      'dataset': {
        'name': 'dsprites',
        'path': '',
        'data_dir': '',  # of prepared sets; in the user's cache by default
        # Stored images on the 'device', streamed from the 'host', or 'auto'.
        'storage': 'auto',
        'holdout': 0.0,  # the share of the images that is not trained on
        # Combinations that are not trained on, as ('shape=2', 'x=16..31').
        'holdout_where': (),
        'correlated': (),  # two factors that go together in training
        'sigma': 0.2,  # how loosely; on values from 0 to 1
        'image_key': '',  # the array of images in a file that holds several
        'label_keys': (),  # the arrays of labels beside it
        'image_size': 64,
        'factor_stride': (),
        # Of `images`: 0 as found, 1 grey, 3 RGB; 'crop' or 'pad' to a square;
        # refuse files that cannot be decoded, which else are left out.
        'channels': 0,
        'fit': 'crop',
        'strict': False,
      },
      'encoder': 'conv_locatello',
      'decoder': 'deconv_locatello',
      'discriminator': 'mlp',
      'log_every': 1000,
      'checkpoint_every': 10_000,
      'keep_checkpoints': 2,
      'evaluate_every': 0,  # steps between two looks at scores; 0: none
      'evaluate_metrics': ('mig',),  # at each of them
      # ('nll', 'min', 5): a member stops once 5 of its log lines in a row have
      # brought no new smallest nll. (): none does.
      'stop_when': (),
      'profile': False,
      'tensorboard': False,
      'trackers': (),  # names in TRACKERS
      # `members`: each device trains its share of the population; `data`: each
      # device computes its share of every batch.
      'parallel': 'members',
      'num_devices': 0,  # 0: as many as shorten the work
      'members_per_program': 0,  # 0: as many as fit the memory
      'member_batch': 0,  # members under one vmap; 0: 1 on CPU, else all
      'metrics': ('mig', 'factor_vae_score', 'unsupervised'),
      'evaluation': {
        'num_train': 10_000,
        'num_test': 5_000,
        'num_elbo': 10_000,
        'num_resamples': 0,
        # What codes are turned into before they are scored: 'none', 'pca' or
        # 'ica', fitted on the training points.
        'transform': 'none',
        'floors': False,  # score untrained representations beside the members
        'seed': 0,
      },
    }
  )


def _require(condition: bool, message: str) -> None:
  if not condition:
    raise ConfigError(' '.join(message.split()))


def _choice(key: str, value: str, valid: Iterable[str]) -> None:
  _require(
    isinstance(value, str) and value in valid,
    f'{key}={value!r} is unknown; valid: {", ".join(sorted(valid))}',
  )


def _finite(key: str, value) -> None:
  _require(
    isinstance(value, numbers.Real)
    and not isinstance(value, bool)
    and math.isfinite(value),
    f'{key}={value!r} must be a finite number',
  )


def _integer(key: str, value, least: int, most: int = 2**31 - 1) -> None:
  whole = isinstance(value, int) and not isinstance(value, bool)
  _require(
    whole and value >= least,
    f'{key}={value!r} must '
    + (f'be at least {least}' if least else 'not be negative')
    + ('' if whole else ', and an integer'),
  )
  _require(value <= most, f'{key}={value} must be at most {most:,}')


def _flag(key: str, value) -> None:
  _require(isinstance(value, bool), f'{key}={value!r} must be True or False')


def _names(key: str, values) -> None:
  _require(
    isinstance(values, tuple | list)
    and all(isinstance(v, str) for v in values),
    f'{key}={values!r} must be a tuple of names',
  )


def _fields(key: str, value) -> None:
  _require(
    isinstance(value, Mapping | ml_collections.ConfigDict)
    and all(isinstance(k, str) for k in value),
    f'{key}={value!r} must be a dict from names to values',
  )


def _subset(key: str, names: Iterable[str], valid: Iterable[str]) -> None:
  unknown = sorted(set(names) - set(valid))
  _require(
    not unknown,
    f'{key} names {", ".join(unknown)}, unknown here; valid: '
    f'{", ".join(sorted(valid)) or "none"}',
  )


def traced_names(config: ml_collections.ConfigDict) -> tuple[str, ...]:
  """The scalars that a grid or a schedule may move."""
  return (*config.hparams, *optimizer.RATES)


def scalars(config: ml_collections.ConfigDict) -> dict[str, float]:
  """The scalars of a member without a grid; not those that are off."""
  moved = {*grid(config), *config.schedules}
  names = (n for n in _OPTIONAL if config[n] or n in moved)
  values = {n: config[n] for n in ('learning_rate', *names)}
  return {n: float(v) for n, v in {**config.hparams, **values}.items()}


def grid(config: ml_collections.ConfigDict) -> dict[str, tuple[float, ...]]:
  """The swept hyperparameters: the entries of `config.grid` with values."""
  return {k: tuple(v) for k, v in config.grid.items() if len(v)}


def _validate_scalars(config: ml_collections.ConfigDict) -> None:
  for key in ('num_steps', 'log_every', 'checkpoint_every', 'keep_checkpoints'):
    _integer(key, config[key], 1)
  _integer('batch_size', config.batch_size, 1, _MOST_IMAGES)
  _integer('num_latents', config.num_latents, 1, _MOST_LATENTS)
  for key in ('tensorboard', 'profile'):
    _flag(key, config[key])
  _flag('evaluation.floors', config.evaluation.floors)
  for key in ('num_devices', 'members_per_program', 'member_batch'):
    _integer(key, config[key], 0)
  for key in ('num_train', 'num_test', 'num_elbo'):
    _integer(f'evaluation.{key}', config.evaluation[key], 1)
  _integer('evaluation.seed', config.evaluation.seed, 0, 2**32 - 1)
  _choice(
    'evaluation.transform',
    config.evaluation.transform,
    ('none', *metrics.TRANSFORMS),
  )
  resamples = config.evaluation.num_resamples
  _integer('evaluation.num_resamples', resamples, 0)
  _require(
    resamples != 1,
    f'evaluation.num_resamples={resamples} must be 0 (off) or at least 2',
  )
  for key in ('weight_decay', 'discriminator_rate', 'clip_norm'):
    _finite(key, config[key])
    _require(config[key] >= 0, f'{key}={config[key]} must not be negative')
  _finite('ema_decay', config.ema_decay)
  _require(
    0 <= config.ema_decay < 1,
    f'ema_decay={config.ema_decay} must be 0 (off) or more, below 1',
  )
  _finite('learning_rate', config.learning_rate)
  _require(
    config.learning_rate > 0,
    f'learning_rate={config.learning_rate} must be positive',
  )


def _validate_dataset(dataset: ml_collections.ConfigDict) -> None:
  name = dataset.name
  if not (isinstance(name, str) and data.is_known(name)):
    _choice('dataset.name', name, (*data.DATASETS, 'tfds:NAME'))
  _names('dataset.label_keys', dataset.label_keys)
  _names('dataset.holdout_where', dataset.holdout_where)
  _names('dataset.correlated', dataset.correlated)
  _finite('dataset.sigma', dataset.sigma)
  _finite('dataset.holdout', dataset.holdout)
  _require(
    0 <= dataset.holdout < 1,
    f'dataset.holdout={dataset.holdout} must be 0 or more, below 1',
  )
  _integer('dataset.image_size', dataset.image_size, 1)
  _choice('dataset.fit', dataset.fit, data.FITS)
  _require(
    type(dataset.channels) is int and dataset.channels in (0, 1, 3),
    f'dataset.channels={dataset.channels!r} must be 0 (as found), 1 or 3',
  )
  _require(
    isinstance(dataset.path, str),
    f'dataset.path={dataset.path!r} must be a text',
  )
  strides = dataset.factor_stride
  _require(
    isinstance(strides, tuple | list)
    and all(type(n) is int and n > 0 for n in strides),
    f'dataset.factor_stride={strides!r} must be a tuple of positive integers',
  )
  _flag('dataset.strict', dataset.strict)


def _validate_tied(config: ml_collections.ConfigDict) -> None:
  swept = grid(config)
  _subset('tied', config.tied, swept)
  counts = {name: len(swept[name]) for name in config.tied}
  _require(
    len(config.tied) != 1 and len(set(counts.values())) <= 1,
    f'tied={tuple(config.tied)} must name two or more entries of grid of one '
    f'length; they have {counts}',
  )
  rows = list(zip(*(swept[name] for name in config.tied)))
  _require(
    len(set(rows)) == len(rows),
    f'tied={tuple(config.tied)}: the values of grid repeat a setting',
  )


def _validate_points(name: str, schedule: Mapping) -> None:
  """A schedule through points (step, share of the scalar's own value)."""
  key, points = f'schedules.{name}', schedule['points']
  _subset(key, schedule, ('kind', 'points'))
  _choice(f'{key}.kind', schedule.get('kind', 'linear'), SCHEDULES[1:])
  pairs = isinstance(points, tuple | list) and all(
    isinstance(p, tuple | list) and len(p) == 2 for p in points
  )
  _require(
    pairs and len(points) > 1,
    f'{key}.points={points!r} must be two or more pairs (step, share)',
  )
  for step, share in points:
    _integer(f'{key}.points: step', step, 0)
    _finite(f'{key}.points: share', share)
    _require(
      name not in optimizer.RATES or share >= 0,
      f'{key}.points: share={share} must not be negative',
    )
  steps = [step for step, _ in points]
  _require(
    steps == sorted(set(steps)),
    f'{key}.points={points}: steps must ascend',
  )


def _validate_hparams(config: ml_collections.ConfigDict) -> None:
  entry = losses.OBJECTIVES[config.objective]
  _subset('hparams', config.hparams, entry.hparams)
  _subset('options', config.options, entry.options)
  for name, value in config.options.items():
    default = entry.options[name]
    if isinstance(default, int) and not isinstance(default, bool):
      _integer(f'options.{name}', value, 0, _MOST_IMAGES)
    else:
      _require(
        isinstance(value, type(default)),
        f'options.{name}={value!r} must be like its default, {default!r}',
      )
  missing = sorted(set(entry.hparams) - set(config.hparams))
  _require(not missing, f'hparams lacks {", ".join(missing)}')
  for name, value in config.hparams.items():
    _finite(f'hparams.{name}', value)
  traced = traced_names(config)
  _subset('grid', config.grid, traced)
  for name, values in config.grid.items():
    _require(
      isinstance(values, tuple | list),
      f'grid.{name}={values!r} must be a tuple of values',
    )
    for value in values:
      _finite(f'grid.{name}', value)
    _require(
      name in config.tied or len(set(values)) == len(values),
      f'grid.{name}={values} repeats a value',
    )
    rate = name in ('learning_rate', 'discriminator_rate')
    _require(
      not rate or all(v > 0 for v in values),
      f'grid.{name}={values} must be positive',
    )
    _require(
      name != 'weight_decay' or all(v >= 0 for v in values),
      f'grid.{name}={values} must not be negative',
    )
  _validate_tied(config)
  _subset('schedules', config.schedules, traced)
  for name, schedule in config.schedules.items():
    key = f'schedules.{name}'
    _fields(key, schedule)
    if 'points' in schedule:
      _validate_points(name, schedule)
      continue
    _subset(key, schedule, ('kind', 'start', 'steps', 'delay'))
    _choice(f'{key}.kind', schedule.get('kind', 'linear'), SCHEDULES)
    start = schedule.get('start', 0.0)
    _finite(f'{key}.start', start)
    _require(
      name not in optimizer.RATES or start >= 0,
      f'{key}.start={start} must not be negative',
    )
    _integer(f'{key}.steps', schedule.get('steps', 1), 1)
    _integer(f'{key}.delay', schedule.get('delay', 0), 0)


def _validate_rates(config: ml_collections.ConfigDict) -> None:
  """That the optimiser's scalars have a meaning here."""
  _require(
    config.optimizer != 'adamw' or 'weight_decay' in scalars(config),
    "optimizer='adamw' without a weight_decay is 'adam'; give "
    'weight_decay=0.01, say',
  )
  networks = roles.of(losses.OBJECTIVES[config.objective])
  _require(
    'discriminator_rate' not in scalars(config)
    or any(role.optimizer == 'adversary' for role in networks),
    f'discriminator_rate is given, but {config.objective} has no adversary',
  )


def _validate_looks(config: ml_collections.ConfigDict) -> None:
  """What is looked at while a run trains."""
  every = config.evaluate_every
  _integer('evaluate_every', every, 0)
  _require(
    every % config.log_every == 0,
    f'evaluate_every={every} must be a multiple of log_every='
    f'{config.log_every}, with whose lines its scores are written',
  )
  _names('evaluate_metrics', config.evaluate_metrics)
  _subset(
    'evaluate_metrics',
    config.evaluate_metrics,
    [n for n, m in metrics.METRICS.items() if m.needs != 'population'],
  )
  stop = config.stop_when
  if not (isinstance(stop, tuple | list) and not stop):
    _require(
      isinstance(stop, tuple | list)
      and len(stop) == 3
      and isinstance(stop[0], str)
      and stop[1] in ('min', 'max'),
      f"stop_when={stop!r} must be () or like ('nll', 'min', 5): a quantity of "
      'the log, whether its smallest or largest value is best, and how many '
      'lines without a better one are waited for',
    )
    _integer('stop_when: patience', stop[2], 1)


def _validate_keys(config: ml_collections.ConfigDict) -> None:
  """The keys of a run, no more and no less."""
  _require(
    isinstance(config, ml_collections.ConfigDict) and 'objective' in config,
    'the config must be a ConfigDict of a whole run, as '
    f'config.default_config(objective) gives it, got {type(config).__name__}',
  )
  _choice('objective', config.objective, losses.OBJECTIVES)
  default = default_config(config.objective)
  parts = {'': default, 'dataset': default.dataset}
  parts['evaluation'] = default.evaluation
  for name, expected in parts.items():
    found = config[name] if name else config
    where = f'{name}.' if name else ''
    _fields(name or 'the config', found)
    for key in (k for k in expected if k not in found):
      raise ConfigError(f'{where}{key} is missing from the config')
    _subset(name or 'the config', found, expected)
  for name in ('hparams', 'options', 'grid', 'schedules'):
    _fields(name, config[name])


def validate(config: ml_collections.ConfigDict) -> None:
  """Checks every key that does not need the data or the devices.

  Raises:
    ConfigError: one line that names the key, the value and what is valid.
  """
  _validate_keys(config)
  _choice('encoder', config.encoder, models.ENCODERS)
  _choice('decoder', config.decoder, models.DECODERS)
  _choice('discriminator', config.discriminator, models.DISCRIMINATORS)
  _validate_dataset(config.dataset)
  _choice('likelihood', config.likelihood, losses.LIKELIHOODS)
  _choice('optimizer', config.optimizer, optimizer.OPTIMIZERS)
  _choice('precision', config.precision, PRECISIONS)
  _choice('matmul_precision', config.matmul_precision, MATMUL_PRECISIONS)
  _choice('parallel', config.parallel, PARALLEL)
  _names('metrics', config.metrics)
  _names('tied', config.tied)
  _subset('metrics', config.metrics, metrics.METRICS)
  _names('trackers', config.trackers)
  _subset('trackers', config.trackers, TRACKERS)
  _validate_scalars(config)
  _validate_looks(config)
  seeds = config.seeds
  _require(
    isinstance(seeds, tuple | list),
    f'seeds={seeds!r} must be a tuple of integers',
  )
  _require(len(seeds) > 0, 'seeds is empty; give at least one seed')
  _require(
    all(type(s) is int and 0 <= s < 2**32 for s in seeds),
    f'seeds={seeds} must be integers from 0 to 2**32 - 1',
  )
  _require(len(set(seeds)) == len(seeds), f'seeds={seeds} repeats a seed')
  _validate_hparams(config)
  _validate_rates(config)
