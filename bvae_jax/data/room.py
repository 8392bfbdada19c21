"""A room with one solid in it, and what rays from its camera meet.

A ray meets, first to last, the solid, a wall, the floor or the sky. With n the
surface's normal, l the unit vector to a point light at distance r, v the
direction to the camera that looks at the middle, and s = 0 in the solid's
shadow and else 1,

  shade = ambient + s light max(n l, 0) / (1 + (r / R)^2) + head max(n v, 0).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from bvae_jax.data import solids

SIZE = 64


class Constants(NamedTuple):
  """Camera, room, solids (at scale 1) and light; lengths in one unit.

  Fitted offline to 32 real frames by least squares on colours (Levenberg and
  Marquardt, both sides blurred by 4, 2, 1 and 0 pixels in turn); the unit is a
  tenth of the camera's orbit. On 10 frames held out from the fit the mean PSNR
  is 26.5 dB (least 25.0) and the objects overlap to 0.973 (mean intersection
  over union, least 0.938). No frame at hand shows a sphere: its radius is the
  cylinder's.
  """

  focal: float = 75.24  # Pixels of 64.
  distance: float = 10.0  # of the camera's orbit from the middle
  height: float = 2.559  # of the camera
  pitch: float = -0.02312  # downwards [radians]
  angle: float = 0.4774  # of the last orientation [radians]
  half_width: float = 15.78  # of the room
  back: float = 17.98  # from the middle to the back wall
  wall: float = 8.672  # height of the walls
  cube: float = 1.304  # half side
  cylinder: float = 1.384  # radius
  cylinder_height: float = 1.418  # half
  sphere: float = 1.384  # radius
  capsule: float = 1.217  # radius
  capsule_height: float = 1.193  # half, without the caps
  light_x: float = -8.279
  light_y: float = 34.81
  light_z: float = -1.703
  reach: float = 16.27
  light: float = 3.775
  ambient: float = 0.3245
  head: float = 0.6195
  sky: tuple[float, float, float] = (0.608, 0.882, 0.980)


FITTED = Constants()


def _solid(shape: jax.Array, scale: jax.Array, c: Constants) -> solids.Solid:
  radius = jnp.array([c.cube, c.cylinder, c.sphere, c.capsule], jnp.float32)
  straight = jnp.array(
    [c.cube, c.cylinder_height, 0, c.capsule_height], jnp.float32
  )
  size = 0.75 + scale / 14
  return solids.Solid(shape, radius[shape] * size, straight[shape] * size)


class View(NamedTuple):
  """What all rays of an image share; made before the loop over rays."""

  solid: solids.Solid
  yaw: tuple[jax.Array, jax.Array]  # sine and cosine, as of the pitch
  pitch: tuple[jax.Array, jax.Array]


def view(factors: jax.Array, c: Constants) -> View:
  """The view of factors [..., 6], of which the last three place the solid."""
  scale, shape, orientation = jnp.moveaxis(factors[..., 3:], -1, 0)[
    ..., None, None
  ]
  yaw = c.angle * (orientation.astype(jnp.float32) / 7 - 1)
  pitch = jnp.asarray(c.pitch, jnp.float32)
  return View(
    _solid(shape, scale.astype(jnp.float32), c),
    (jnp.sin(yaw), jnp.cos(yaw)),
    (jnp.sin(pitch), jnp.cos(pitch)),
  )


def trace(
  view: View, row: jax.Array, column: jax.Array, c: Constants
) -> jax.Array:
  """What rays through points of the 64x64 frame meet, [..., rows, columns].

  In one number, so that one loop computes it: 2 k plus the shade, with k = 0
  for the floor, 1 for a wall, 2 for the solid and 3 for the sky.
  """
  # One precision, so that the frames are the same under JAX_ENABLE_X64.
  single = lambda value: jnp.asarray(value, jnp.float32)
  solid, (sin, cos), (sin_pitch, cos_pitch) = view
  right = (single(column) - SIZE / 2) / c.focal
  up = (SIZE / 2 - single(row)) / c.focal
  rise = (up * cos_pitch - sin_pitch)[:, None]
  ahead = (up * sin_pitch + cos_pitch)[:, None]
  eye = c.distance * sin, single(c.height), c.distance * cos
  ray = cos * right - sin * ahead, rise, -sin * right - cos * ahead

  t_solid = solids.meet(solid, eye, ray)
  side = jnp.where(ray[0] > 0, 1.0, -1.0)
  t_side = (side * c.half_width - eye[0]) / ray[0]
  t_back = (-c.back - eye[2]) / ray[2]
  t_side = jnp.where(t_side > 0, t_side, jnp.inf)
  t_back = jnp.where(t_back > 0, t_back, jnp.inf)
  t_wall = jnp.minimum(t_side, t_back)
  t_floor = jnp.where(rise < 0, -eye[1] / rise, jnp.inf)
  t_room = jnp.minimum(t_wall, t_floor)
  t = jnp.minimum(t_solid, t_room)
  on_solid, on_floor = t_solid < t_room, t_floor < t_wall
  on_side = t_side < t_back
  point = solids.along(eye, ray, t)
  of_room = (
    jnp.where(on_floor | ~on_side, 0, -side),
    jnp.where(on_floor, 1.0, 0),
    jnp.where(on_floor | on_side, 0, 1.0),
  )
  nx, ny, nz = (
    jnp.where(on_solid, a, b)
    for a, b in zip(solids.normal(solid, point), of_room)
  )
  normal = nx, ny, nz

  to_light = c.light_x - point[0], c.light_y - point[1], c.light_z - point[2]
  square = solids.dot(to_light, to_light)
  facing = jnp.maximum(solids.dot(normal, to_light), 0) * jax.lax.rsqrt(square)
  shadow = ~on_solid & (solids.meet(solid, point, to_light) < 1)
  direct = jnp.where(shadow, 0, facing) / (1 + square / c.reach**2)
  to_eye = sin * cos_pitch, sin_pitch, cos * cos_pitch
  head = jnp.maximum(solids.dot(normal, to_eye), 0)
  shade = jnp.minimum(c.ambient + c.light * direct + c.head * head, 1)
  is_sky = ~on_solid & ~on_floor & (point[1] > c.wall)

  met = jnp.where(on_floor, 0.0, jnp.where(is_sky, 3.0, 1.0))
  return 2 * jnp.where(on_solid, 2.0, met) + shade
