"""Checkpoints: beside `hushed`, the only file that knows Orbax.

Each step holds the state's leaves and a sha256 of each, since Orbax restores a
flipped byte without a word, and its number, which members that have stopped or
met a NaN may all be short of. A step that cannot be read is passed over with a
warning, and the step before it is restored. Readers change nothing on disk; the
trainer sets such a step aside as `STEP.damaged`, and nobody deletes it.
"""

import contextlib
import hashlib
import itertools
import json
import logging
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from bvae_jax import workdir
from bvae_jax.training import hushed
from bvae_jax.training.hushed import ocp

_LOG = logging.getLogger(__name__)
_MOST_FAILED = 100  # steps that one restore tries in vain


class MismatchError(OSError):
  """A checkpoint of other networks or another population than asked for."""


def _digests(tree: Any, unlogged: Any) -> dict[str, str]:
  leaves = jax.tree_util.tree_leaves_with_path(tree)
  parts = {
    jax.tree_util.keystr(path): np.ascontiguousarray(leaf).tobytes()
    for path, leaf in leaves
  }
  if unlogged is not None:
    parts['unlogged'] = json.dumps(unlogged, sort_keys=True).encode()
  return {name: hashlib.sha256(x).hexdigest() for name, x in parts.items()}


def _stored(state: Any) -> dict[str, Any]:
  """A state as Orbax holds it: without the fields that are None."""
  return {k: x for k, x in state._asdict().items() if x is not None}


class Saved(NamedTuple):
  """A checkpoint, as it was given to `save`."""

  step: int
  state: Any
  unlogged: Any


class Checkpoints:
  """The last few states of a run, saved in the background."""

  def __init__(self, folder: pathlib.Path, keep: int) -> None:
    self._folder = folder.absolute()
    self._keep = keep
    self._manager: Any = None  # made by the first save: it writes the folder
    self._hushed = contextlib.ExitStack()  # from then on

  def steps(self) -> list[int]:
    """The steps on disk, newest first, whole or not."""
    if not self._folder.is_dir():
      return []
    names = [path.name for path in self._folder.iterdir() if path.is_dir()]
    return sorted((int(n) for n in names if n.isdecimal()), reverse=True)

  def save(self, step: int, state: Any, unlogged: Any = None) -> None:
    """Saves host arrays; returns before they are on disk.

    Args:
      step: the step that the state has reached.
      state: the members' states.
      unlogged: between two log lines, what the next one needs.

    Raises:
      OSError: this save or the one before it failed.
    """
    if self._manager is None:
      hushed.ignore_late_threads()
      self._hushed.enter_context(hushed.quiet())
    with self._guard():
      if self._manager is None:
        self._manager = ocp.CheckpointManager(
          self._folder,
          options=ocp.CheckpointManagerOptions(
            preservation_policy=ocp.checkpoint_managers.LatestN(self._keep),
            save_decision_policy=ocp.checkpoint_managers.FixedIntervalPolicy(1),
            enable_async_checkpointing=True,
            # Where a folder cannot be made, its threads wait for 20 minutes.
            async_options=ocp.AsyncOptions(
              create_directories_asynchronously=False
            ),
          ),
        )
      if step not in self._manager.all_steps():
        items: dict[str, Any] = {'state': ocp.args.StandardSave(_stored(state))}
        if unlogged is not None:
          unlogged = jax.tree.map(lambda x: np.asarray(x).tolist(), unlogged)
          items['unlogged'] = ocp.args.JsonSave(unlogged)
        digests = _digests(state, unlogged)
        items['digests'] = ocp.args.JsonSave({**digests, 'step': step})
        self._manager.save(step, args=ocp.args.Composite(**items))

  def restore(self, template: Any) -> Saved | None:
    """The newest whole checkpoint, or None when there is none.

    Args:
      template: a tree of arrays or shapes like the state, `step` among them.

    Raises:
      MismatchError: a checkpoint holds arrays of other shapes.
    """
    found, failed = None, {}
    while found is None and len(failed) < _MOST_FAILED:
      # Looked at anew: a trainer beside this reader takes old steps away.
      left = [step for step in self.steps() if step not in failed]
      if not left:
        break
      read = self._read(left[0], template)
      if isinstance(read, Saved):
        found = read
      else:
        failed[left[0]] = read
    for step in self.steps():
      if step in failed:
        _LOG.warning(
          'checkpoint %s is damaged (%s); using the one before it',
          self._folder / str(step),
          failed[step],
        )
    return found

  def set_aside(self, newest: int | None) -> None:
    """Renames the steps after `newest` (all, if None), which nobody could read.

    They would stand in the way of the steps that training takes anew. What
    saves that were killed have left is removed.
    """
    for rest in self._folder.glob('*.orbax-checkpoint-tmp*'):
      shutil.rmtree(rest, ignore_errors=True)
    for step in self.steps():
      if newest is None or step > newest:
        source = self._folder / str(step)
        suffixes = (f'.damaged{i or ""}' for i in itertools.count())
        targets = (source.with_name(f'{step}{suffix}') for suffix in suffixes)
        target = next(path for path in targets if not path.exists())
        with self._guard():
          os.replace(source, target)
        _LOG.warning('%s is set aside as %s', source, target.name)

  def _read(self, step: int, template: Any) -> Saved | str:
    """A checkpoint, or why it cannot be read."""
    path = self._folder / str(step)
    hushed.ignore_late_threads()
    try:
      with hushed.quiet():
        _check_shapes(path, template)
        fields = ocp.args.StandardRestore(_stored(template))
        items: dict[str, Any] = {'state': fields}
        for name in ('digests', 'unlogged'):
          if (path / name).exists():
            items[name] = ocp.args.JsonRestore()
        read: Any = ocp.Checkpointer(ocp.CompositeCheckpointHandler()).restore(
          path, ocp.args.Composite(**items)
        )
      state, unlogged = template._replace(**read.state), read.get('unlogged')
      digests = dict(read.get('digests') or {})
      # One of before does not say; who is alive in it has come to its step.
      reached = np.max(state.step) if np.any(state.alive) else step
      at = digests.pop('step', reached)
      if _digests(state, unlogged) != digests:
        return 'its contents do not match their sha256'
      if at != step:
        return f'it holds step {at}'
      return Saved(step, state, unlogged)
    except MismatchError:
      raise
    except Exception as error:  # noqa: BLE001 (Orbax raises many kinds)
      return hushed.first_line(error)

  def close(self) -> None:
    """Waits for the last save.

    Raises:
      OSError: it failed.
    """
    with self._hushed:
      if self._manager is not None:
        with self._guard():
          self._manager.wait_until_finished()
        self._manager.close()

  @contextlib.contextmanager
  def _guard(self) -> Iterator[None]:
    try:
      with hushed.quiet():
        yield
    except Exception as error:
      told = hushed.first_line(error)
      raise OSError(
        f'a checkpoint could not be written to {self._folder} ({told}); '
        f'{workdir.remedy(told)}, then run the same command again to resume'
      ) from error


def _check_shapes(path: pathlib.Path, template: Any) -> None:
  """Compares shapes and types with those on disk, which Orbax would take."""
  found: Any = ocp.StandardCheckpointer().metadata(path / 'state')
  stored, wanted = (
    {
      jax.tree_util.keystr(key, simple=True, separator='.'): (
        tuple(leaf.shape),
        str(leaf.dtype),
      )
      for key, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }
    for tree in (found.item_metadata.tree, template)
  )
  if not stored:
    return  # unreadable metadata: restoring it will say so
  parameters_last = lambda name: (name.startswith('params.'), name)
  for name in sorted({*stored, *wanted}, key=parameters_last, reverse=True):
    shape, kind = stored.get(name, ('missing', ''))
    asked, needed = wanted.get(name, ('none', ''))
    if shape != asked:
      raise MismatchError(
        f'checkpoint {path} holds another model or population: {name} is '
        f'{shape}, the config asks for {asked}; choose another --workdir, or '
        "give the config that lies in the run's config.json"
      )
    if kind != needed:
      raise MismatchError(
        f'checkpoint {path} holds {name} as {kind}, here it is {needed}: set '
        'JAX_ENABLE_X64 as it was when the run was trained'
      )
