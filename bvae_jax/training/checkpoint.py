"""Checkpoints: the only file that knows Orbax.

Each step holds the state's leaves and a sha256 of each, since Orbax restores a
flipped byte without a word. A step that is damaged, empty or half written is
passed over with a warning, and the step before it is restored.
"""

import hashlib
import logging
import pathlib
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

_LOG = logging.getLogger(__name__)


def _digests(tree: Any) -> dict[str, str]:
  leaves = jax.tree_util.tree_leaves_with_path(tree)
  return {
    jax.tree_util.keystr(path): hashlib.sha256(
      np.ascontiguousarray(leaf).tobytes()
    ).hexdigest()
    for path, leaf in leaves
  }


class Checkpoints:
  """The last few states of a run, saved in the background."""

  def __init__(self, folder: pathlib.Path, keep: int):
    self._folder = folder.absolute()
    self._manager = ocp.CheckpointManager(
      self._folder,
      options=ocp.CheckpointManagerOptions(
        preservation_policy=ocp.checkpoint_managers.LatestN(keep),
        save_decision_policy=ocp.checkpoint_managers.FixedIntervalPolicy(1),
        enable_async_checkpointing=True,
      ),
    )

  def save(self, step: int, state: Any) -> None:
    """Saves host arrays; returns before they are on disk.

    Raises:
      OSError: this save or the one before it failed.
    """
    if step in self._manager.all_steps():
      return
    self._guard(
      self._manager.save,
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardSave(state),
        digests=ocp.args.JsonSave(_digests(state)),
      ),
    )

  def restore(self, template: Any) -> tuple[int, Any] | None:
    """The newest whole (step, state), or None when there is none.

    Args:
      template: a tree of arrays or shapes like the state.
    """
    for step in sorted(self._manager.all_steps(), reverse=True):
      state = self._read(step, template)
      if state is not None:
        return step, state
      self._manager.delete(step)
    return None

  def _read(self, step: int, template: Any) -> Any | None:
    try:
      read = self._manager.restore(
        step,
        args=ocp.args.Composite(
          state=ocp.args.StandardRestore(template),
          digests=ocp.args.JsonRestore(),
        ),
      )
      if _digests(read.state) == read.digests:
        return read.state
      reason = 'its contents do not match their sha256'
    except Exception as error:  # noqa: BLE001 (Orbax raises many kinds)
      reason = str(error).splitlines()[0] if str(error) else repr(error)
    _LOG.warning(
      'checkpoint %s/%d is damaged (%s); using the one before it',
      self._folder, step, reason,
    )  # fmt: skip
    return None

  def close(self) -> None:
    """Waits for the last save.

    Raises:
      OSError: it failed.
    """
    self._guard(self._manager.wait_until_finished)
    self._manager.close()

  def _guard(self, function, *args, **kwargs) -> None:
    try:
      function(*args, **kwargs)
    except Exception as error:
      reason = str(error).splitlines()[0] if str(error) else repr(error)
      raise OSError(
        f'a checkpoint could not be written to {self._folder} ({reason}); free '
        'the disk, then run the same command again to resume'
      ) from error
