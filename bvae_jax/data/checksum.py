"""Checksums of files: sha256, md5, and the id that git gives a blob."""

import hashlib
import logging
import pathlib

from bvae_jax.data import progress

_LOG = logging.getLogger(__name__)
_BLOCK = 1 << 22


def of(path: pathlib.Path, kind: str) -> str:
  """'KIND:HEX' of a file.

  Args:
    path: the file.
    kind: 'sha256', 'md5' or 'git'.
  """
  size = path.stat().st_size
  digest = hashlib.new('sha1' if kind == 'git' else kind)
  if kind == 'git':
    digest.update(b'blob %d\0' % size)
  done, told = 0, progress.Progress(_LOG)
  with open(path, 'rb') as stream:
    while block := stream.read(_BLOCK):
      digest.update(block)
      done += len(block)
      told.tell(f'{kind} of {path.name}, MB', done / 1e6, size / 1e6)
  return f'{kind}:{digest.hexdigest()}'


def difference(path: pathlib.Path, expected: str, size: int) -> str:
  """How a file differs from what was published, both told; empty if not.

  Args:
    path: the file.
    expected: 'KIND:HEX', empty if unknown.
    size: in bytes, 0 if unknown.
  """
  found = path.stat().st_size
  parts = []
  if size and found != size:
    parts.append(f'{found:,} bytes where {size:,} were published')
  if expected:
    have = of(path, expected.partition(':')[0])
    if have != expected:
      parts.append(f'{have} where {expected} was published')
  return ', '.join(parts)
