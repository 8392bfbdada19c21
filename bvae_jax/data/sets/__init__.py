"""The real sets: one entry a set, one small file each."""

from bvae_jax.data.sets import (
  cars3d,
  celeba,
  dsprites,
  mpi3d,
  nvidia3d,
  shapes3d,
  smallnorb,
)
from bvae_jax.data.sets.spec import RealSet

SETS: dict[str, RealSet] = {
  real.name: real
  for real in (
    dsprites.SET,
    shapes3d.SET,
    *smallnorb.SETS,
    cars3d.SET,
    *mpi3d.SETS,
    celeba.SET,
    *nvidia3d.SETS,
  )
}


def dataset_name(name: str) -> str:
  """What a prepared set is called in `dataset.name`.

  `dsprites` alone is the one that is drawn.
  """
  return 'dsprites_archive' if name == 'dsprites' else name
