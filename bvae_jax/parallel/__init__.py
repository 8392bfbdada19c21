"""Devices: the only folder that knows of `pmap`, meshes and hosts.

A population is spread over the devices in one of two ways. `members`:
every device trains its own share of the members, no communication. `data`:
every device holds all members and computes its share of each batch; gradients
are averaged and batch-coupled terms see the gathered global batch. A CPU that
is one device has members side by side on its cores (`Cores`). Moving on from
`jax.pmap` means rewriting this folder and no other.

Under `pmap` the correct gradient is `pmean(grad(loss))` with the all_gather
inside the loss: the transpose of the gather sums the cotangents of all devices,
and the mean divides them again.
"""

from bvae_jax.parallel.choice import layout
from bvae_jax.parallel.cores import Cores
from bvae_jax.parallel.forks import own_process
from bvae_jax.parallel.hosts import (
  agree,
  any_host,
  is_first_host,
  leaving,
  of_first_host,
  start,
)
from bvae_jax.parallel.layouts import WHOLE, Layout, Spread
from bvae_jax.parallel.maps import (
  count_to,
  map_index,
  map_members,
  of_blocks,
  together,
)
from bvae_jax.parallel.memory import (
  Compiled,
  ahead_of_time,
  free_memory,
  host_memory,
  leaves_nothing,
  memory_limit,
)
from bvae_jax.parallel.threads import at_once, cores
