"""What commands say: `--help`, `--version`, and errors in one line."""

import argparse
import contextlib
import importlib.metadata
import inspect
import os
import platform
import sys
import textwrap
import traceback
from collections.abc import Iterator
from typing import Any, NoReturn

import ml_collections
from absl import flags

import bvae_jax
from bvae_jax import catalogue

# Of every key of `config.default_config`; a test compares the two.
MEANINGS = {
  'objective': 'the loss: a name in losses.OBJECTIVES; a config file sets it',
  'hparams': "the objective's scalars, such as hparams.beta; each may be swept",
  'options': "the objective's choices that are fixed when it is compiled",
  'schedules': 'a scalar on the move: {name: {kind: constant|linear|cosine|'
  'step, start, steps, delay}}, from start to its value; or {name: {kind, '
  'points}}, through pairs (step, share of its value)',
  'seeds': 'a member for each seed, at every point of the grid',
  'grid': "the sweep: grid.beta='(1.,4.)' is a member for each value",
  'tied': 'names in grid whose values go side by side instead of as a product',
  'num_steps': 'training steps; more of them continue a finished run',
  'batch_size': 'images in a batch',
  'optimizer': 'a name in training.optimizer.OPTIMIZERS, with its defaults',
  'learning_rate': 'of the optimizer; may be swept and scheduled',
  'discriminator_rate': 'the learning rate of adversaries; 0: the same. May be '
  'swept and scheduled',
  'weight_decay': 'decoupled, as of AdamW; may be swept and scheduled',
  'clip_norm': 'the largest norm of a gradient; 0: none',
  'ema_decay': 'of a moving average of the parameters, which is then what is '
  'scored and used; 0: none',
  'precision': 'float32 or bfloat16: what networks compute in while they '
  'train; parameters, losses and scores are float32',
  'matmul_precision': 'of products while training: default (of the backend, '
  'such as TF32), high or highest',
  'num_latents': 'latents of a code',
  'likelihood': 'how images are scored; a name in losses.LIKELIHOODS',
  'dataset.name': 'a name in data.DATASETS, or tfds:NAME',
  'dataset.path': 'the file or folder of a set that is read from one',
  'dataset.data_dir': "of prepared sets; empty: the user's cache",
  'dataset.storage': 'images on the device, streamed from the host, or auto',
  'dataset.holdout': 'the share of the images that is not trained on',
  'dataset.holdout_where': 'combinations not trained on: FACTOR=VALUES, ...',
  'dataset.correlated': 'two factors that go together in training',
  'dataset.sigma': 'how loosely they do, on values from 0 to 1',
  'dataset.image_key': 'the array of images in a file that holds several',
  'dataset.label_keys': 'the arrays of labels beside it',
  'dataset.image_size': 'height and width [pixels]',
  'dataset.factor_stride': 'keep every n-th value of each factor',
  'dataset.channels': 'of own images: 0 as found, 1 grey, 3 RGB',
  'dataset.fit': 'of own images: crop or pad to a square',
  'dataset.strict': 'refuse files that cannot be decoded, else leave them out',
  'encoder': 'a name in models.ENCODERS',
  'decoder': 'a name in models.DECODERS',
  'discriminator': 'a name in models.DISCRIMINATORS (FactorVAE)',
  'log_every': 'steps between two lines of metrics.jsonl',
  'checkpoint_every': 'steps between two checkpoints',
  'keep_checkpoints': 'the newest that are kept',
  'evaluate_every': 'steps between two looks at scores while training, a '
  'multiple of log_every; 0: none',
  'evaluate_metrics': 'the scores of these looks: names in metrics.METRICS',
  'stop_when': "('nll', 'min', 5): a member stops once 5 of its log lines in a "
  'row have brought no new smallest nll (a score needs evaluate_every); (): '
  'none does',
  'profile': "a trace of a few steps, in the workdir's folder profile, for "
  'TensorBoard or Perfetto',
  'tensorboard': 'also write curves for TensorBoard (extra: tensorboard)',
  'trackers': "services that get curves and traversals: 'wandb', 'trackio' "
  '(extras of these names)',
  'parallel': 'devices share the members, or the data of every batch',
  'num_devices': '0: as many as shorten the work',
  'members_per_program': '0: as many as fit the memory',
  'member_batch': 'members under one vmap; 0: 1 on CPU, else to 16',
  'metrics': 'the scores: names in metrics.METRICS',
  'evaluation.num_train': 'points that a metric fits on',
  'evaluation.num_test': 'points that it is judged on',
  'evaluation.num_elbo': 'images of the ELBO and of the statistics of codes',
  'evaluation.num_resamples': 'repeats for standard errors; 0: none',
  'evaluation.transform': 'codes are scored as they are (none), or as white '
  'principal or independent components (pca, ica)',
  'evaluation.floors': 'also score random codes, an untrained encoder, and PCA '
  'and ICA of pixels',
  'evaluation.seed': 'of the points and of what a metric draws',
}
_OURS = ('bvae_jax', 'launch')  # modules; the main one is sys.argv[0]
_WIDTH = 80


INTERRUPTED = 'error: interrupted; run the same command again'


@contextlib.contextmanager
def printed() -> Iterator[None]:
  """Where stdout is written; a reader that has had enough is no error.

  It may close its end (`bvae score ... | head`) at any line.
  """
  try:
    yield
    print(end='', flush=True)
  except BrokenPipeError:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show(text: str) -> NoReturn:
  """Ends the command with a text that was asked for."""
  with printed():
    print(text)
  sys.exit()


@contextlib.contextmanager
def one_line_errors(*more: type[Exception]) -> Iterator[None]:
  """Ends the command in one line on errors that its user can mend.

  Ctrl-C is one of them.

  Args:
    more: kinds of such errors, beside those of values, files and extras.
  """
  try:
    with printed():
      yield
  except KeyboardInterrupt:
    sys.exit(INTERRUPTED)
  except (ValueError, OSError, ImportError, *more) as error:
    sys.exit('error: ' + ' '.join(_told(error).split()))
  except (RuntimeError, AssertionError, MemoryError) as error:
    if isinstance(error, MemoryError) or 'RESOURCE_EXHAUSTED' in str(error):
      why = ' '.join(str(error).split())[:200]
      sys.exit(f'error: not enough memory, ask for less of it: {why}')
    if 'home directory' in str(error):  # pathlib's
      sys.exit(
        'error: no home folder is known (of this user, or of ~NAME): set HOME '
        'or XDG_CACHE_HOME, and give whole paths'
      )
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    if frame.f_globals['__name__'] != 'jax._src.xla_bridge':
      raise
    asked = os.environ.get('JAX_PLATFORMS', '')
    sys.exit(
      f'error: JAX finds no device as JAX_PLATFORMS={asked!r} asks for; unset '
      'it, or install the jaxlib of that device'
    )


_OF_FILES = {
  FileExistsError: 'is a file; choose a folder',
  FileNotFoundError: 'is not there; look at its name',
  IsADirectoryError: 'is a folder; give a file',
  NotADirectoryError: 'is no folder, or lies below a file; give a folder',
  PermissionError: 'is closed to this user; change its rights, or give another',
}


def _told(error: Exception) -> str:
  """An error in words; of the system's own ones, what to do about the file."""
  if isinstance(error, OSError) and error.filename:
    words = _OF_FILES.get(type(error), f'cannot be used: {error.strerror}')
    return f'{error.filename} {words}'
  return str(error)


def listed(words: str) -> list[str]:
  """The words of an argument, which commas keep apart."""
  return [word.strip() for word in words.split(',') if word.strip()]


class Parser(argparse.ArgumentParser):
  """A parser whose errors are one line, as those of the other commands."""

  def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
    """As `argparse` does; a folder without a name is not this one."""
    found = super().parse_args(args, namespace)
    if getattr(found, 'out', None) != '':
      return found
    return self.error('--out is empty: name a folder')

  def print_help(self, file: Any = None) -> None:
    """As `argparse` does, to a reader that may have had enough."""
    with printed():
      super().print_help(file)

  def error(self, message: str) -> NoReturn:
    sys.exit(f'error: {message}; see --help')


def version() -> str:
  """One line: what a bug report needs."""
  names = ('jax', 'flax', 'optax', 'numpy')
  parts = [f'{name} {importlib.metadata.version(name)}' for name in names]
  python = f'Python {platform.python_version()}'
  return f'bvae_jax {bvae_jax.__version__} ({", ".join([*parts, python])})'


def front_page() -> str:
  """What `bvae --help` says."""
  return f"""Populations of disentangled VAEs: train, score, look, use.

usage: bvae COMMAND [FLAGS]      (or python -m bvae_jax COMMAND [FLAGS])
       bvae COMMAND --help       the command's flags
       bvae --version

commands:
{catalogue.commands_text()}

{configs_page()}

Start with: bvae main --config=tcvae:quick"""


def configs_page() -> str:
  """What `--config=list` says."""
  return (
    'configs, for --config=NAME[:PRESET]; a file of yours works as well:\n'
    + catalogue.configs_text()
  )


def _entry(name: str, text: str) -> str:
  """A name, and its meaning below it."""
  indent = ' ' * 6
  told = textwrap.fill(
    text, _WIDTH, initial_indent=indent, subsequent_indent=indent
  )
  return f'  {name}\n{told}'


def flags_text() -> str:
  """The flags of this program that are its own."""
  found = {}
  for module, group in flags.FLAGS.flags_by_module_dict().items():
    if module.startswith(_OURS) or module == sys.argv[0]:
      found.update({flag.name: flag for flag in group})
  lines = []
  for name, flag in sorted(found.items()):
    if '.' in name:  # a config key that the command line overrides
      continue
    told = (
      '' if flag.default in (None, False) else f' (default: {flag.default})'
    )
    lines.append(_entry(f'--{name}', f'{flag.help}{told}'))
  return '\n'.join(lines)


def keys_text(config: ml_collections.ConfigDict) -> str:
  """Each config key, its value here, and what it means."""

  def value(key: str) -> Any:
    found: Any = config
    for part in key.split('.'):
      found = found[part]
    nested = isinstance(found, ml_collections.ConfigDict)
    return found.to_dict() if nested else found

  return '\n'.join(
    _entry(f'--config.{key}={value(key)!r}', meaning)
    for key, meaning in MEANINGS.items()
  )


def page(doc: str | None, config: ml_collections.ConfigDict, title: str) -> str:
  """What `--help` of a command says.

  Args:
    doc: the docstring of its module.
    config: whose values the keys are shown with.
    title: of that config.
  """
  return f"""{inspect.cleandoc(doc or '')}

flags:
{flags_text()}

config keys, with the values of {title}:
{keys_text(config)}

--config=list lists the configs."""
