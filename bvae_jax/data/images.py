"""Images of one's own: a folder of files, or a file with an array of them."""

import collections
import contextlib
import logging
import os
import pathlib
from typing import Any

import numpy as np

from bvae_jax.data import cache, dataset, decode, files, labels, pixels
from bvae_jax.data import factors as factors_lib

_LOG = logging.getLogger(__name__)
_NAMED = 3  # skipped files, or endings, in a message
_OURS = (labels.NAME, 'thumbs.db', 'desktop.ini')  # and what Windows lays there


def load(config: Any) -> dataset.Dataset:
  """Returns the images of a folder or file, with labels where there are some.

  Decoded once, into the user's cache, they are bytes on the device or the host.
  Where the labels are every combination of two factors or more, once each, the
  images are a grid, in its order.

  Args:
    config: `path`; `image_key` and `label_keys`, the names of arrays in an .npz
      or HDF5 file; `image_size` of the square images; `channels`, 1 grey, 3
      RGB, 0 as found; `fit`, 'crop' or 'pad'; `strict` refuses a folder with
      files that cannot be decoded, which else are left out.

  Raises:
    FileNotFoundError: there is no such path.
    OSError: the cache cannot be written.
    ValueError: no images, or a config, file or labels that do not fit.
  """
  path = _checked(config)
  settings = {key: config[key] for key in cache.SETTINGS}
  keys = tuple(config.get('label_keys', ()))
  key = config.get('image_key', '')
  if path.is_dir():
    if keys or key:
      raise ValueError(
        'dataset.image_key and label_keys name arrays of a file, and '
        f'{path} is a folder: leave them out; labels are read from its '
        f'{labels.NAME}'
      )
    found = _list(path)
    made = _folder([path / name for name in found], settings)
    skipped = {found[i]: why for i, why in made.skipped.items()}
    _report(path, skipped, config.strict)
    known = labels.of_files(path, [found[i] for i in made.rows], skipped)
  else:
    made, skipped = _array(path, settings, key), {}
    known = labels.of_arrays(path, keys, len(made.images))
  if known is not None:
    known, order = factors_lib.in_order(known)
    made = cache.in_order(made, order)
  return _dataset(path, made, len(skipped), known)


def _checked(config: Any) -> pathlib.Path:
  if not config.path:
    raise ValueError(
      'dataset.path must name a folder of images, or a .npy, .npz or HDF5 file'
    )
  if config.channels not in (0, 1, 3):
    raise ValueError(
      f'dataset.channels must be 0 (as found), 1 or 3, got {config.channels}'
    )
  if config.fit not in decode.FITS:
    raise ValueError(f'dataset.fit={config.fit!r} is unknown; valid: crop, pad')
  if config.image_size < 1:
    raise ValueError(
      f'dataset.image_size must be at least 1, got {config.image_size}'
    )
  if config.factor_stride:
    raise ValueError(
      'dataset.factor_stride has no use for dataset.name=images; leave it out'
    )
  path = pathlib.Path(os.path.expanduser(config.path))
  if str(path) != str(path).encode(errors='replace').decode():
    raise ValueError(f'dataset.path={str(path)!r} is no UTF-8; rename it')
  if not path.exists():
    here = '' if path.is_absolute() else f' in {pathlib.Path.cwd()}'
    raise FileNotFoundError(
      f'dataset.path: no such file or folder{here}: {path}'
    )
  return path


def _list(folder: pathlib.Path) -> list[str]:
  """Returns the image files below a folder, sorted, with slashes."""
  found, others = [], []
  walked = {os.path.realpath(folder)}  # a link may lead back
  for root, folders, names in os.walk(
    folder, onerror=_refuse, followlinks=True
  ):
    seen = [f for f in sorted(folders) if f[0] != '.' and f != '__MACOSX']
    real = {os.path.realpath(os.path.join(root, f)): f for f in reversed(seen)}
    folders[:] = sorted(f for path, f in real.items() if path not in walked)
    walked |= real.keys()
    for name in names:
      if decode.is_picture(name):
        path = pathlib.Path(root) / name
        found.append(path.relative_to(folder).as_posix())
      elif name[0] != '.' and name.lower() not in _OURS:
        others.append(os.path.splitext(name)[1].lower() or 'none')
  _tell_of_others(folder, others)
  if not found:
    raise ValueError(
      f'{folder}: no image in this folder or below; looked for '
      + ', '.join(decode.SUFFIXES)
    )
  return sorted(found)


def _tell_of_others(folder: pathlib.Path, endings: list[str]) -> None:
  """Says which files of a folder are not looked at."""
  if endings:
    most = collections.Counter(sorted(endings)).most_common(_NAMED)
    _LOG.warning(
      '%s: files with endings of no images are not read: %d (%s); labels '
      'are read from %s',
      *(folder, len(endings)),
      ', '.join(f'{ending}: {count}' for ending, count in most),
      labels.NAME,
    )


def _refuse(error: OSError) -> None:
  """A folder that cannot be read is no empty one."""
  raise error


def _folder(
  paths: list[pathlib.Path], settings: dict[str, Any]
) -> cache.Decoded:
  """Decodes the files, or finds them decoded.

  Those that could not be are tried again: their rights or disk may be back.
  """
  name = cache.fingerprint(paths, settings)
  found = cache.find(name)
  if found and not found.skipped:
    return found
  size, fit = settings['image_size'], settings['fit']
  channels = settings['channels'] or _channels(paths)
  ends = decode.ends_of(paths)

  def one(i: int) -> np.ndarray:
    _regular(paths[i])
    try:
      return decode.read(paths[i], size, channels, fit, ends)
    except Exception as error:
      what = files.foreign(paths[i])
      if what == files.ONE_IMAGE:  # the decoder knows more
        what = ''
      raise ValueError(what or str(error)) from error

  for i in found.skipped if found else ():
    with contextlib.suppress(Exception):
      one(i)
      found = None
      break
  if found:
    return found
  words = ' of '.join(filter(None, ('image files', decode.words_of(ends))))
  return cache.decoded(name, (size, size, channels), len(paths), one, words)


def _regular(path: pathlib.Path) -> None:
  """Refuses what would block, or leads nowhere."""
  if not path.is_file():
    raise ValueError('no file, or a link that leads nowhere')


def _channels(paths: list[pathlib.Path]) -> int:
  """Returns 1 if every readable file is grey, else 3."""
  for path in paths:
    try:
      _regular(path)
      if not decode.is_grey(path):
        return 3
    except Exception:  # noqa: BLE001, S112 - it is counted when decoded
      continue
  return 1


def _array(
  path: pathlib.Path, settings: dict[str, Any], key: str
) -> cache.Decoded:
  """Decodes an array of images, or finds it decoded."""
  name = cache.fingerprint([path], settings | ({'key': key} if key else {}))
  if found := cache.find(name):
    return found
  array = files.open_array(path, key)
  try:
    array = array.transpose(pixels.to_nhwc(array.shape))
    array = array[..., None] if array.ndim == 3 else array
    offset, factor, words = pixels.scale_of(
      array.dtype, *pixels.extremes(array)
    )
  except ValueError as error:
    raise ValueError(f'{path}: {error}') from error
  size, fit = settings['image_size'], settings['fit']
  channels = settings['channels'] or (1 if array.shape[-1] < 3 else 3)

  def one(i: int) -> np.ndarray:
    image = pixels.to_bytes(array[i], offset, factor)
    return decode.from_pixels(image, size, channels, fit)

  return cache.decoded(name, (size, size, channels), len(array), one, words)


def _report(
  folder: pathlib.Path, skipped: dict[str, str], strict: bool
) -> None:
  """Says which files could not be decoded.

  Raises:
    ValueError: there are some, and the config is strict.
  """
  if not skipped:
    return
  few = '; '.join(f'{n}: {why}' for n, why in list(skipped.items())[:_NAMED])
  more = '; ...' if len(skipped) > _NAMED else ''
  message = f'{folder}: {len(skipped)} files cannot be decoded: {few}{more}'
  if strict:
    raise ValueError(f'{message}; dataset.strict=False leaves them out')
  _LOG.warning('%s', message)


def _dataset(
  path: pathlib.Path,
  made: cache.Decoded,
  num_skipped: int,
  known: factors_lib.Table | factors_lib.Grid | None,
) -> dataset.Dataset:
  count, height, width, channels = made.images.shape
  description = (
    f'real images of {path.absolute().name}: {count} of '
    f'{height}x{width}x{channels}, from {made.words}'
  )
  if num_skipped:
    description += f'; {num_skipped} files that cannot be decoded left out'
  if known is not None:
    description += '; labels: ' + ', '.join(f.name for f in known.factors)
  return pixels.of_bytes('images', description, made.images, known)
