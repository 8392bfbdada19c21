"""Files that are written as a whole, or not at all."""

import contextlib
import errno
import itertools
import json
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

_WRITES = itertools.count()
_REMEDIES = {
  'free the disk': (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
  'make it writable': (errno.EACCES, errno.EPERM, errno.EROFS),
}
_PART = re.compile(r'\.\d+-\d+\.part$')  # what `replace_file` writes first


class WorkdirError(OSError):
  """A folder that cannot hold the run; the message says what to do."""


def remedy(told: str) -> str:
  """What to do about a write that failed with these words of the system."""
  for what, numbers in _REMEDIES.items():
    if any(os.strerror(number) in told for number in numbers):
      return what
  return 'look after the disk'


def replace_file(path: pathlib.Path, content: str | bytes) -> None:
  """Writes a file beside `path`, then renames it over `path`."""
  replace_files({path: content})


def replace_files(contents: Mapping[pathlib.Path, str | bytes]) -> None:
  """Writes files beside their paths, then renames all of them.

  So a full disk leaves all of them as they were.

  Raises:
    WorkdirError: a file cannot be written.
  """
  parts = {}
  for path in contents:  # names of their own: two writers never mix one file
    name = f'{path.name}.{os.getpid()}-{next(_WRITES)}.part'
    parts[path] = path.with_name(name)
  at = None
  try:
    for at, content in contents.items():
      at.parent.mkdir(parents=True, exist_ok=True)
      raw = content.encode() if isinstance(content, str) else content
      parts[at].write_bytes(raw)
    for at, part in parts.items():
      os.replace(part, at)
  except OSError as error:
    for part in parts.values():
      with contextlib.suppress(OSError):
        part.unlink()
    raise WorkdirError(
      f'cannot write {at} ({error.strerror}); {remedy(str(error))} or choose '
      'another folder, then run the same command again to go on'
    ) from error


def sweep(folder: pathlib.Path, *patterns: str) -> None:
  """Removes what writes that were killed have left of some files.

  Args:
    folder: whose lock is held, without which nobody writes these files.
    patterns: of their names, as `glob` has them.
  """
  for pattern in patterns:
    for part in folder.glob(f'{pattern}.*.part'):
      if _PART.search(part.name):
        part.unlink(missing_ok=True)


def check_replaceable(*paths: pathlib.Path) -> None:
  """Refuses to write over files of others.

  Args:
    paths: all files of one command, which lie there together or not at all.

  Raises:
    WorkdirError: some are there, and some are not.
  """
  there = [path for path in paths if path.exists()]
  if there and len(there) < len(paths):
    raise WorkdirError(
      f'{there[0]} is there already, and not of this command; choose another '
      '--out, or move it away'
    )


def json_text(value: Any) -> str:
  """The text of a JSON file that people read too."""
  return json.dumps(value, indent=2, allow_nan=False) + '\n'


def read_json(path: pathlib.Path) -> dict:
  """A JSON file of the run.

  Raises:
    WorkdirError: the file is damaged.
  """
  try:
    read = json.loads(path.read_text(encoding='utf-8'))
    if not isinstance(read, dict):
      raise ValueError('it holds no object')
  except (ValueError, RecursionError) as error:
    raise WorkdirError(
      f'{path} is damaged ({error}); put a copy of it back, or move it away '
      'and run the command again'
    ) from error
  return read
