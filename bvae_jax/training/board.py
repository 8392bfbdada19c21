"""TensorBoard: a hook that writes its curves."""

import pathlib
from typing import TYPE_CHECKING, Any

from bvae_jax import parallel

if TYPE_CHECKING:
  from bvae_jax.training import hooks


class Board:
  """Curves for TensorBoard, a run a member; the first host writes them.

  A resumed run purges the points after `start`, its last log line.

  Raises:
    ImportError: tensorboardX is not installed.
  """

  def __init__(
    self, folder: pathlib.Path, labels: list[str], start: int = 0
  ) -> None:
    self._writers: list[Any] = []
    if not parallel.is_first_host():
      return
    try:
      import tensorboardX  # pyright: ignore[reportMissingImports]
    except ImportError as error:
      raise ImportError(
        'tensorboard=True needs an extra: pip install "bvae_jax[tensorboard]"'
      ) from error
    self._writers = [
      tensorboardX.SummaryWriter(
        str(folder / label.replace(' ', '_')), purge_step=start + 1
      )
      for label in labels
    ]

  def __call__(self, chunk: 'hooks.Chunk') -> None:
    """Adds the terms, leaves [M] or [M, D]."""
    for m, writer in enumerate(self._writers):
      for tag, x in chunk.scalars(m).items():
        writer.add_scalar(tag, x, chunk.at)

  def close(self) -> None:
    """Waits until all is on disk."""
    for writer in self._writers:
      writer.close()
