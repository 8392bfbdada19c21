"""`train_and_evaluate(config, workdir)`: one run, from config to results.

The same call again resumes, or says that the run is finished.
"""

import functools
import logging
import os

import ml_collections

from bvae_jax import config as config_lib
from bvae_jax import explore, parallel, population, report
from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation import evaluate, periodic, provenance, stored, tables
from bvae_jax.evaluation import results as results_lib
from bvae_jax.training import chunk, hooks, loop, monitor, step, stopping
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import programs as programs_lib

_LOG = logging.getLogger(__name__)

Interrupted = monitor.Interrupted
# What may differ between the commands of one run: how it is computed and shown,
# and which scores are asked for. config.json keeps the scores of the first.
_FREE = config_lib.FREE_KEYS + config_lib.SCORE_KEYS
_PAGES = ('results.csv', 'report.html', 'traversals.gif', explore.FILE)


@parallel.leaves_nothing
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
  parallel.agree('the config', config_lib.on_any_host(config))
  folder = workdir_lib.Workdir(workdir)
  # What could not start has claimed no folder, nor grown the run in one.
  moved = folder.moved(config)
  starts = not folder.started or folder.grown(config) or moved
  starts = parallel.any_host(bool(starts))  # all look before one writes
  experiment = _prepare(config, trains=True) if starts else None
  if experiment:
    provenance.check_images(folder, experiment.dataset)
  with folder.lock():
    folder.open(config, (*_FREE, *moved))
    results = stored.results(folder, config)
    lies = results is None, programs_lib.reached(folder)
    parallel.agree('what lies in the workdir', str(lies))
    if results is None:
      experiment = experiment or _prepare(config, trains=True)
      return _score(folder, experiment, _train(experiment, folder), None)
    settings = config_lib.plain(config.evaluation.to_dict())
    missing = results.missing(config.metrics, settings)
    if not missing and not folder.lacks(_PAGES):
      _LOG.info('finished: %s holds the results', folder.results_path)
      return results
    experiment = experiment or _prepare(config)
    states = _restored(experiment, folder)
    ends = _score if missing else _draw
    return ends(folder, experiment, states, results)


def is_finished(
  config: ml_collections.ConfigDict, workdir: str | os.PathLike
) -> bool:
  """Whether a run's results and pages are there, as it wrote them.

  Args:
    config: of the run; its scores may be others.
    workdir: the run's folder; nothing is written.

  Raises:
    WorkdirError: the folder holds a run of another config.
  """
  folder = workdir_lib.Workdir(workdir)
  folder.check(config, (*_FREE, *folder.moved(config)))
  return stored.results(folder, config) is not None and not folder.lacks(_PAGES)


@parallel.leaves_nothing
def train_part(
  config: ml_collections.ConfigDict, workdir: str | os.PathLike, part: int
) -> None:
  """Trains one program of a population in a folder of its own, unscored.

  Args:
    config: of the whole population; `members_per_program` says what a part is.
    workdir: the part's folder; made when missing.
    part: which of the programs, from 0.

  Raises:
    ValueError, OSError, Interrupted: as `train_and_evaluate` does.
  """
  config_lib.validate(config)
  folder = workdir_lib.Workdir(workdir)
  experiment = _prepare(config, trains=True)
  with folder.lock():
    folder.open(config, _FREE)
    _train(experiment, folder, part)


@parallel.leaves_nothing
def evaluate_again(
  config: ml_collections.ConfigDict | None, workdir: str | os.PathLike
) -> results_lib.Results:
  """Scores a finished run anew, perhaps with other metrics.

  Args:
    config: that of the run; `metrics` and `evaluation` may differ. Scores that
      are there and not asked for stay, if the settings are the same. None: the
      config that lies in the folder.
    workdir: the run's folder; its results and report are replaced.

  Returns:
    The results, as results.json holds them.

  Raises:
    ValueError: the config cannot be run.
    OSError: the workdir holds another run, or one that is not finished.
  """
  folder = workdir_lib.Workdir(workdir)
  if not folder.started:
    first = 'run the same command without --mode=evaluate first'
    first = 'it is a study: give its --config' if folder.holds_study else first
    raise workdir_lib.WorkdirError(f'{folder.path} holds no run; {first}')
  with folder.lock():  # from before its config is read: it may grow
    config = folder.config() if config is None else config
    config_lib.validate(config)
    folder.check(config, (*_FREE, *folder.moved(config)))
    programs_lib.require_checkpoint(folder)
    experiment = _prepare(config)
    states = _restored(experiment, folder)
    return _score(folder, experiment, states, stored.results(folder, config))


def _prepare(
  config: ml_collections.ConfigDict, trains: bool = False
) -> experiment_lib.Experiment:
  """Before training: data, networks and scores fit; a step can be traced."""
  if trains:
    programs_lib.check(config)
  dataset = experiment_lib.dataset(config.dataset)
  evaluate.check(config, dataset)
  experiment = experiment_lib.build(config, dataset)
  if config.evaluate_every:
    evaluate.check(periodic.settings(experiment).config, dataset)
  if trains:
    stopping.check(config, chunk.term_shapes(experiment))
  return experiment


def _restored(
  experiment: experiment_lib.Experiment, folder: workdir_lib.Workdir
) -> step.TrainState:
  """The trained population of a folder; nothing is trained."""
  provenance.same_images(folder, experiment.dataset)
  states = programs_lib.restore(experiment, folder)
  at, end = int(states.step.max()), experiment.config.num_steps
  whole = (folder.path / provenance.NOTE).exists()
  stopped = experiment.config.stop_when and whole
  if at < end and states.alive.any() and not stopped:
    raise workdir_lib.WorkdirError(
      f'{folder.path} is trained to step {at} of {end}; run the same command '
      'without --mode=evaluate first'
    )
  return states


def _train(
  experiment: experiment_lib.Experiment,
  folder: workdir_lib.Workdir,
  part: int | None = None,
) -> step.TrainState:
  """The trained states of all members (or of a part), host leaves [M, ...]."""
  config = experiment.config
  provenance.same_images(folder, experiment.dataset)
  _LOG.info('data: %s', experiment.dataset.description)
  programs = programs_lib.plan(experiment, folder)
  programs = programs if part is None else programs[part : part + 1]
  draw = functools.partial(report.traversal_png, experiment)
  pictures = hooks.Pictures(folder, draw, config.num_steps)
  score = periodic.scorer(experiment) if config.evaluate_every else None
  states, trained = [], []
  while programs:  # each is dropped once trained: the device is free again
    program = programs.pop(0)
    devices = program.layout.devices
    _LOG.info(
      '%s: %d member(s) on %s, parallel over %s',
      config.objective,
      len(program.members),
      f'{len(devices)} {devices[0].platform} device(s)',
      config.parallel,
    )
    extra = [pictures] if program.group == 0 else []
    states.append(loop.train(program, folder, extra, score))
    trained += program.members
  provenance.note(folder)
  return programs_lib.assembled(config, trained, states)


def _score(
  folder: workdir_lib.Workdir,
  experiment: experiment_lib.Experiment,
  states: step.TrainState,
  old: results_lib.Results | None,
) -> results_lib.Results:
  """Scores a trained population beside its old scores; writes all pages."""
  members = population.members(experiment.config)
  made = provenance.read(folder, old)
  results = evaluate.evaluate(experiment, states, members, made)
  results = results if old is None else old.merged(results)
  # No page of old scores beside new ones.
  for name in (workdir_lib.MANIFEST, *_PAGES):
    folder.discard(name)
  folder.replace('results.json', results.text())
  return _draw(folder, experiment, states, results)


def _draw(
  folder: workdir_lib.Workdir,
  experiment: experiment_lib.Experiment,
  states: step.TrainState,
  results: results_lib.Results,
) -> results_lib.Results:
  """Writes the table and the page of a scored population."""
  if not parallel.is_first_host():
    return results
  _LOG.info('%s:\n%s', folder.results_path, tables.table(results))
  folder.replace('results.csv', tables.csv_text({folder.path.name: results}))
  report.write(folder.path, experiment, states, results, folder.read_log())
  explore.write(folder.path, experiment, states, results)
  folder.seal()
  _LOG.info('%s: open it in a browser', folder.path / 'report.html')
  return results
