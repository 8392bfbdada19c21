"""`train_and_evaluate(config, workdir)`: one run, from config to results.

The device runs compiled chunks of many steps; the host, between chunks, logs,
checkpoints and watches for members that collapse or meet a NaN. The same call
again resumes, or says that the run is finished.
"""

import logging
import os
import time
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from bvae_jax import checkpoint as checkpoint_lib
from bvae_jax import config as config_lib
from bvae_jax import (
  data,
  evaluate,
  monitor,
  parallel,
  population,
  report,
  step,
  tidy,
)
from bvae_jax import problem as problem_lib
from bvae_jax import progress as progress_lib
from bvae_jax import workdir as workdir_lib

_LOG = logging.getLogger(__name__)

Interrupted = monitor.Interrupted


def next_stop(at: int, config: ml_collections.ConfigDict) -> int:
  """The step at which the next chunk ends: a log line, a checkpoint, the end.

  It does not depend on where a run was resumed, nor does any result.
  """
  after = lambda every: (at // every + 1) * every
  return min(
    after(config.log_every), after(config.checkpoint_every), config.num_steps
  )


class Run:
  """A population in training: its compiled chunk, states and files."""

  def __init__(self, config: ml_collections.ConfigDict,
               workdir: workdir_lib.Workdir):  # fmt: skip
    self.config, self.workdir = config, workdir
    self.members = population.members(config)
    self.layout = parallel.layout(
      config.parallel,
      len(self.members),
      config.batch_size,
      num_devices=config.num_devices,
      member_batch=config.member_batch,
    )
    dataset = data.load(config.dataset)
    self.problem = problem_lib.build(config, dataset, self.layout.batch)
    _LOG.info('data: %s', dataset.description)
    _LOG.info(
      '%s: %d member(s) on %d %s device(s), parallel over %s',
      config.objective, len(self.members), len(self.layout.devices),
      self.layout.devices[0].platform, config.parallel,
    )  # fmt: skip

  def start(self, checkpoints: checkpoint_lib.Checkpoints) -> int:
    """Restores the newest checkpoint, or initialises; returns the step."""
    self.keys = population.keys(self.members)
    init = jax.jit(jax.vmap(lambda key: step.init(self.problem, key)))
    found = checkpoints.restore(jax.eval_shape(init, self.keys))
    at, states = (0, init(self.keys)) if found is None else found
    if found is not None:
      _LOG.info('resuming from step %d', at)
    self.workdir.rewind_log(at)
    self.states = self.layout.spread(jax.tree.map(jnp.asarray, states))
    return at

  def compile(self) -> float:
    """Compiles the chunk; returns the seconds that it took."""
    begin = time.monotonic()
    chunk = self.layout.run(step.make_chunk(self.problem))
    arguments = self._arguments(0)
    self._chunk = chunk.lower(*arguments).compile()
    return time.monotonic() - begin

  def _arguments(self, steps: int) -> tuple:
    spread = self.layout.spread
    return (
      self.problem.dataset.arrays,
      self.states,
      spread(self.keys),
      spread(population.hparams(self.members)),
      self.layout.steps(steps),
    )

  def advance(self, steps: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Runs a chunk; returns alive [M] and the mean terms, leaves [M, ...]."""
    self.states, terms = self._chunk(*self._arguments(steps))
    collect = lambda tree: jax.tree.map(np.asarray, self.layout.collect(tree))
    return collect(self.states.alive), collect(terms)

  def snapshot(self) -> step.TrainState:
    """The states as host arrays, leaves [M, ...]."""
    return jax.tree.map(np.asarray, self.layout.collect(self.states))


def train(run: Run) -> step.TrainState:
  """Trains a population from its newest checkpoint to its last step.

  Returns:
    The states, host arrays with leading axis M.

  Raises:
    Interrupted: SIGTERM or SIGINT; the run is checkpointed.
    OSError: a log or a checkpoint could not be written.
  """
  config, members = run.config, run.members
  checkpoints = checkpoint_lib.Checkpoints(
    run.workdir.path / 'checkpoints', config.keep_checkpoints
  )
  at = run.start(checkpoints)
  if at < config.num_steps:
    _LOG.info('compiled in %.1f s', run.compile())
  watch = monitor.Watch([population.label(m, members) for m in members])
  progress = progress_lib.Progress(config.num_steps, at, len(members))
  try:
    with monitor.Signals() as signals:
      while at < config.num_steps:
        stop = next_stop(at, config)
        alive, terms = run.advance(stop - at)
        at = stop
        run.workdir.log(monitor.log_line(at, alive, terms, members))
        watch(at, alive, terms['kl_per_latent'])
        nll, kl = np.nanmean(terms['nll']), np.nanmean(terms['kl'])
        progress.update(at, f'nll {nll:.1f} kl {kl:.2f}')
        done = at == config.num_steps
        if at % config.checkpoint_every == 0 or done or signals.received:
          checkpoints.save(at, run.snapshot())
        if signals.received and not done:
          raise Interrupted(
            f'{signals.received} at step {at}: checkpointed; run the same '
            'command again to resume'
          )
  finally:
    progress.close()
    checkpoints.close()
  return run.snapshot()


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
  folder.open(config)
  results = folder.results()
  if results is not None and (folder.path / 'report.html').exists():
    _LOG.info('finished: %s holds the results', folder.results_path)
    return results
  run = Run(config, folder)
  return _finish(run, train(run), results)


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
  folder.open(config, workdir_lib.FREE_KEYS + workdir_lib.SCORE_KEYS)
  run = Run(config, folder)
  return _finish(run, train(run), None)


def _finish(run: Run, states: step.TrainState, results: dict | None) -> dict:
  """Scores a trained population unless it has results; draws its report."""
  folder = run.workdir
  if results is None:
    folder.write_results(evaluate.evaluate(run.problem, states, run.members))
    results = folder.results()
  tidy.write(folder.path / 'results.csv', {folder.path.name: results})
  _LOG.info('%s:\n%s', folder.results_path, evaluate.table(results))
  report.write(
    folder.path, run.problem, states, run.members, results, folder.read_log()
  )
  _LOG.info('%s: open it in a browser', folder.path / 'report.html')
  return results
