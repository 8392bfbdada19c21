"""`dataset.name=tfds:NAME`: a set that somebody prepared in array_record."""

import pathlib
from typing import Any

import numpy as np

from bvae_jax.data import cache, dataset, decode, pixels
from bvae_jax.data import factors as factors_lib

PREFIX = 'tfds:'
_MOST_VALUES = 10_000  # of an integer that is a factor's class
_Column = tuple[factors_lib.Factor, np.ndarray]


def load(config: Any) -> dataset.Dataset:
  """Returns a set that TFDS reads; its images are decoded once, into the cache.

  The image is the feature `image`, or the first by name with an image's shape.
  Scalars and vectors of numbers are the factors, by name: class labels with
  their sizes, integers by value, others continuous; texts and constants say
  nothing. TFDS's `value_X` is left out beside `label_X`. All splits together;
  records lie in no order, and a complete grid of them is put in its order.

  Args:
    config: config.dataset: `name`, `data_dir` (of TFDS, ~/tensorflow_datasets
      by default), `image_size`, `channels` and `fit`.

  Raises:
    FileNotFoundError: no such set is prepared there.
    ImportError: TFDS lacks array_record on this platform.
    ValueError: it holds no images, or no array_record, or several versions.
  """
  if config.factor_stride:
    raise ValueError(
      f'dataset.factor_stride has no use for {config.name}; leave it out'
    )
  if config.path:
    raise ValueError(
      f'dataset.path={config.path!r} has no use for {config.name}: it is read '
      'from dataset.data_dir'
    )
  import tensorflow_datasets

  tfds: Any = tensorflow_datasets
  folder = _folder(config)
  try:
    made = tfds.core.read_only_builder.builder_from_directory(folder)
    source = made.as_data_source(
      split='all', decoders={_image(made): tfds.decode.SkipDecoding()}
    )
    whole = made.as_data_source(split='all')
  except (NotImplementedError, ImportError) as error:
    raise ValueError(
      f'{folder}: cannot be read without TensorFlow; prepare it with '
      f'file_format=array_record: {error}'
    ) from error
  settings = {key: config[key] for key in cache.SETTINGS}
  name = cache.fingerprint(sorted(folder.iterdir()), settings)
  known, order = _factors(made, source)
  images = cache.find(name) or _decoded(made, whole, order, name, settings)
  if images.skipped:
    raise ValueError(
      f'{folder}: {len(images.skipped)} images cannot be decoded: '
      f'{next(iter(images.skipped.values()))}'
    )
  count, height, width, channels = images.images.shape
  return pixels.of_bytes(
    config.name,
    f'TFDS set {made.info.full_name}: {count} images, prepared at '
    f'{height}x{width}x{channels}, from {images.words}',
    images.images,
    known,
  )


def _folder(config: Any) -> pathlib.Path:
  """The folder of the one version of a set."""
  given = config.get('data_dir', '') or '~/tensorflow_datasets'
  home = pathlib.Path(given).expanduser()
  name = config.name.removeprefix(PREFIX).replace(':', '/')
  if not name:
    raise ValueError(f'dataset.name={config.name} needs a name after the colon')
  found = sorted(p.parent for p in (home / name).rglob('dataset_info.json'))
  if not found:
    raise FileNotFoundError(
      f'dataset.name={config.name}: no set {name} is prepared in {home}; '
      'prepare it with file_format=array_record, or set dataset.data_dir'
    )
  if len(found) > 1:
    able = ', '.join(PREFIX + p.relative_to(home).as_posix() for p in found)
    raise ValueError(f'dataset.name={config.name} is one of: {able}')
  return found[0]


def _image(made: Any) -> str:
  """The name of the feature that is the image."""
  # Features are read back in no order.
  features = made.info.features.items()
  for name, feature in sorted(features, key=lambda x: (x[0] != 'image', x[0])):
    shape = tuple(getattr(feature, 'shape', None) or ())
    if len(shape) == 3 and shape[-1] in (1, 3, 4):
      return name
  raise ValueError(
    f'{made.info.full_name}: holds no image [H, W, C] among '
    + ', '.join(made.info.features)
  )


def _decoded(
  made: Any, source: Any, order: np.ndarray, name: str, settings: dict
) -> cache.Decoded:
  """Decodes the images in order."""
  image, size, fit = _image(made), settings['image_size'], settings['fit']
  first = np.asarray(source[0][image])
  channels = settings['channels'] or (1 if first.shape[-1] == 1 else 3)
  offset, factor, words = pixels.scale_of(first.dtype, *_limits(source, image))

  def one(i: int) -> np.ndarray:
    values = np.asarray(source[int(order[i])][image])
    return decode.from_pixels(
      pixels.to_bytes(values, offset, factor), size, channels, fit
    )

  return cache.decoded(name, (size, size, channels), len(order), one, words)


def _limits(source: Any, image: str) -> tuple[float, float]:
  """The least and largest value of the images; of bytes, as far as needed."""
  low, high = np.inf, -np.inf
  for record in source:
    values = np.asarray(record[image])
    smallest, largest = pixels.extremes(values[None])
    low, high = min(low, smallest), max(high, largest)
    if values.dtype == np.uint8 and high > 1:
      break
  return low, high


def _factors(
  made: Any, source: Any
) -> tuple[factors_lib.Grid | factors_lib.Table | None, np.ndarray]:
  """What is known of the records, and the record of each image."""
  features = made.info.features
  names = [
    name
    for name, feature in sorted(features.items())
    if name != _image(made) and _is_number(feature)
  ]
  twin = lambda n: n.startswith('value_') and f'label_{n[6:]}' in names
  names = [n for n in names if not twin(n)]
  rows: dict[str, list] = {name: [] for name in names}
  for record in source:
    for name in names:
      rows[name].append(record[name])
  columns = [
    column
    for name in names
    for column in _columns(name, features[name], np.array(rows[name]))
  ]
  kept = [c for c in columns if c[0].size != 1 and np.ptp(c[1])]
  if not kept:
    return None, np.arange(len(source))
  factors, values = zip(*kept)
  table = factors_lib.Table.of(factors, np.stack(values, -1))
  return factors_lib.in_order(table)


def _is_number(feature: Any) -> bool:
  dtype = getattr(feature, 'np_dtype', None)
  shape = getattr(feature, 'shape', None)
  return (
    dtype is not None
    and shape is not None
    and np.dtype(dtype).kind in 'biuf'
    and len(shape) <= 1
    and None not in shape
  )


def _columns(name: str, feature: Any, values: np.ndarray) -> list[_Column]:
  """The factors of a feature: one of a scalar, one a place of a vector."""
  name = name.removeprefix('label_')
  if values.ndim == 2:
    return [
      _column(f'{name}_{k}', values[:, k], 0, ())
      for k in range(values.shape[1])
    ]
  size = getattr(feature, 'num_classes', None) or 0
  words = tuple(getattr(feature, 'names', None) or ())
  numbered = words == tuple(map(str, range(size)))
  return [_column(name, values, size, () if numbered else words)]


def _column(
  name: str, values: np.ndarray, size: int, words: tuple[str, ...]
) -> _Column:
  whole = values.dtype.kind in 'biu'
  if not size and whole and 0 <= values.min() <= values.max() < _MOST_VALUES:
    size = int(values.max()) + 1
  kind = 'categorical' if words or size else 'continuous'
  return factors_lib.Factor(name, kind, size, words), values.astype(np.float64)
