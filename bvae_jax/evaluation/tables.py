"""Tables of results: results.csv for programs, a short one for the terminal."""

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bvae_jax import population
from bvae_jax.evaluation import records
from bvae_jax.evaluation.results import Results


def rows(results: Mapping[str, Results]) -> Iterator[list]:
  """The head, then the rows of the tidy table; None where there is no value.

  Args:
    results: of runs, under their names.

  Yields:
    unit, objective, seed, the varying hyperparameters, status, metric, value,
    error.
  """
  everyone = records.complete([m for r in results.values() for m in r.members])
  names = population.varying(everyone)
  head = ['unit', 'objective', 'seed', *names, 'status']
  yield [*head, 'metric', 'value', 'error']
  members = iter(everyone)
  for unit, result in results.items():
    for m in itertools.islice(members, len(result.members)):
      where = [m.hparams.get(name) for name in names]
      who = [unit, result.objective, m.seed, *where, m.status]
      for metric, value in m.scores.items():
        yield [*who, metric, value, m.errors.get(metric)]
    for floor, scores in result.floors.items():
      who = [unit, floor, None, *[None] * len(names), 'floor']
      for metric, value in scores.items():
        yield [*who, metric, value, None]


def _cell(value: Any) -> Any:
  """A cell that no spreadsheet takes for a formula."""
  if isinstance(value, str) and value.startswith(('=', '+', '-', '@', '\t')):
    return "'" + value
  return value


def csv_text(results: Mapping[str, Results]) -> str:
  """results.csv: the rows above; an empty cell where there is no value."""
  return as_csv(rows(results))


def as_csv(table: Iterable[Iterable[Any]]) -> str:
  """A table as CSV, safe for spreadsheets."""
  text = io.StringIO()
  cells = ([_cell(value) for value in row] for row in table)
  csv.writer(text, lineterminator='\n').writerows(cells)
  return text.getvalue()


def table(results: Results) -> str:
  """The members and their main scores, one a line."""
  names, swept = results.metrics, results.varying
  terms = ('elbo', 'nll', 'kl')
  everything = (*terms, *(f'held_out_{name}' for name in terms))
  bounds = [k for k in everything if k in results.members[0].elbo]
  head = ['seed', *swept, *bounds, 'active', *names, 'status']
  show = lambda x: '-' if x is None else f'{x:.4g}'
  lines = [
    [
      str(m.seed),
      *(show(m.hparams[n]) for n in swept),
      *(show(m.elbo[n]) for n in bounds),
      str(m.active_latents),
      *(show(m.metrics.get(n)) for n in names),
      m.outcome,
    ]
    for m in results.members
  ]
  blank = [''] * (1 + len(swept) + len(bounds) + 1)
  lines += [
    [*blank, *(show(scores.get(n)) for n in names), name]
    for name, scores in results.floors.items()
  ]
  return aligned([head, *lines])


def aligned(lines: Sequence[Sequence[str]]) -> str:
  """Lines of cells for a terminal, the columns aligned at their right ends."""
  widths = [max(map(len, column)) for column in zip(*lines)]
  return '\n'.join(
    '  '.join(cell.rjust(w) for cell, w in zip(line, widths)) for line in lines
  )
