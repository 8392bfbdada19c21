"""What a run leaves to look at: report.html and traversals.gif."""

import dataclasses
import os
import pathlib
import sys

if sys.flags.optimize > 1:  # told before a run is trained that draws none
  raise ImportError(
    'pages are drawn by Altair, which reads its docstrings: unset '
    'PYTHONOPTIMIZE=2, leave -OO out'
  )

from bvae_jax import config as config_lib
from bvae_jax import workdir
from bvae_jax.evaluation.results import Results
from bvae_jax.report.images import grid as image_grid
from bvae_jax.report.traversals import traversal_png, traverse
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import step

__all__ = ['image_grid', 'traversal_png', 'traverse', 'write']


def write(
  run_path: str | os.PathLike,
  experiment: experiment_lib.Experiment,
  states: step.TrainState,
  results: Results,
  log: list[dict],
) -> None:
  """Writes report.html, one self-contained file, and traversals.gif.

  Args:
    run_path: the run's folder.
    experiment: the run.
    states: the members' states, leading axis M.
    results: as results.json holds them.
    log: the lines of metrics.jsonl.

  Raises:
    WorkdirError: a file cannot be written.
  """
  from bvae_jax.report import pictures, run  # the libraries of the page
  from bvae_jax.report import view as view_lib

  folder = pathlib.Path(run_path)
  config = config_lib.plain(experiment.config.to_dict())
  view = view_lib.make(config, results.members, results, log)
  carried = view.entries[view.best].carried
  drawn = pictures.draw(experiment, states.params, view.shown, carried)
  workdir.replace_file(folder / 'traversals.gif', drawn.gif)
  content = run.document(dataclasses.replace(view, pictures=drawn))
  workdir.replace_file(folder / 'report.html', content)
