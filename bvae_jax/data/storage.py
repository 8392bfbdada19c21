"""Where stored images lie: on the device, or on the host."""

import dataclasses
import logging

import jax
import numpy as np

from bvae_jax import parallel
from bvae_jax.data.dataset import Dataset, Rows

_LOG = logging.getLogger(__name__)
STORAGES = ('auto', 'device', 'host')
_SHARE = 0.5  # of a device's memory, which stored images may take


def place(made: Dataset, storage: str) -> Dataset:
  """The data set with its stored images on the device, or left on the host.

  Args:
    made: its `arrays`, if any, are one host array of N rows, perhaps mapped.
    storage: 'device', 'host', or 'auto': the device unless they would take more
      than half of its memory.

  Raises:
    ValueError: another storage, or 'host' where nothing is stored.
  """
  if storage not in STORAGES:
    raise ValueError(
      f'dataset.storage={storage!r} is unknown; valid: {", ".join(STORAGES)}'
    )
  stored = made.arrays
  if not isinstance(stored, np.ndarray):
    if storage == 'host':
      raise ValueError(
        f'dataset.storage=host has no use for dataset.name={made.name}, whose '
        'images are computed; leave it out'
      )
    return made
  if storage == 'auto':
    fits = stored.nbytes <= _SHARE * parallel.memory_limit()
    storage = 'device' if fits else 'host'
  if storage == 'device':
    there = jax.device_put(stored, may_alias=False)
    return dataclasses.replace(made, arrays=there)
  _LOG.info('%.0f MB of images stay on the host', stored.nbytes / 1e6)
  return dataclasses.replace(made, arrays=(), rows=Rows(stored))
