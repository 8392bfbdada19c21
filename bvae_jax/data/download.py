"""Fetches a published file, with progress, and goes on where it stopped."""

import http.client
import logging
import os
import pathlib
import shutil
import urllib.error
import urllib.request
from typing import BinaryIO

from bvae_jax.data import files, progress
from bvae_jax.data.sets import spec
from bvae_jax.workdir import locks

_LOG = logging.getLogger(__name__)
_BLOCK = 1 << 20
_TIMEOUT = 30  # seconds without a byte


def fetch(remote: spec.Remote, folder: pathlib.Path, page: str) -> pathlib.Path:
  """Returns the file in the folder, fetched if it is not there.

  A stopped download stays as NAME.part and goes on from there.

  Raises:
    OSError: it cannot be fetched, or the disk has no room; the message says
      which file to put where.
    ValueError: what came is no such file.
  """
  path = folder / remote.name
  if path.exists():
    return path
  by_hand = f'get {remote.name} from {page} and put it into {folder}'
  if not remote.url:
    raise OSError(
      f'{remote.name} can only be fetched with a browser: {by_hand}'
    )
  part = path.with_name(path.name + '.part')
  try:
    _fetch(remote.url, part)
  except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
    raise OSError(
      f'{remote.url} cannot be fetched ({error}): run the command again to go '
      f'on, or {by_hand}, or name the file with --from'
    ) from error
  what = files.foreign(part)
  if 'HTML' in what or 'empty' in what:
    part.unlink()
    raise ValueError(f'{remote.url} gave {what}: {by_hand}')
  os.replace(part, path)
  return path


def _fetch(url: str, part: pathlib.Path) -> None:
  with open(part, 'ab') as stream:
    try:
      locks.take(stream)
    except BlockingIOError:
      raise OSError('another command fetches it; wait for its end') from None
    _go_on(url, stream, part.parent)


def _go_on(url: str, stream: BinaryIO, folder: pathlib.Path) -> None:
  """Appends what a file lacks."""
  have = stream.tell()
  request = urllib.request.Request(url, headers={'User-Agent': 'bvae_jax'})
  if have:
    request.add_header('Range', f'bytes={have}-')
  try:
    response = urllib.request.urlopen(request, timeout=_TIMEOUT)
  except urllib.error.HTTPError as error:
    if have and error.code == 416:  # nothing is left to fetch
      return
    raise
  with response:
    goes_on = response.status == 206
    if not goes_on:
      stream.truncate(have := 0)
    left = int(response.headers.get('Content-Length') or 0)
    free = shutil.disk_usage(folder).free
    if left > free:
      raise OSError(f'{left:,} bytes needed in {folder}, {free:,} free')
    _copy(response, stream, have, have + left)


def _copy(
  response: http.client.HTTPResponse, stream: BinaryIO, have: int, total: int
) -> None:
  told = progress.Progress(_LOG, have / 1e6)
  while block := response.read(_BLOCK):
    stream.write(block)
    have += len(block)
    told.tell('fetched MB', have / 1e6, total / 1e6)
  if have < total:
    raise OSError(f'the connection ended after {have:,} of {total:,} bytes')
