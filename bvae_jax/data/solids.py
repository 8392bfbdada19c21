"""Solids on a floor, and the rays that meet them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

Vector = tuple[jax.Array, jax.Array, jax.Array]  # x right, y up, z to the front


def dot(a: Vector, b: Vector) -> jax.Array:
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def along(start: Vector, step: Vector, t: jax.Array) -> Vector:
  x, y, z = (s + t * d for s, d in zip(start, step))
  return x, y, z


def root(
  a: jax.Array, half_b: jax.Array, c: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Both roots of a t^2 + 2 half_b t + c, (inf, -inf) where there is none."""
  square = half_b**2 - a * c
  width = jnp.sqrt(jnp.maximum(square, 0))
  near, far = (-half_b - width) / a, (-half_b + width) / a
  hit = square > 0
  return jnp.where(hit, near, jnp.inf), jnp.where(hit, far, -jnp.inf)


class Solid(NamedTuple):
  """The object of each image: its kind, and its sizes times its scale."""

  shape: jax.Array  # 0 cube, 1 cylinder, 2 sphere, 3 capsule
  radius: jax.Array  # or half the cube's side
  straight: jax.Array  # half the height, without a capsule's caps

  @property
  def middle(self) -> jax.Array:
    """The height of its centre over the floor."""
    return self.straight + jnp.where(self.shape >= 2, self.radius, 0)


def meet(solid: Solid, start: Vector, step: Vector) -> jax.Array:
  """Where rays enter the solid, in steps from `start`; inf where they miss."""
  x, y, z = start[0], start[1] - solid.middle, start[2]
  dx, dy, dz = (jnp.where(jnp.abs(d) < 1e-6, 1e-6, d) for d in step)
  radius, straight = solid.radius, solid.straight

  def slab(position, direction, half):
    centre, width = -position / direction, jnp.abs(half / direction)
    return centre - width, centre + width

  low, high = slab(y, dy, straight)
  flat, beside = dx**2 + dz**2, x * dx + z * dz
  round_low, round_high = root(flat, beside, x**2 + z**2 - radius**2)
  (x_low, x_high), (z_low, z_high) = slab(x, dx, radius), slab(z, dz, radius)
  is_cube = solid.shape == 0
  low = jnp.maximum(
    low, jnp.where(is_cube, jnp.maximum(x_low, z_low), round_low)
  )
  high = jnp.minimum(
    high, jnp.where(is_cube, jnp.minimum(x_high, z_high), round_high)
  )
  near = jnp.where((low < high) & (low > 0), low, jnp.inf)

  def ball(height):
    own = y - height
    constant = x**2 + own**2 + z**2 - radius**2
    low, _ = root(flat + dy**2, beside + own * dy, constant)
    return jnp.where(low > 0, low, jnp.inf)

  caps = jnp.minimum(ball(straight), ball(-straight))
  return jnp.where(solid.shape >= 2, jnp.minimum(near, caps), near)


def normal(solid: Solid, point: Vector) -> Vector:
  """The outward normal of the solid at a point of its surface."""
  x, y, z = point[0], point[1] - solid.middle, point[2]
  radius, straight = solid.radius, solid.straight
  rounded = y - jnp.clip(y, -straight, straight)
  across = jnp.where(
    solid.shape == 0, jnp.maximum(jnp.abs(x), jnp.abs(z)), jnp.sqrt(x**2 + z**2)
  )
  on_end = jnp.abs(y) - straight > across - radius
  on_x = jnp.abs(x) > jnp.abs(z)
  of_cube = (
    jnp.where(on_end | ~on_x, 0, jnp.sign(x)),
    jnp.where(on_end, jnp.sign(y), 0),
    jnp.where(on_end | on_x, 0, jnp.sign(z)),
  )
  of_cylinder = (
    jnp.where(on_end, 0, x / radius),
    jnp.where(on_end, jnp.sign(y), 0),
    jnp.where(on_end, 0, z / radius),
  )
  of_capsule = x / radius, rounded / radius, z / radius
  nx, ny, nz = (
    jnp.where(solid.shape == 0, a, jnp.where(solid.shape == 1, b, c))
    for a, b, c in zip(of_cube, of_cylinder, of_capsule)
  )
  return nx, ny, nz
