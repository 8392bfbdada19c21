"""A run's folder: its config, its log of metrics, its results.

    config.json  metrics.jsonl  checkpoints/  traversals/  results.json
    results.csv  report.html  traversals.gif

Files that are rewritten are replaced in one step, so that a kill or a full disk
never leaves half a file where a whole one was.
"""

import json
import math
import os
import pathlib
from typing import Any

import jax
import ml_collections
import numpy as np

from bvae_jax import parallel


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


def replace_file(path: pathlib.Path, content: str | bytes) -> None:
  """Writes a file beside `path`, then renames it over `path`."""
  part = path.with_name(path.name + '.part')
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


def read_groups(path: pathlib.Path, num_members: int) -> int:
  """Into how many programs a population was split, from groups.json.

  Raises:
    WorkdirError: the file holds something else.
  """
  read = read_json(path)
  count = read.get('groups') if isinstance(read, dict) else None
  if type(count) is not int or not 1 <= count <= num_members:
    raise WorkdirError(
      f'{path} is damaged (it must be {{"groups": N}} with N the number of '
      f'folders in checkpoints, at most {num_members}); write that by hand'
    )
  return count


def _flat(tree: dict, prefix: str = '') -> dict[str, Any]:
  flat = {}
  for key, value in tree.items():
    name = f'{prefix}{key}'
    if isinstance(value, dict):
      flat.update(_flat(value, f'{name}.'))
    else:
      flat[name] = value
  return flat


# Keys that change how a run is computed or shown, never what it computes; and
# those that change its scores alone.
FREE_KEYS = ('num_devices', 'keep_checkpoints', 'tensorboard')
SCORE_KEYS = ('metrics', 'evaluation')


def differing_keys(
  old: dict, new: dict, free: tuple[str, ...] = FREE_KEYS
) -> list[str]:
  """`key: old -> new` for each key that makes two configs different runs."""
  a, b = _flat(old), _flat(new)
  return [
    f'{k}: {a.get(k)!r} -> {b.get(k)!r}'
    for k in sorted({*a, *b})
    if a.get(k) != b.get(k) and k.split('.')[0] not in free
  ]


class Workdir:
  """The files of one run.

  Raises:
    WorkdirError: the path is a file, is not writable, or holds another run.
  """

  def __init__(self, path: str | os.PathLike):
    self.path = pathlib.Path(path)
    self.results_path = self.path / 'results.json'
    self.log_path = self.path / 'metrics.jsonl'

  def open(
    self,
    config: ml_collections.ConfigDict,
    free: tuple[str, ...] = FREE_KEYS,
  ) -> None:
    """Makes the folder, or checks that it holds this very run.

    Args:
      config: of the run.
      free: top-level keys that may differ from those of the run in the folder.
    """
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
    new = plain(config.to_dict())
    path = self.path / 'config.json'
    if path.exists():
      changed = differing_keys(read_json(path), new, free)
      if changed:
        raise WorkdirError(
          f'workdir {self.path} holds a run with another config '
          f'({"; ".join(changed)}); choose another --workdir, or delete it'
        )
    if not path.exists() or read_json(path) != new:
      self.replace('config.json', json.dumps(new, indent=2) + '\n')

  def results(self) -> dict | None:
    """The results of a finished run, None while it is not."""
    return read_json(self.results_path) if self.results_path.exists() else None

  def replace(self, name: str, content: str | bytes) -> None:
    """Replaces a file of the run; of several hosts, the first one does."""
    if parallel.is_first_host():
      replace_file(self.path / name, content)

  def write_results(self, results: dict) -> None:
    text = json.dumps(plain(results), indent=2, allow_nan=False)
    self.replace('results.json', text + '\n')

  def _lines(self) -> list[dict]:
    """The log's whole lines; a line that a kill cut short is left out."""
    lines = []
    if self.log_path.exists():
      for line in self.log_path.read_text().splitlines():
        try:
          lines.append(json.loads(line))
        except json.JSONDecodeError:
          break
    return lines

  def read_log(self) -> list[dict]:
    """The log, a line a step with all members, whatever their program."""
    merged = {}
    for line in self._lines():
      whole = merged.setdefault(line['step'], {**line, 'members': []})
      whole['members'] += line['members']
    size = max((len(x['members']) for x in merged.values()), default=0)
    return [x for x in merged.values() if len(x['members']) == size]

  def rewind_log(self, step: int, group: int) -> None:
    """Drops a group's lines after `step`, which it will write again."""
    if self.log_path.exists():
      kept = [
        x for x in self._lines() if x['group'] != group or x['step'] <= step
      ]
      self.replace('metrics.jsonl', ''.join(json.dumps(x) + '\n' for x in kept))

  def log(self, line: dict) -> None:
    """Appends a line to metrics.jsonl; of several hosts, the first one does."""
    if not parallel.is_first_host():
      return
    try:
      with self.log_path.open('a') as file:
        file.write(json.dumps(plain(line), allow_nan=False) + '\n')
    except OSError as error:
      raise WorkdirError(
        f'cannot write {self.log_path} ({error.strerror}); free the disk, then'
        ' run the same command again to resume from the last checkpoint'
      ) from error


def read_json(path: pathlib.Path) -> dict:
  """A JSON file of the run.

  Raises:
    WorkdirError: the file is damaged.
  """
  try:
    return json.loads(path.read_text())
  except (json.JSONDecodeError, UnicodeDecodeError) as error:
    raise WorkdirError(
      f'{path} is damaged ({error}); delete it and run the command again'
    ) from error
