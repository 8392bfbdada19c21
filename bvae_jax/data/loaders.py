"""What holds of every loader: the keys that it reads, the images it returns."""

from typing import Any

import numpy as np

from bvae_jax.data import records
from bvae_jax.data.dataset import Dataset

# Keys of images of one's own, where they are off.
_OWN = {
  'image_key': '',
  'label_keys': (),
  'channels': 0,
  'fit': 'crop',
  'strict': False,
}
_LOOKED_AT = 256  # images, of all over the set


def check_keys(config: Any) -> None:
  """Refuses keys of `config.dataset` that a set which ships does not read.

  Raises:
    ValueError: one is given, and would have no effect.
  """
  read = set(_OWN) if config.name == 'images' else set()
  if config.name.startswith(records.PREFIX):
    read = {'channels', 'fit'}
  for key, off in _OWN.items():
    value = config.get(key, off)
    if key not in read and (value or off) != off:
      raise ValueError(
        f'dataset.{key}={value!r} has no use for dataset.name={config.name}; '
        'leave it out'
      )


def check_images(made: Dataset) -> None:
  """Refuses images of somebody's loader that are not what `Dataset` asks for.

  Raises:
    ValueError: another shape than it says, or values outside [0, 1].
  """
  count = made.num_images
  index = np.linspace(0, count - 1, min(count, _LOOKED_AT)).astype(np.int32)
  images = np.asarray(made.images(index))
  whole = f'data set {made.name}: its images'
  if images.shape[1:] != tuple(made.image_shape):
    raise ValueError(
      f'{whole} are {images.shape[1:]}, and image_shape is '
      f'{tuple(made.image_shape)}; let images_fn give [..., H, W, C] of '
      'indices [...]'
    )
  low, high = float(images.min()), float(images.max())
  if images.dtype.kind != 'f' or not (low >= -1e-3 and high <= 1 + 1e-3):
    raise ValueError(
      f'{whole} are {images.dtype} from {low:g} to {high:g}; let images_fn '
      'give float32 from 0 to 1'
    )
