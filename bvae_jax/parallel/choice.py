"""Which devices a population takes, and how it lies on them."""

import math

import jax

from bvae_jax.parallel import maps
from bvae_jax.parallel.cores import Cores
from bvae_jax.parallel.layouts import Layout


def layout(
  mode: str,
  num_members: int,
  batch_size: int,
  *,
  num_devices: int = 0,
  member_batch: int = 0,
) -> Layout:
  """Chooses devices for a population.

  Args:
    mode: 'members' or 'data'.
    num_members: size of the population.
    batch_size: global batch size of a member.
    num_devices: devices to use, of all hosts; 0 means as many as shorten the
      work. Where they do not divide the members, some devices train copies,
      which nobody sees.
    member_batch: members under one vmap; 0 means as in `together`.

  Raises:
    ValueError: too few devices; more than members; or devices that do not
      divide the batch (mode 'data').
  """
  if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
    raise ValueError(
      'a run is a compiled program, and JAX_DISABLE_JIT is set: unset it (the '
      'losses and metrics of the library run without jit)'
    )
  found = jax.devices()
  if num_devices > len(found):
    raise ValueError(
      f'num_devices={num_devices}, but there are {len(found)} '
      f'{found[0].platform} device(s); give no more, or 0 for as many as help'
    )
  if mode == 'members':
    if num_devices > num_members:
      raise ValueError(
        f'num_devices={num_devices} is more than the {num_members} member(s) '
        "of a program; give fewer devices, or parallel='data'"
      )
    share = math.ceil(num_members / len(found))
    count = num_devices or math.ceil(num_members / share)
  else:
    if num_devices and batch_size % num_devices:
      raise ValueError(
        f'{batch_size} images of a batch do not divide over '
        f'num_devices={num_devices}; give a divisor of {batch_size}, or 0 for '
        'the largest that there is'
      )
    count = num_devices or max(
      n for n in range(1, len(found) + 1) if batch_size % n == 0
    )
  share = math.ceil(num_members / count) if mode == 'members' else num_members
  batch = maps.together(share, member_batch)
  devices = tuple(found[:count])
  of_cores = mode == 'members' and count == batch == 1 < num_members
  if of_cores and devices[0].platform == 'cpu' and jax.process_count() == 1:
    return Cores(devices, mode, batch, num_members)
  return Layout(devices, mode, batch, num_members)
