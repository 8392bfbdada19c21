"""Trains and scores a population, or a study of many.

`python -m bvae_jax.main --config=FILE[:PRESET]`. A config with `units` is a
study: its runs are done one after the other; launch/ does them side by side.
"""

import sys

from absl import app, flags

from bvae_jax import cli
from bvae_jax import run as run_lib
from bvae_jax.studies import execute

_MODE = flags.DEFINE_enum(
  'mode',
  'train',
  ['train', 'evaluate'],
  'evaluate: score a finished run anew, perhaps with other metrics.',
)


def main(argv: list[str]) -> None:
  del argv
  if cli.CONFIG.value is None:
    cli.call(run_lib.evaluate_again, None, cli.WORKDIR.value)
  elif 'units' in cli.CONFIG.value:
    if cli.HOSTS.value:
      sys.exit(
        'error: --hosts is for one run on many hosts; start a study without it '
        'on each host, with one --workdir that all of them see'
      )
    again = _MODE.value == 'evaluate'
    cli.run(execute.evaluate_again if again else execute.run)
  elif _MODE.value == 'evaluate':
    cli.run(run_lib.evaluate_again)
  else:
    cli.run(run_lib.train_and_evaluate)


def parse(argv: list[str]) -> list[str]:
  """Flags; a run that is scored again has its config in its folder."""
  rest = cli.parse(argv, {})
  if _MODE.value != 'evaluate' or not cli.WORKDIR.value:
    cli.require(cli.REQUIRED)
  return rest


if __name__ == '__main__':
  app.run(main, flags_parser=parse)
