"""`train_and_evaluate(config, workdir)`: one run, from config to results.

The same call again resumes, or says that the run is finished.
"""

import dataclasses
import json
import logging
import os

import ml_collections

from bvae_jax import config as config_lib
from bvae_jax import data, parallel, population, report
from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation import results as results_lib
from bvae_jax.evaluation import scores, tables
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import monitor, step
from bvae_jax.training import program as program_lib

_LOG = logging.getLogger(__name__)

Interrupted = monitor.Interrupted
# What may differ between the commands of one run: how it is computed and shown,
# and which scores are asked for. config.json keeps those of the first.
_FREE = workdir_lib.FREE_KEYS + workdir_lib.SCORE_KEYS
_PAGES = ('results.csv', 'report.html')


def train_and_evaluate(
  config: ml_collections.ConfigDict, workdir: str | os.PathLike
) -> results_lib.Results:
  """Trains a population, scores it, and writes its workdir.

  Args:
    config: as `config.default_config` gives it.
    workdir: the run's folder; made when missing. The same config again resumes
      there, or returns the results of a finished run; other metrics are scored
      beside those that are there.

  Returns:
    The results, as results.json holds them.

  Raises:
    ValueError: the config cannot be run.
    OSError: the workdir cannot be used, or holds another run.
    Interrupted: a signal stopped the run; it is checkpointed.
  """
  config_lib.validate(config)
  folder = workdir_lib.Workdir(workdir)
  if folder.started:  # before anything is loaded: it may hold another run
    folder.open(config, _FREE)
  results = _results(folder)
  if results is not None and not _missing(results, config):
    if all((folder.path / name).exists() for name in _PAGES):
      _LOG.info('finished: %s holds the results', folder.results_path)
      return results
    return _finish(folder, config, *_restored(config, folder), results)
  dataset = data.load(config.dataset)
  scores.check(config, dataset)
  experiment = experiment_lib.build(config, dataset)
  folder.open(config, _FREE)  # what could not start has claimed no folder
  if results is not None:
    experiment, states = _restored(config, folder)
  else:
    states = _train(config, folder, experiment)
  return _score(folder, config, experiment, states, results)


def evaluate_again(
  config: ml_collections.ConfigDict, workdir: str | os.PathLike
) -> results_lib.Results:
  """Scores a finished run anew, perhaps with other metrics.

  Args:
    config: that of the run; `metrics` and `evaluation` may differ. Scores that
      are there and not asked for stay, if the settings are the same.
    workdir: the run's folder; its results and report are replaced.

  Returns:
    The results, as results.json holds them.

  Raises:
    ValueError: the config cannot be run.
    OSError: the workdir holds another run, or one that is not finished.
  """
  config_lib.validate(config)
  folder = workdir_lib.Workdir(workdir)
  if not folder.started:
    raise workdir_lib.WorkdirError(
      f'{folder.path} holds no run; run the same command without '
      '--mode=evaluate first'
    )
  folder.open(config, _FREE)
  experiment, states = _restored(config, folder)
  scores.check(config, experiment.dataset)
  return _score(folder, config, experiment, states, _results(folder))


def _results(folder: workdir_lib.Workdir) -> results_lib.Results | None:
  """The results of a scored run, None while it is not."""
  if not folder.results_path.exists():
    return None
  return results_lib.Results.read(folder.results_path)


def _missing(
  results: results_lib.Results, config: ml_collections.ConfigDict
) -> tuple[str, ...]:
  settings = workdir_lib.plain(config.evaluation.to_dict())
  return results.missing(config.metrics, settings)


def _restored(
  config: ml_collections.ConfigDict, folder: workdir_lib.Workdir
) -> tuple[experiment_lib.Experiment, step.TrainState]:
  """The trained population of a folder; nothing is trained."""
  experiment, states = program_lib.restore(config, folder)
  at = int(states.step.max())
  if at < config.num_steps:
    raise workdir_lib.WorkdirError(
      f'{folder.path} is trained to step {at} of {config.num_steps}; run the '
      'same command without --mode=evaluate first'
    )
  return experiment, states


def _train(
  config: ml_collections.ConfigDict,
  folder: workdir_lib.Workdir,
  experiment: experiment_lib.Experiment,
) -> step.TrainState:
  """The trained states of all members, host leaves [M, ...]."""
  _LOG.info('data: %s', experiment.dataset.description)
  groups = program_lib.plan(config, folder, experiment.dataset)

  def draw(at: int, states: step.TrainState) -> None:
    """The latents of the population's first member while it trains."""
    params = population.select(states.params, 0)
    picture = report.traversal_png(experiment, params)
    folder.replace(f'traversals/step_{at:07d}.png', picture)

  states = []
  for group, run in enumerate(groups):
    _LOG.info(
      '%s: %d member(s) on %d %s device(s), parallel over %s',
      config.objective, len(run.members), len(run.layout.devices),
      run.layout.devices[0].platform, config.parallel,
    )  # fmt: skip
    states.append(program_lib.train(run, *([draw] if group == 0 else [])))
    run.release()
  _note_training(folder)
  return population.concatenate(states)


def _provenance(folder: workdir_lib.Workdir) -> results_lib.Provenance:
  """With what the population was trained: training.json, or this process."""
  path = folder.path / 'training.json'
  if not path.exists():
    return results_lib.Provenance.here()
  found = workdir_lib.read_json(path)
  names = [f.name for f in dataclasses.fields(results_lib.Provenance)]
  return results_lib.Provenance(**{name: found[name] for name in names})


def _note_training(folder: workdir_lib.Workdir) -> None:
  """Writes training.json: with what was trained, and for how long.

  The wall time is not in results.json, which the same command makes again to
  the last bit.
  """
  times = [line['time'] for line in folder.read_log()]
  seconds = round(times[-1] - times[0], 1) if times else None
  found = dataclasses.asdict(results_lib.Provenance.here())
  text = json.dumps({**found, 'seconds_from_first_to_last_line': seconds})
  folder.replace('training.json', text + '\n')


def _score(
  folder: workdir_lib.Workdir,
  config: ml_collections.ConfigDict,
  experiment: experiment_lib.Experiment,
  states: step.TrainState,
  old: results_lib.Results | None,
) -> results_lib.Results:
  """Scores a trained population beside its old scores; writes all pages."""
  results = scores.evaluate(
    experiment, states, population.members(config), _provenance(folder)
  )
  if old is not None:
    results = old.merged(results)
  for name in _PAGES:  # no page of old scores beside new ones
    folder.discard(name)
  folder.replace('results.json', results.text())
  return _finish(folder, config, experiment, states, results)


def _finish(
  folder: workdir_lib.Workdir,
  config: ml_collections.ConfigDict,
  experiment: experiment_lib.Experiment,
  states: step.TrainState,
  results: results_lib.Results,
) -> results_lib.Results:
  """Writes the table and the page of a scored population."""
  if not parallel.is_first_host():
    return results
  _LOG.info('%s:\n%s', folder.results_path, tables.table(results))
  folder.replace('results.csv', tables.csv_text({folder.path.name: results}))
  members = population.members(config)
  report.write(
    folder.path, experiment, states, members, results, folder.read_log()
  )
  _LOG.info('%s: open it in a browser', folder.path / 'report.html')
  return results
