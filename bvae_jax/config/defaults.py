"""Every key of a config and its default; the scalars that belong to members."""

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
        # Of `images` (the first two of `tfds:NAME` as well): 0 as found, 1
        # grey, 3 RGB; 'crop' or 'pad' to a square; refuse files that cannot be
        # decoded, which else are left out.
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
      'member_batch': 0,  # members under one vmap; 0: 1 on CPU, else to 16
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
