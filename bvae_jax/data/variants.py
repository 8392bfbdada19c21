"""Coloured, noisy and textured dSprites, drawn anew at every look.

With m in [0, 1] the sprite's frame, u uniform and independent per look,

  color:    m u,                                u in [1/2, 1]^3 of the image,
  noisy:    min(m + u, 1),                      u in [0, 1]^3 of each pixel,
  textured: m (1 - b) + (1 - m) b, b = (t + u) / 2, u in [0, 1]^3 of the image,

where t is a random crop of a picture: a texture of waves, or one's own.

Source: Locatello et al. (2019), arXiv:1811.12359, whose picture is The Scream.
"""

import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from bvae_jax.data import dataset, decode, drawn, dsprites, pixels

_SIDE = 320  # of the picture [pixels of a 64x64 frame]


def _color(key: jax.Array, mask: jax.Array, picture: jax.Array) -> jax.Array:
  del picture
  return mask * jax.random.uniform(key, (3,), jnp.float32, 0.5, 1)


def _noisy(key: jax.Array, mask: jax.Array, picture: jax.Array) -> jax.Array:
  del picture
  shape = *mask.shape[:-1], 3
  return jnp.minimum(mask + jax.random.uniform(key, shape, jnp.float32), 1)


def _textured(key: jax.Array, mask: jax.Array, picture: jax.Array) -> jax.Array:
  place_key, color_key = jax.random.split(key)
  size = mask.shape[0], mask.shape[1], 3
  room = jnp.array(picture.shape) - jnp.array(size) + 1
  start = jax.random.randint(place_key, (3,), 0, room)
  crop = jax.lax.dynamic_slice(picture, start, size)
  behind = (crop + jax.random.uniform(color_key, (3,), jnp.float32)) / 2
  return mask * (1 - behind) + (1 - mask) * behind


_LOOKS = {
  'dsprites_color': (_color, 'in a random colour'),
  'dsprites_noisy': (_noisy, 'on uniform noise'),
  'dsprites_textured': (_textured, 'inverting a random crop'),
}
NAMES = tuple(_LOOKS)


def texture() -> np.ndarray:
  """Winding bands of warm and cold colours, float32 [320, 320, 3]."""
  row, column = np.mgrid[:_SIDE, :_SIDE] / 64
  bent = column + 0.6 * np.sin(2.1 * row) + 0.3 * np.sin(5.3 * row + column)
  wave = row * 2 + np.sin(1.7 * bent) + 0.4 * np.cos(3.1 * bent - 2 * row)
  phase = np.array([0.0, 0.9, 2.6])
  bands = np.sin(2.5 * wave[..., None] + phase)
  grain = np.sin(11 * wave + 7 * bent)[..., None]
  return (0.5 + 0.35 * bands + 0.15 * grain).astype(np.float32)


def _picture(path: str, width: int) -> np.ndarray:
  """The picture that crops are of, a width-th of its size, float32 [..., 3].

  Raises:
    FileNotFoundError: no such file.
    ValueError: no picture.
  """
  if not path:
    blocks = texture().reshape(_SIDE // width, width, _SIDE // width, width, 3)
    return blocks.mean((1, 3))
  if not pathlib.Path(path).is_file():
    raise FileNotFoundError(f'dataset.path={path!r} is no file: give a picture')
  try:
    read = decode.read(path, _SIDE // width, 3, 'crop')
  except Exception as error:  # of any decoder
    raise ValueError(
      f'dataset.path={path!r} cannot be read as a picture: {error}'
    ) from error
  return read.astype(np.float32) / 255


def load(config) -> dataset.Dataset:
  """Returns coloured, noisy or textured dSprites by `config.name`.

  Training sees fresh noise at every look; `images_fn` gives each image the
  noise of its own index under a fixed seed, so that scores can be repeated.

  Args:
    config: `name`, one of `NAMES`; `image_size` and `factor_stride` as of
      dSprites; `path` of a picture, of the textured ones alone.

  Raises:
    ValueError: if one of them does not fit.
    FileNotFoundError: no such picture.
  """
  look, how = _LOOKS[config.name]
  arrays: Any = ()
  if config.name == 'dsprites_textured':
    width = pixels.block_width(config.image_size, dsprites.SIZE)
    arrays = jnp.asarray(_picture(config.path, width))
    how += f' of {config.path or "a procedural texture"}'
  else:
    drawn.refuse_path(config)
  plain = dsprites.load(ml_collections.ConfigDict({**config, 'path': ''}))
  size = config.image_size

  def noisy(arrays: Any, index: jax.Array, keys: jax.Array) -> jax.Array:
    """Images of indices [...] with the noise of keys [...]."""
    masks = plain.images_fn((), index)
    flat = masks.reshape(-1, *masks.shape[-3:])
    of_key = lambda key, mask: look(key, mask, arrays)
    images = jax.vmap(of_key)(keys.reshape(-1), flat)
    return images.reshape(*masks.shape[:-1], 3)

  def fixed(arrays: Any, index: jax.Array) -> jax.Array:
    """Images of indices [...], each with its own noise."""
    return noisy(arrays, index, dataset.noise_keys(index))

  return dataset.Dataset(
    name=config.name,
    description=f'{plain.description}; each look {how}, drawn anew',
    image_shape=(size, size, 3),
    num_images=plain.num_images,
    arrays=arrays,
    images_fn=fixed,
    noisy_fn=noisy,
    factors=plain.factors,
  )
