"""Every key of a config and its default; the scalars that belong to members.

`meanings` says what each key means.
"""

import itertools

import ml_collections

from bvae_jax import losses
from bvae_jax.config import checks, own
from bvae_jax.training import optimizer

# Scalars that are off at 0, and then belong to no member.
OPTIONAL = ('discriminator_rate', 'weight_decay')


def default_config(objective: str) -> ml_collections.ConfigDict:
  """The 2019 study's protocol for one objective, as a locked ConfigDict.

  Raises:
    ConfigError: there is no such objective.
  """
  checks.require(
    objective in losses.OBJECTIVES,
    f'objective={objective!r} is unknown; valid: '
    f'{", ".join(sorted(losses.OBJECTIVES))}; {own.HINT}',
  )
  entry = losses.OBJECTIVES[objective]
  hparams = {name: float(value) for name, value in entry.hparams.items()}
  return ml_collections.ConfigDict(
    {
      'objective': objective,
      'hparams': hparams,
      'options': {**entry.options, **entry.study.get('options', {})},
      'schedules': dict(entry.study.get('schedules', {})),
      'seeds': (0,),
      'grid': {name: () for name in (*hparams, *optimizer.RATES)},
      'tied': (),
      'num_steps': 300_000,
      'batch_size': 64,
      'optimizer': 'adam',
      'learning_rate': 1e-4,
      'discriminator_rate': 0.0,
      'weight_decay': 0.0,
      'clip_norm': 0.0,
      'ema_decay': 0.0,
      'precision': 'float32',
      'matmul_precision': 'default',
      'num_latents': 10,
      'likelihood': 'bernoulli',
      'dataset': {
        'name': 'dsprites',
        'path': '',
        'data_dir': '',
        'storage': 'auto',
        'holdout': 0.0,
        'holdout_where': (),
        'correlated': (),
        'sigma': 0.2,
        'image_key': '',
        'label_keys': (),
        'image_size': 64,
        'factor_stride': (),
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
      'evaluate_every': 0,
      'evaluate_metrics': ('mig',),
      'stop_when': (),
      'profile': False,
      'tensorboard': False,
      'trackers': (),
      'parallel': 'members',
      'num_devices': 0,
      'members_per_program': 0,
      'member_batch': 0,
      'metrics': ('mig', 'factor_vae_score', 'unsupervised'),
      'evaluation': {
        'num_train': 10_000,
        'num_test': 5_000,
        'num_elbo': 10_000,
        'num_resamples': 0,
        'transform': 'none',
        'floors': False,
        'seed': 0,
      },
    }
  )


def traced_names(config: ml_collections.ConfigDict) -> tuple[str, ...]:
  """The scalars that a grid or a schedule may move."""
  return (*config.hparams, *optimizer.RATES)


def scalars(config: ml_collections.ConfigDict) -> dict[str, float]:
  """The scalars of a member without a grid; not those that are off."""
  moved = {*grid(config), *config.schedules}
  names = (n for n in OPTIONAL if config[n] or n in moved)
  values = {n: config[n] for n in ('learning_rate', *names)}
  return {n: float(v) for n, v in {**config.hparams, **values}.items()}


def grid(config: ml_collections.ConfigDict) -> dict[str, tuple[float, ...]]:
  """The swept hyperparameters: the entries of `config.grid` with values."""
  return {k: tuple(v) for k, v in config.grid.items() if len(v)}


def settings(config: ml_collections.ConfigDict) -> list[dict[str, float]]:
  """The scalars of each setting: all swept values, tied ones as one axis."""
  base, swept = scalars(config), grid(config)
  groups = [(name,) for name in swept if name not in config.tied]
  if config.tied:
    groups.insert(0, tuple(config.tied))
  axes = [
    [dict(zip(names, values)) for values in zip(*(swept[n] for n in names))]
    for names in groups
  ]
  return [
    base | {name: float(v) for part in parts for name, v in part.items()}
    for parts in itertools.product(*axes)
  ]
