"""`dataset.name=tfds:NAME`: a set that somebody prepared in array_record."""

import collections
import functools
import operator
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from bvae_jax.data import cache, dataset, decode, labels, pixels
from bvae_jax.data import factors as factors_lib

PREFIX = 'tfds:'
_Column = tuple[factors_lib.Factor, np.ndarray]


def load(config: Any) -> dataset.Dataset:
  """Returns a set that TFDS reads; its images are decoded once, into the cache.

  The image is the feature `image`, or the first by name with an image's shape.
  Scalars and vectors of numbers are the factors, by name, also those in a dict:
  class labels with their sizes, integers of few values ordinal, others
  continuous; texts and constants say nothing. TFDS's `value_X` is left out
  beside `label_X`. All splits together;
  records lie in no order, and a complete grid of them is put in its order.

  Args:
    config: config.dataset: `name`, `data_dir` (of TFDS, ~/tensorflow_datasets
      by default), `image_size`, `channels` and `fit`.

  Raises:
    FileNotFoundError: no such set is prepared there.
    ValueError: it holds no images, or no array_record (or TFDS has none of that
      on this platform), or there are several versions.
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
  try:
    known, order = _factors(made, source)
    settings['order'] = cache.digest(order)
    name = cache.fingerprint(sorted(folder.iterdir()), settings)
    images = cache.find(name) or _decoded(made, whole, order, name, settings)
  except (RuntimeError, ValueError) as error:  # of array_record
    raise ValueError(f'{folder}: cannot be read: {error}') from error
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
  features = {
    path: feature
    for path, feature in _leaves(made.info.features)
    if path != (_image(made),) and _is_number(feature)
  }
  rows: dict[tuple[str, ...], list] = {path: [] for path in features}
  for record in source:
    for path, cells in rows.items():
      cells.append(functools.reduce(operator.getitem, path, record))
  last = collections.Counter(path[-1] for path in features)
  columns = [
    column
    for path, feature in features.items()
    for column in _columns(
      path[-1] if last[path[-1]] == 1 else '/'.join(path),
      feature,
      np.array(rows[path]),
    )
  ]
  tells = lambda x: len(np.unique(x[np.isfinite(x)])) > 1
  kept = [c for c in columns if c[0].size != 1 and tells(c[1])]
  if not kept:
    return None, np.arange(len(source))
  factors, values = zip(*kept)
  table = factors_lib.Table.of(factors, np.stack(values, -1))
  return factors_lib.in_order(table)


def _leaves(
  features: Any, above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
  """The features by their path, by name; no `value_X` beside `label_X`."""
  for name, feature in sorted(features.items()):
    if hasattr(feature, 'items'):  # CelebA's attributes are features of one
      yield from _leaves(feature, (*above, name))
    elif not (name.startswith('value_') and f'label_{name[6:]}' in features):
      yield (*above, name), feature


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
  """A factor and its values: of the classes of a label, or by what there is.

  Raises:
    ValueError: an infinite value.
  """
  kind = 'categorical'
  if not size and values.dtype.kind in 'biu':
    there, places = np.unique(values, return_inverse=True)
    if not labels.is_continuous(len(there), len(values)):
      size, values = len(there), places.reshape(-1)
      kind = 'categorical' if there.dtype.kind == 'b' else 'ordinal'
      numbered = (there == np.arange(size)).all()
      words = () if numbered else tuple(map(str, there.tolist()))
  with np.errstate(over='ignore'):
    if np.isinf(values.astype(np.float32)).any():
      raise ValueError(
        f'feature {name} holds an infinite value, or one beyond 32 bits'
      )
  kind = kind if size else 'continuous'
  return factors_lib.Factor(name, kind, size, words), values.astype(np.float64)
