"""Prepares a real set: fetched or from a file, checked, decoded once.

python -m bvae_jax.data.prepare NAME [--data_dir=DIR] [--from=FILE]
"""

import contextlib
import logging
import pathlib
import shlex
import signal
import sys
from collections.abc import Iterator
from typing import Any

from bvae_jax import usage
from bvae_jax.data import (
  builders,
  checksum,
  download,
  files,
  prepared,
  sets,
  writing,
)
from bvae_jax.data.sets import spec

_LOG = logging.getLogger(__name__)


def prepare(
  name: str,
  given_dir: str = '',
  source: str = '',
  image_size: int = 0,
  unverified: bool = False,
) -> pathlib.Path:
  """Prepares a set, or finds it prepared.

  Args:
    name: a key of `sets.SETS`.
    given_dir: the folder of prepared sets; in the user's cache by default.
    source: the file or folder to take; fetched when empty.
    image_size: height and width [pixels]; 0 is the set's own.
    unverified: take a whole set whose checksums differ.

  Returns:
    Its folder.

  Raises:
    OSError: a file cannot be fetched, read or written.
    ValueError: the files are not what they should be.
  """
  if name not in sets.SETS:
    raise ValueError(f'unknown set {name}; one of: {", ".join(sets.SETS)}')
  if image_size < 0:
    raise ValueError(f'--image_size must be positive, got {image_size}')
  real, home = sets.SETS[name], prepared.data_dir(given_dir)
  size = image_size or real.image_size
  target = home / f'{name}-{size}'
  if target.exists():
    if not (target / 'facts.json').is_file():
      raise ValueError(
        f'{target} holds no prepared set: delete it and run the command again'
      )
    _LOG.info('%s is prepared already; to do so anew, delete it', target)
    return target
  path = _taken(real, source) if source else _fetched(real, home)
  differs, unknown = _compare(real, path)
  if differs and not source:
    raise ValueError(f'{differs}: delete it and run the command again')
  with _naming(path):
    opened = real.open(path)
  whole = len(opened.classes) >= real.num_images
  if differs and whole and not unverified:
    raise ValueError(
      f'{differs}; it may be damaged: get it anew, or take it all the same '
      'with --unverified'
    )
  told = 'the published files'
  if differs or unknown:
    told = 'not the published files' if differs else 'files not verified'
    _LOG.warning('%s', '; '.join(filter(None, (differs, unknown))))
  count = len(opened.classes)
  part = '' if whole else f' of {real.num_images:,}'
  height, width, channels = opened.shape
  facts = {
    'description': (
      f'{real.title}, real images: {count:,}{part} of {height}x{width}x'
      f'{channels}, prepared at {size}x{size} from {path.name} ({told})'
    ),
    'source': str(path),
    'verified': not differs and not unknown,
    'differences': differs,
  }
  with _naming(path):
    return writing.write(home, real, opened, size, facts)


@contextlib.contextmanager
def _naming(path: pathlib.Path) -> Iterator[None]:
  """What is wrong with the contents of a file, as an error that names it."""
  try:
    yield
  except ValueError as error:
    if str(path) in str(error):
      raise
    raise ValueError(f'{path}: {error}') from error


def _taken(real: spec.RealSet, source: str) -> pathlib.Path:
  """The file or folder of a set, also where its one file lies in a folder."""
  path = pathlib.Path(source).expanduser()
  if not path.exists():
    raise FileNotFoundError(f'--from: no such file or folder: {path}')
  if path.is_dir() and (real.either or len(real.files) == 1):
    inside = [path / remote.name for remote in real.files]
    path = next(filter(pathlib.Path.is_file, inside), path)
  if path.is_file():
    what = files.foreign(path)
    # Some sets are a tar.gz; whoever opens it says if it is none.
    if what and 'gzip' not in what:
      raise ValueError(f'{path}: {what}')
  return path


def _fetched(real: spec.RealSet, home: pathlib.Path) -> pathlib.Path:
  """Fetches all files of a set; its one file, or the folder of many."""
  folder = home / 'downloads' / real.name
  folder.mkdir(parents=True, exist_ok=True)
  needed = real.files[:1] if real.either else real.files
  paths = [download.fetch(remote, folder, real.page) for remote in needed]
  return paths[0] if len(paths) == 1 else folder


def _compare(real: spec.RealSet, path: pathlib.Path) -> tuple[str, str]:
  """How the files differ from the published ones, and what cannot be told."""
  if path.is_dir():
    pairs = [(path / remote.name, remote) for remote in real.files]
  else:
    # By its first bytes: an HDF5 file may be called .h5, or anything.
    kinds = {'zip': '.npz', 'hdf5': '.hdf5'}
    suffix = kinds.get(files.kind(path), path.suffix)
    same = [r for r in real.files if r.name.endswith(suffix)]
    pairs = [(path, (same or list(real.files))[0])]
  differs, unknown, absent = [], [], []
  for file, remote in pairs:
    if not file.is_file():
      absent.append(remote.name)
    elif not remote.checksum:
      unknown.append(f'no checksum of {remote.name} is known')
    elif why := checksum.difference(file, remote.checksum, remote.size):
      differs.append(f'{file}: {why}')
  if absent:
    unknown.append(
      f'{path}: not compared with the published sums: lacks {absent[0]}'
      + (f' and {len(absent) - 1} others' if len(absent) > 1 else '')
    )
  return '; '.join(differs), '; '.join(unknown)


def _parse(argv: list[str]) -> Any:
  parser = usage.Parser(
    prog='python -m bvae_jax.data.prepare',
    description='Prepares a real data set, once.',
    allow_abbrev=False,
  )
  parser.add_argument(
    'name', choices=sorted(sets.SETS), metavar='NAME', help=', '.join(sets.SETS)
  )
  parser.add_argument(
    '--data_dir',
    default='',
    help=f'folder of prepared sets ({prepared.data_dir("")})',
  )
  parser.add_argument(
    '--from',
    dest='source',
    default='',
    metavar='FILE',
    help='a file that is there, or the folder of several; else it is fetched',
  )
  parser.add_argument(
    '--image_size', type=int, default=0, help="in place of the set's own"
  )
  parser.add_argument(
    '--unverified',
    action='store_true',
    help='take a whole set whose checksum differs',
  )
  parser.add_argument(
    '--tfds_dir',
    default='',
    help='also write it there as a TFDS set, in array_record',
  )
  return parser.parse_args(argv)


def main(argv: list[str]) -> None:
  """Prepares what the command line names."""
  logging.basicConfig(level=logging.INFO, format='%(message)s')
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
  with usage.one_line_errors():
    args = _parse(argv)
    folder = prepare(
      args.name, args.data_dir, args.source, args.image_size, args.unverified
    )
    if args.tfds_dir:
      made = builders.builder(folder, pathlib.Path(args.tfds_dir).expanduser())
      made.download_and_prepare()
      _LOG.info('%s: read it with tfds.data_source', made.data_path)
  used = sets.dataset_name(args.name)
  given = shlex.quote(args.data_dir)
  where = f' --config.dataset.data_dir={given}' if args.data_dir else ''
  _LOG.info('%s: look at contact_sheet.png', folder)
  _LOG.info('train on it with --config.dataset.name=%s%s', used, where)


if __name__ == '__main__':
  main(sys.argv[1:])
