"""A run's folder: its config, its log of metrics, its results.

    config.json  metrics.jsonl  checkpoints/  traversals/  results.json
    results.csv  report.html  explorer.html  traversals.gif  manifest.json

Files that are rewritten are replaced in one step, so that a kill or a full disk
never leaves half a file where a whole one was.
"""

import contextlib
import fcntl
import hashlib
import itertools
import json
import logging
import math
import os
import pathlib
import re
import socket
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import ml_collections
import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import losses, metrics_log, parallel, population

_LOG = logging.getLogger(__name__)


class WorkdirError(OSError):
  """A folder that cannot hold the run; the message says what to do."""


def plain(value: Any) -> Any:
  """Arrays, tuples and NaN as JSON has them: lists, and null."""
  if isinstance(value, dict):
    return {str(k): plain(v) for k, v in value.items()}
  if isinstance(value, list | tuple):
    return [plain(v) for v in value]
  if isinstance(value, np.ndarray | np.generic | jax.Array):
    return plain(np.asarray(value).tolist())
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value


def as_config(found: dict) -> ml_collections.ConfigDict:
  """A config of its JSON, in which tuples are lists."""

  def tuples(value: Any) -> Any:
    if isinstance(value, dict):
      return {k: tuples(v) for k, v in value.items()}
    return tuple(map(tuples, value)) if isinstance(value, list) else value

  return ml_collections.ConfigDict(tuples(found))


_WRITES = itertools.count()


def replace_file(path: pathlib.Path, content: str | bytes) -> None:
  """Writes a file beside `path`, then renames it over `path`."""
  # A name of its own, so that two writers never mix one file.
  part = path.with_name(f'{path.name}.{os.getpid()}-{next(_WRITES)}.part')
  raw = content.encode() if isinstance(content, str) else content
  try:
    path.parent.mkdir(exist_ok=True)
    part.write_bytes(raw)
    os.replace(part, path)
  except OSError as error:
    part.unlink(missing_ok=True)
    raise WorkdirError(
      f'cannot write {path} ({error.strerror}); free the disk or choose '
      'another --workdir, then run the same command again to resume'
    ) from error


def flat(tree: dict, prefix: str = '') -> dict[str, Any]:
  """A nested config by the names of its keys: `evaluation.seed`."""
  found = {}
  for key, value in tree.items():
    name = f'{prefix}{key}'
    if isinstance(value, dict):
      found.update(flat(value, f'{name}.'))
    else:
      found[name] = value
  return found


# Keys that change how a run is computed or shown, never what it computes; and
# those that change its scores alone.
FREE_KEYS = (
  'num_devices',
  'keep_checkpoints',
  'profile',
  'tensorboard',
  'trackers',
  'dataset.storage',
  'dataset.data_dir',
)
SCORE_KEYS = ('metrics', 'evaluation')
MANIFEST = 'manifest.json'


def differing_keys(
  old: dict, new: dict, free: tuple[str, ...] = FREE_KEYS
) -> list[str]:
  """`key: old -> new` for each key that makes two configs different runs."""
  a, b = flat(old), flat(new)
  return [
    f'{k}: {a.get(k)!r} -> {b.get(k)!r}'
    for k in sorted({*a, *b})
    if a.get(k) != b.get(k) and not {k, k.split('.')[0]} & {*free}
  ]


def complete(old: dict) -> dict:
  """A config of before with the defaults of the keys that it did not have.

  Hyperparameters and options are no such keys: they belong to the objective.
  """
  if old.get('objective') not in losses.OBJECTIVES:
    return old
  default = plain(config_lib.default_config(old['objective']).to_dict())
  filled = {**default, **old}
  for key in ('dataset', 'evaluation', 'grid'):
    if isinstance(old.get(key), dict):
      filled[key] = {**default[key], **old[key]}
  return filled


def grown_keys(old: dict, new: dict) -> tuple[str, ...]:
  """What a config asks for more of than the run has: steps, seeds."""
  grown = []
  before, after = old.get('num_steps'), new.get('num_steps')
  if type(before) is int and type(after) is int and before < after:
    grown.append('num_steps')
  before, after = old.get('seeds'), new.get('seeds')
  if (
    isinstance(before, list)
    and isinstance(after, list)
    and len(before) < len(after)
    and all(seed in after for seed in before)
  ):
    grown.append('seeds')
  return tuple(grown)


class Workdir:
  """The files of one run.

  Raises:
    WorkdirError: the path is a file, is not writable, or holds another run.
  """

  def __init__(self, path: str | os.PathLike):
    text = os.fspath(path)
    if re.match(r'[A-Za-z][\w+.-]*://', text):
      raise WorkdirError(
        f'workdir {text} is no folder of this machine; choose a local path, or '
        'mount the bucket and give the folder where it is mounted'
      )
    if text != text.encode(errors='replace').decode():
      raise WorkdirError(f'workdir {text!r} is no UTF-8; choose another name')
    self.path = pathlib.Path(text).expanduser()
    self.results_path = self.path / 'results.json'
    self.log_path = self.path / 'metrics.jsonl'

  def _make(self) -> None:
    try:
      self.path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
      raise WorkdirError(
        f'workdir {self.path} is a file, or lies below one; choose a folder'
      ) from error
    except OSError as error:
      raise WorkdirError(
        f'workdir {self.path} cannot be made: {error.strerror}'
      ) from error
    if not os.access(self.path, os.W_OK | os.X_OK):
      raise WorkdirError(f'workdir {self.path} is not writable')

  @contextlib.contextmanager
  def lock(self) -> Iterator[None]:
    """Holds the folder for one command; the kernel frees it after a kill.

    Raises:
      WorkdirError: another command holds it.
    """
    self._make()
    if not parallel.is_first_host():
      yield
      return
    path = self.path / '.lock'
    with path.open('a+') as file:
      try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
      except BlockingIOError as error:
        file.seek(0)
        raise WorkdirError(
          f'workdir {self.path} is in use by {file.read() or "a command"}; '
          'wait for it to end, or choose another --workdir'
        ) from error
      if not os.fstat(file.fileno()).st_nlink:  # its holder removed it
        raise WorkdirError(
          f'workdir {self.path} was in use until now; run the command again'
        )
      file.truncate(0)
      file.write(f'process {os.getpid()} on {socket.gethostname()}')
      file.flush()
      try:
        yield
      finally:
        path.unlink(missing_ok=True)

  def check(
    self,
    config: ml_collections.ConfigDict,
    free: tuple[str, ...] = FREE_KEYS,
  ) -> dict | None:
    """The config of the run in the folder, if any; writes nothing.

    Args:
      config: of the run to come.
      free: keys that may differ from those of the run in the folder.

    Raises:
      WorkdirError: the folder holds another run.
    """
    if not (self.path / 'config.json').exists():
      return None
    old = complete(read_json(self.path / 'config.json'))
    changed = differing_keys(old, complete(plain(config.to_dict())), free)
    if changed:
      raise WorkdirError(
        f'workdir {self.path} holds a run with another config '
        f'({"; ".join(changed)}); choose another --workdir, or give its config'
      )
    return old

  def open(
    self,
    config: ml_collections.ConfigDict,
    free: tuple[str, ...] = FREE_KEYS,
  ) -> None:
    """Makes the folder, or checks that it holds this very run.

    More steps or seeds than the run in the folder has continue it.

    Args:
      config: of the run.
      free: top-level keys that may differ from those of the run in the folder.
    """
    self._make()
    new = plain(config.to_dict())
    path = self.path / 'config.json'
    old = complete(read_json(path)) if path.exists() else {}
    grown = grown_keys(old, new)
    if grown:
      self.check(config, (*free, *grown))
      self._extend(old, grown)
    elif old:
      self.check(config, free)
    # The scores that a later command asks for are in results.json alone.
    new |= {key: old[key] for key in SCORE_KEYS if key in old}
    if old != new:
      self.replace('config.json', json.dumps(new, indent=2) + '\n')
      if (self.path / MANIFEST).exists():
        self.seal(['config.json'])

  def _extend(self, old: dict, grown: tuple[str, ...]) -> None:
    """Keeps a smaller run's results beside those of the run to come."""
    count, what = (
      (old['num_steps'], 'steps')
      if 'num_steps' in grown
      else (len(old['seeds']), 'seeds')
    )
    _LOG.info('a run of %d %s lies here; it is continued', count, what)
    self.keep_cohorts(self.cohorts(as_config(old)))
    self.discard(MANIFEST)
    self.discard('training.json')
    if self.results_path.exists() and parallel.is_first_host():
      os.replace(self.results_path, self.path / f'results_{count}_{what}.json')

  def cohorts(
    self, config: ml_collections.ConfigDict
  ) -> list[population.Cohort]:
    """Which seeds of a run train together, from groups.json.

    None of them where there is no such file. A file of before, {"groups": N},
    is of all seeds.

    Raises:
      WorkdirError: the file holds something else.
    """
    path = self.path / 'groups.json'
    if not path.exists():
      return []
    settings: Any = config
    found = read_json(path)
    if 'groups' in found:
      found = {'cohorts': [[list(settings.seeds), found['groups']]]}
    try:
      cohorts = [population.Cohort(tuple(s), n) for s, n in found['cohorts']]
      # A kill may have left those of seeds that the run does not have yet.
      cohorts = [c for c in cohorts if {*c.seeds} & {*settings.seeds}]
      members = len(population.members(config)) // len(settings.seeds)
      whole = all(
        {*c.seeds} <= {*settings.seeds}
        and type(c.programs) is int
        and 1 <= c.programs <= members * len(c.seeds)
        for c in cohorts
      )
    except (KeyError, TypeError, ValueError):
      whole, cohorts = False, []
    if not whole:
      raise WorkdirError(
        f'{path} is damaged (it must be {{"cohorts": [[SEEDS, N], ...]}} with N'
        ' programs a cohort, together the number of folders in checkpoints); '
        'write that by hand'
      )
    return cohorts

  def keep_cohorts(self, cohorts: list[population.Cohort]) -> None:
    """Writes groups.json."""
    text = json.dumps({'cohorts': cohorts})
    self.replace('groups.json', text + '\n')

  @property
  def started(self) -> bool:
    """Whether the folder holds a run."""
    return (self.path / 'config.json').exists()

  def config(self) -> ml_collections.ConfigDict:
    """The config of the run that lies here.

    Raises:
      WorkdirError: there is none, or it is damaged.
    """
    if not self.started:
      raise WorkdirError(f'{self.path} holds no run')
    found = complete(read_json(self.path / 'config.json'))
    if 'objective' not in found or self.changed('config.json'):
      raise WorkdirError(
        f'{self.path / "config.json"} is damaged; name the config of the run '
        'with --config'
      )
    return as_config(found)

  def seal(self, names: Iterable[str] | None = None) -> None:
    """Writes manifest.json: the sha256 of each file of a run that is done.

    Args:
      names: the files that have changed; None means all of them. Checkpoints
        have their own sums.
    """
    sums = {} if names is None else self._sums()
    if names is None:
      paths = [*self.path.glob('*'), *self.path.glob('traversals/*')]
      names = [
        str(path.relative_to(self.path))
        for path in paths
        if path.is_file() and path.name not in (MANIFEST, '.lock')
      ]
    sums |= {name: _sha256(self.path / name) for name in names}
    self.replace(MANIFEST, json.dumps(sums, indent=2, sort_keys=True) + '\n')

  def _sums(self) -> dict[str, str]:
    path = self.path / MANIFEST
    return read_json(path) if path.exists() else {}

  def changed(self, only: str = '') -> list[str]:
    """Files that are missing, or other than manifest.json has them.

    Args:
      only: the one file to look at; by default all of them.
    """
    return [
      name
      for name, digest in self._sums().items()
      if only in ('', name)
      and not (
        (self.path / name).is_file() and _sha256(self.path / name) == digest
      )
    ]

  def replace(self, name: str, content: str | bytes) -> None:
    """Replaces a file of the run; of several hosts, the first one does."""
    if parallel.is_first_host():
      replace_file(self.path / name, content)

  def discard(self, name: str) -> None:
    """Removes a file of the run if it is there."""
    if parallel.is_first_host():
      (self.path / name).unlink(missing_ok=True)

  def read_log(self) -> list[dict]:
    """The log, a line a step with all members, whatever their program."""
    path = self.path / 'config.json'
    seeds = read_json(path).get('seeds', ()) if path.exists() else ()
    return metrics_log.merged(metrics_log.lines(self.log_path), seeds)

  def rewind_log(self, step: int, group: int, last: int = 0) -> None:
    """Drops a group's lines after `step`, which it will write again.

    Args:
      step: that the group has reached.
      group: which of the programs.
      last: step of the group's last line before; a warning where it is gone.
    """
    lines = metrics_log.lines(self.log_path)
    if last and not any(x['step'] == last for x in lines):
      _LOG.warning(
        '%s has lost its line of step %d; the curves lack it',
        self.log_path, last,
      )  # fmt: skip
    if self.log_path.exists():
      kept = [x for x in lines if x['group'] != group or x['step'] <= step]
      self.replace('metrics.jsonl', ''.join(map(metrics_log.text, kept)))

  def log(self, line: dict) -> None:
    """Appends a line to metrics.jsonl; of several hosts, the first one does."""
    if not parallel.is_first_host():
      return
    try:
      with self.log_path.open('a') as file:
        file.write(metrics_log.text(plain(line)))
    except OSError as error:
      raise WorkdirError(
        f'cannot write {self.log_path} ({error.strerror}); free the disk, then'
        ' run the same command again to resume from the last checkpoint'
      ) from error


def _sha256(path: pathlib.Path) -> str:
  return hashlib.sha256(path.read_bytes()).hexdigest()


def read_json(path: pathlib.Path) -> dict:
  """A JSON file of the run.

  Raises:
    WorkdirError: the file is damaged.
  """
  try:
    read = json.loads(path.read_text())
    if not isinstance(read, dict):
      raise ValueError('it holds no object')
  except (ValueError, RecursionError) as error:
    raise WorkdirError(
      f'{path} is damaged ({error}); put a copy of it back, or move it away '
      'and run the command again'
    ) from error
  return read
