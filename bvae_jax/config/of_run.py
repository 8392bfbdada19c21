"""The config of a run, from the config.json in its folder.

    python -m bvae_jax.main --config=RUN/config.json

goes on in RUN; with --workdir=OTHER and a changed key it begins another run.
"""

import pathlib

import ml_collections

from bvae_jax import workdir


def get_config(path: str) -> ml_collections.ConfigDict:
  """The config that the run in the folder of this file was begun with.

  Raises:
    WorkdirError: it is damaged, or no config of a run.
  """
  return workdir.Workdir(pathlib.Path(path).parent).config()
