"""Trains and scores a population, or a study of many.

`python -m bvae_jax.main --config=FILE[:PRESET]`. A config with `units` is a
study: its runs are done one after the other; launch/ does them side by side.
"""

from absl import app, flags

from bvae_jax import cli
from bvae_jax import run as run_lib
from bvae_jax.studies import execute

_MODE = flags.DEFINE_enum(
  'mode', 'train', ['train', 'evaluate'],
  'evaluate: score a finished run anew, perhaps with other metrics.',
)  # fmt: skip


def main(argv: list[str]) -> None:
  del argv
  if 'units' in cli.CONFIG.value:
    cli.run(execute.run)
  elif _MODE.value == 'evaluate':
    cli.run(run_lib.evaluate_again)
  else:
    cli.run(run_lib.train_and_evaluate)


if __name__ == '__main__':
  app.run(main, flags_parser=cli.parse)
