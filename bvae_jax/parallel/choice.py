"""Which devices a population takes, and how it lies on them."""

import math
from typing import Any

import jax

from bvae_jax.parallel import maps
from bvae_jax.parallel.cores import Cores
from bvae_jax.parallel.layouts import Layout


def _by_host() -> tuple[list[Any], int]:
  """The devices, host after host, as many of each; how many hosts there are."""
  of: dict[int, list[Any]] = {}
  for device in jax.devices():
    of.setdefault(device.process_index, []).append(device)
  each = min(map(len, of.values()))
  return [d for host in sorted(of) for d in of[host][:each]], len(of)


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
      work. Each host gives as many as the others. Where they do not divide the
      members, some devices train copies, which nobody sees.
    member_batch: members under one vmap; 0 means as in `together`.

  Raises:
    ValueError: too few devices; more than members; or devices, or hosts, that
      do not divide the batch (mode 'data').
  """
  if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
    raise ValueError(
      'a run is a compiled program, and JAX_DISABLE_JIT is set: unset it (the '
      'losses and metrics of the library run without jit)'
    )
  found, hosts = _by_host()
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
    wanted = num_devices or math.ceil(num_members / share)
    count = hosts * math.ceil(wanted / hosts)
  else:
    counts = range(hosts, len(found) + 1, hosts)
    fitting = [n for n in counts if batch_size % n == 0]
    if not fitting:
      raise ValueError(
        f'{batch_size} images of a batch do not divide over {hosts} hosts; '
        "give a multiple as batch_size, or parallel='members'"
      )
    if num_devices and num_devices not in fitting:
      raise ValueError(
        f'{batch_size} images of a batch do not divide over '
        f'num_devices={num_devices}; valid: {", ".join(map(str, fitting))}, or '
        '0 for the largest'
      )
    count = num_devices or fitting[-1]
  share = math.ceil(num_members / count) if mode == 'members' else num_members
  batch = maps.together(share, member_batch)
  each = len(found) // hosts
  devices = tuple(d for i, d in enumerate(found) if i % each < count // hosts)
  of_cores = mode == 'members' and count == batch == 1 < num_members
  if of_cores and devices[0].platform == 'cpu' and jax.process_count() == 1:
    return Cores(devices, mode, batch, num_members)
  return Layout(devices, mode, batch, num_members)
