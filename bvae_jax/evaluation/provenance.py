"""With what a population was trained: training.json and images.json tell it."""

import dataclasses
import importlib.metadata
import json
import subprocess
import zlib
from typing import Any

import jax
import numpy as np

import bvae_jax
from bvae_jax import data
from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation.records import Record
from bvae_jax.workdir import metrics_log

NOTE = 'training.json'  # lies in a run's folder once all is trained
IMAGES = 'images.json'  # of stored images; others follow from the config
_SAMPLE = 256  # images, of all over the set, whose bytes are compared


@dataclasses.dataclass(frozen=True)
class Provenance(Record):
  """With what a population was trained.

  Attributes:
    bvae_jax: version of the package.
    jax: version.
    jaxlib: version.
    device: kind of the device that trained.
    commit: of the git repository that the command ran in, None outside one.
  """

  bvae_jax: str
  jax: str
  jaxlib: str
  device: str
  commit: str | None = None

  @classmethod
  def here(cls) -> 'Provenance':
    """That of this process."""
    return cls(
      bvae_jax=bvae_jax.__version__,
      jax=jax.__version__,
      jaxlib=importlib.metadata.version('jaxlib'),
      device=jax.devices()[0].device_kind,
      commit=_commit(),
    )


def _commit() -> str | None:
  """The commit of the working directory, `+` behind it if files changed."""
  git = lambda *command: subprocess.run(
    ['git', *command], capture_output=True, text=True, check=True, timeout=10
  ).stdout.strip()
  try:
    changed = git('status', '--porcelain', '--untracked-files=no')
    return git('rev-parse', 'HEAD') + ('+' if changed else '')
  except (OSError, subprocess.SubprocessError):
    return None


def read(folder: workdir_lib.Workdir, old: Any) -> Provenance:
  """With what the population was trained, as far as the folder says."""
  path = folder.path / NOTE
  if not path.exists():  # a run of before, or a kill before it was written
    return old.provenance if old else Provenance.here()
  found = workdir_lib.read_json(path)
  names = [f.name for f in dataclasses.fields(Provenance)]
  return Provenance(**{name: found[name] for name in names})


def note(folder: workdir_lib.Workdir) -> None:
  """Writes training.json, if it is not there: with what was trained, how long.

  The wall time is not in results.json, which the same command makes again to
  the last bit.
  """
  if (folder.path / NOTE).exists():  # of this very training
    return
  lines = metrics_log.lines(folder.log_path)
  seconds = round(metrics_log.seconds(lines), 1) if lines else None
  found = dataclasses.asdict(Provenance.here())
  text = json.dumps({**found, 'seconds_from_first_to_last_line': seconds})
  folder.replace(NOTE, text + '\n')


def same_images(folder: workdir_lib.Workdir, dataset: data.Dataset) -> None:
  """Notes in images.json which stored images a run has.

  Raises:
    WorkdirError: it was begun with others.
  """
  if (folder.path / IMAGES).exists():
    check_images(folder, dataset)
  elif found := _checksum(dataset):
    folder.replace(IMAGES, workdir_lib.json_text(found))


def check_images(folder: workdir_lib.Workdir, dataset: data.Dataset) -> None:
  """Refuses stored images other than those of a run.

  Raises:
    WorkdirError: images.json tells of others.
  """
  path = folder.path / IMAGES
  if not path.exists():
    return
  old, found = workdir_lib.read_json(path), _checksum(dataset)
  changed = [
    f'{k}: {old.get(k)} -> {v}' for k, v in found.items() if old.get(k) != v
  ]
  if changed:
    raise workdir_lib.WorkdirError(
      f'{folder.path} holds a run of other images, or of these in another '
      f'order ({"; ".join(changed)}); put those back, or choose another '
      f'--workdir (without this file it would go on with the new ones: {path})'
    )


def _checksum(dataset: data.Dataset) -> dict[str, Any]:
  """What tells stored images apart; empty of those that are drawn."""
  count = dataset.num_images
  index = np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int32)
  if dataset.rows is not None:
    sample = dataset.rows.take(index)
  elif getattr(dataset.arrays, 'shape', ())[:1] == (count,):
    sample = np.asarray(dataset.arrays[index])
  else:
    return {}
  return {
    'num_images': count,
    'image_shape': list(dataset.image_shape),
    'crc32': f'{zlib.crc32(sample.tobytes()):08x}',
  }
