"""`train_and_evaluate(config, workdir)`: one run, from config to results.

The same call again resumes, or says that the run is finished.
"""

import functools
import logging
import os
from typing import Any

import ml_collections

from bvae_jax import config as config_lib
from bvae_jax import data, parallel, population, report
from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation import results as results_lib
from bvae_jax.evaluation import scores
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import hooks, loop, monitor, step
from bvae_jax.training import program as program_lib

_LOG = logging.getLogger(__name__)

Interrupted = monitor.Interrupted


def train_and_evaluate(
  config: ml_collections.ConfigDict, workdir: str | os.PathLike
) -> dict[str, Any]:
  """Trains a population, scores it, and writes its workdir.

  Args:
    config: as `config.default_config` gives it.
    workdir: the run's folder; made when missing. The same config again resumes
      there, or returns the results of a finished run.

  Returns:
    The results, as results.json holds them.

  Raises:
    ValueError: the config cannot be run.
    OSError: the workdir cannot be used, or holds another run.
    Interrupted: a signal stopped the run; it is checkpointed.
  """
  config_lib.validate(config)
  folder = workdir_lib.Workdir(workdir)
  with folder.lock():
    folder.open(config)
    results = folder.results()
    if results is not None and (folder.path / 'report.html').exists():
      _LOG.info('finished: %s holds the results', folder.results_path)
      return results
    return _finish(folder, *_train(config, folder), results)


def evaluate_again(
  config: ml_collections.ConfigDict, workdir: str | os.PathLike
) -> dict[str, Any]:
  """Scores a finished run anew, perhaps with other metrics.

  Args:
    config: that of the run; `metrics` and `evaluation` may differ.
    workdir: the run's folder; its results and report are replaced.

  Returns:
    The results, as results.json holds them.

  Raises:
    ValueError: the config cannot be run.
    OSError: the workdir holds another run, or one that is not finished.
  """
  config_lib.validate(config)
  folder = workdir_lib.Workdir(workdir)
  if folder.results() is None:
    raise workdir_lib.WorkdirError(
      f'{folder.path} holds no finished run; run the same command without '
      '--mode=evaluate first'
    )
  with folder.lock():
    free = workdir_lib.FREE_KEYS + workdir_lib.SCORE_KEYS
    folder.check(config, free)
    experiment, states = program_lib.restore(config, folder)
    folder.open(config, free)
    return _finish(folder, experiment, states, None)


def _train(
  config: ml_collections.ConfigDict, folder: workdir_lib.Workdir
) -> tuple[experiment_lib.Experiment, step.TrainState]:
  """The experiment, and the states of all members, host leaves [M, ...]."""
  dataset = data.load(config.dataset)
  _LOG.info('data: %s', dataset.description)
  programs = program_lib.plan(config, folder, dataset)
  experiment = programs[0].experiment
  pictures = hooks.Pictures(
    folder,
    functools.partial(report.traversal_png, experiment),
    config.num_steps,
  )
  states = []
  while programs:  # each is dropped once trained: the device is free again
    program = programs.pop(0)
    _LOG.info(
      '%s: %d member(s) on %d %s device(s), parallel over %s',
      config.objective, len(program.members), len(program.layout.devices),
      program.layout.devices[0].platform, config.parallel,
    )  # fmt: skip
    extra = [pictures] if program.group == 0 else []
    states.append(loop.train(program, folder, extra))
  return experiment, population.concatenate(states)


def _finish(
  folder: workdir_lib.Workdir,
  experiment: experiment_lib.Experiment,
  states: step.TrainState,
  results: dict | None,
) -> dict:
  """Scores a trained population unless it has results; draws its report."""
  members = population.members(experiment.config)
  if results is None:
    found = scores.evaluate(experiment, states, members)
    results = workdir_lib.plain(found)
    folder.write_results(results)
  if not parallel.is_first_host():
    return results
  results_lib.write(folder.path / 'results.csv', {folder.path.name: results})
  _LOG.info('%s:\n%s', folder.results_path, scores.table(results))
  report.write(
    folder.path, experiment, states, members, results, folder.read_log()
  )
  _LOG.info('%s: open it in a browser', folder.path / 'report.html')
  return results
