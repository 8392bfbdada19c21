"""Points sorted into chunks, in which the splits of trees are sought."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Bins(NamedTuple):
  """Points sorted into chunks of equal room along each latent.

  A chunk is a quantile bin, or a piece of one that ties made larger than the
  room. The rank of a point is its place in ascending order.
  """

  slots: jax.Array  # int [room, chunks, D] of points; N stands for none.
  places: jax.Array  # int [room, chunks, D]: rank if a split may follow, or -1.
  ends: jax.Array  # bool [chunks, D]: whether a split may follow the chunk.
  train: jax.Array  # float [N, D]: the rank of each training point.
  test: jax.Array  # float [T, D]: the rank of the nearest training value.


def bin_points(codes: jax.Array, test_codes: jax.Array, num_bins: int):
  """Sorts the training points into `Bins` and ranks the test points."""
  num_points, num_latents = codes.shape
  num_bins = min(num_bins, num_points)
  room = math.ceil(num_points / num_bins)
  num_chunks = num_bins + math.ceil(num_points / room)
  order = jnp.argsort(codes.T)
  values = jnp.take_along_axis(codes.T, order, 1)
  rank = jnp.arange(num_points)[None]
  first = jnp.ones((num_latents, 1), bool)

  def start(label):
    """Where each run of equal labels starts: a flag, and its rank."""
    flag = jnp.concatenate([first, label[:, 1:] > label[:, :-1]], 1)
    return flag, jax.lax.cummax(jnp.where(flag, rank, 0), axis=1)

  value_flag, value_start = start(values)
  bin_label = (value_start * (num_bins / num_points)).astype(jnp.int32)
  bin_flag, bin_start = start(bin_label)
  slot = (rank - bin_start) % room
  chunk = jnp.cumsum(slot == 0, 1) - 1
  place = jnp.where(jnp.roll(value_flag, -1, 1), rank, -1).at[:, -1].set(-1)
  latent = jnp.arange(num_latents)[:, None]
  shape = (room, num_chunks, num_latents)
  ends = jnp.zeros((num_chunks, num_latents), bool)
  # A test point goes with the nearest training value, as a threshold halfway
  # between two neighbours has it.
  above = jax.vmap(jnp.searchsorted)(values, test_codes.T)
  above = jnp.clip(above, 1, num_points - 1)
  low, high = (
    jnp.take_along_axis(values, index, 1) for index in (above - 1, above)
  )
  nearest = jnp.where((low + high) / 2 >= test_codes.T, above - 1, above)
  return Bins(
    jnp.full(shape, num_points).at[slot, chunk, latent].set(order),
    jnp.full(shape, -1).at[slot, chunk, latent].set(place),
    ends.at[chunk - 1, latent].max(bin_flag & (rank > 0)),
    jnp.zeros(codes.shape).at[order, latent].set(rank),
    nearest.T.astype(jnp.float32),
  )
