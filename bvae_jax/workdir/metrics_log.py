"""metrics.jsonl: a line a log step and program, each with its sum."""

import json
import logging
import pathlib
import zlib
from collections.abc import Sequence
from typing import Any

_LOG = logging.getLogger(__name__)

# Of each member of a line beside its terms: which one it is, and whether it is
# well.
OF_MEMBER = ('seed', 'hparams', 'alive')


def text(line: dict) -> str:
  """A line of the log; its sum tells whether it is whole."""
  plain = json.dumps(line, allow_nan=False)
  return json.dumps({**line, 'crc32': zlib.crc32(plain.encode())}) + '\n'


def parse(raw: str) -> dict | None:
  """The line of the log in a text; None where it is damaged."""
  try:
    line = json.loads(raw)
    found = line.pop('crc32', None)
    plain = json.dumps(line, allow_nan=False)
  except (ValueError, RecursionError, AttributeError, TypeError):
    return None
  whole = found in (None, zlib.crc32(plain.encode()))  # None: a run of before
  numbered = all(type(line.get(name)) is int for name in ('step', 'group'))
  members = line.get('members', [])
  named = isinstance(members, list) and all(
    isinstance(m, dict) for m in members
  )
  return line if whole and numbered and named else None


def lines(path: pathlib.Path) -> list[dict]:
  """The log's whole lines; others are left out, and said."""
  found = []
  if not path.exists():
    return found
  whole = path.read_text(errors='replace')
  for number, raw in enumerate(whole.splitlines(), 1):
    line = parse(raw)
    if line is not None:
      found.append(line)
    else:
      _LOG.warning('%s: line %d is damaged and left out', path, number)
  return found


def seconds(found: list[dict]) -> float:
  """What training took, from the first to the last line of each program.

  A clock that was set back between two lines takes that time away, no more.
  """
  last: dict[int, float] = {}
  total = 0.0
  for line in found:
    total += max(0.0, line['time'] - last.get(line['group'], line['time']))
    last[line['group']] = line['time']
  return total


def merged(found: list[dict], members: Sequence[Any]) -> list[dict]:
  """A line a step with all members, in the order of the population.

  Members of a program that ended before others, since all of them had stopped,
  have no terms from there on.

  Args:
    found: lines of all programs.
    members: of the run, with their seeds and hparams.
  """
  steps = {}
  for line in found:
    whole = steps.setdefault(line['step'], {**line, 'members': []})
    whole['members'] += line.get('members', [])
  for end in {line['group']: line for line in found}.values():
    silent = [
      {k: m[k] for k in OF_MEMBER if k in m} for m in end.get('members', [])
    ]
    for step, whole in steps.items():
      whole['members'] += silent if step > end['step'] else []
  who = lambda seed, hparams: json.dumps([seed, hparams], sort_keys=True)
  places = {who(m.seed, m.hparams): i for i, m in enumerate(members)}
  place = lambda m: places.get(who(m.get('seed'), m.get('hparams')), 0)
  size = max((len(x['members']) for x in steps.values()), default=0)
  whole = [steps[s] for s in sorted(steps) if len(steps[s]['members']) == size]
  for line in whole:
    line['members'].sort(key=place)
  return whole
