"""Trains and scores a population, or a study of many.

`python -m bvae_jax.main --config=FILE[:PRESET]`. A config with `units` is a
study: its runs are done one after the other; launch/ does them side by side.
"""

from absl import app

from bvae_jax import cli, study, train


def main(argv: list[str]) -> None:
  del argv
  is_study = 'units' in cli.CONFIG.value
  cli.run(study.run if is_study else train.train_and_evaluate)


if __name__ == '__main__':
  app.run(main, flags_parser=cli.parse)
