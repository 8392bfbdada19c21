"""Services that keep curves and pictures of runs: Weights & Biases, Trackio."""

import hashlib
import importlib
import logging
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bvae_jax import parallel

if TYPE_CHECKING:
  from bvae_jax.training import hooks

_LOG = logging.getLogger(__name__)

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
  machine. A service that fails is warned of, and gets nothing more: the run
  goes on without it.

  Args:
    service: a name in `SERVICES`.
    folder: of the run; a resumed run goes on in the service.
    name: what the run is called there.
    labels: of the members.
    config: of the run, plain.
    sent: the last step that was sent before the run was resumed; steps up to
      it are not sent again.

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
    sent: int = 0,
  ) -> None:
    self._service, self._start = service, sent
    self._folder, self._labels = folder, labels
    self._run: Any = None
    self._at = 0
    if not parallel.is_first_host():
      return
    try:
      self._module = importlib.import_module(service)
    except ImportError as error:
      raise ImportError(
        f'trackers={service} needs an extra: pip install "bvae_jax[{service}]"'
      ) from error
    self._sent = set(self._pictures())
    init = SERVICES[service]
    self._run = self._try(init, self._module, folder, name, config)

  def _try(
    self, call: Callable[..., Any], *arguments: Any, **given: Any
  ) -> Any:
    """What a call of the service gives; None where it fails."""
    try:
      return call(*arguments, **given)
    except Exception as error:  # noqa: BLE001 (each service raises its own)
      self._run = None
      why = ' '.join(f'{type(error).__name__}: {error}'.split())[:200]
      _LOG.warning(
        '%s failed (%s): nothing more is sent to it; training goes on, and '
        'metrics.jsonl has every point',
        self._service,
        why,
      )
      return None

  def _pictures(self) -> list[pathlib.Path]:
    return sorted(self._folder.glob('traversals/step_*.png'))

  def __call__(self, chunk: 'hooks.Chunk') -> None:
    """Sends the terms, leaves [M] or [M, D]."""
    if self._run is None or chunk.at <= self._start:
      return
    values = {
      f'{tag}/{label}': x
      for m, label in enumerate(self._labels)
      for tag, x in chunk.scalars(m).items()
    }
    self._at = chunk.at
    self._try(self._send, values)

  def _send(self, values: dict[str, Any]) -> None:
    """Sends values, and the newest picture, if there is any of these."""
    whole = {**values, **self._new_pictures()}
    if whole:
      self._run.log(whole, step=self._at)

  def _new_pictures(self) -> dict[str, Any]:
    """The newest picture that was not sent yet."""
    new = [path for path in self._pictures() if path not in self._sent]
    self._sent.update(new)
    return {'traversals': self._module.Image(str(new[-1]))} if new else {}

  def close(self) -> None:
    """Sends the last picture, and waits until all is sent."""
    if self._run is not None:
      self._try(self._send, {})
    if self._run is not None:
      self._try(self._run.finish)
