"""Services that keep curves and pictures of runs: Weights & Biases, Trackio."""

import hashlib
import importlib
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bvae_jax import parallel

if TYPE_CHECKING:
  from bvae_jax.training import hooks

PROJECT = 'bvae_jax'


def _wandb(module: Any, folder: pathlib.Path, name: str, config: dict) -> Any:
  digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
  return module.init(
    project=PROJECT,
    name=name,
    id=f'{name}-{digest}',
    dir=str(folder),
    config=config,
    resume='allow',
    reinit='create_new',
  )


def _trackio(module: Any, folder: pathlib.Path, name: str, config: dict) -> Any:
  del folder
  return module.init(
    project=PROJECT, name=name, config=config, resume='allow', embed=False
  )


# Both give a run with `log(values, step)` and `finish()`, and an `Image(path)`.
SERVICES: Mapping[str, Callable[..., Any]] = {
  'wandb': _wandb,
  'trackio': _trackio,
}


class Tracker:
  """A hook that sends every term of every member, and new traversals.

  A value is called TERM/MEMBER, or TERM/LATENT/MEMBER. The first host sends.
  wandb sends nothing where WANDB_MODE=offline; Trackio keeps all on this
  machine.

  Args:
    service: a name in `SERVICES`.
    folder: of the run; a resumed run goes on in the service.
    name: what the run is called there.
    labels: of the members.
    config: of the run, plain.

  Raises:
    ImportError: the service's package is not installed.
  """

  def __init__(
    self,
    service: str,
    folder: pathlib.Path,
    name: str,
    labels: list[str],
    config: dict,
  ) -> None:
    self._folder, self._labels = folder, labels
    self._run, self._at = None, 0
    if not parallel.is_first_host():
      return
    try:
      self._module = importlib.import_module(service)
    except ImportError as error:
      raise ImportError(
        f'trackers={service} needs an extra: pip install "bvae_jax[{service}]"'
      ) from error
    self._sent = set(self._pictures())
    self._run = SERVICES[service](self._module, folder, name, config)

  def _pictures(self) -> list[pathlib.Path]:
    return sorted(self._folder.glob('traversals/step_*.png'))

  def __call__(self, chunk: 'hooks.Chunk') -> None:
    """Sends the terms, leaves [M] or [M, D]."""
    if self._run is None:
      return
    values = {
      f'{tag}/{label}': x
      for m, label in enumerate(self._labels)
      for tag, x in chunk.scalars(m).items()
    }
    self._at = chunk.at
    self._run.log({**values, **self._new_pictures()}, step=chunk.at)

  def _new_pictures(self) -> dict[str, Any]:
    """The newest picture that was not sent yet."""
    new = [path for path in self._pictures() if path not in self._sent]
    self._sent.update(new)
    return {'traversals': self._module.Image(str(new[-1]))} if new else {}

  def close(self) -> None:
    """Sends the last picture, and waits until all is sent."""
    if self._run is None:
      return
    last = self._new_pictures()
    if last:
      self._run.log(last, step=self._at)
    self._run.finish()
