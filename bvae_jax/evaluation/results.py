"""results.csv: one row for each member and score of one run or of many."""

import csv
import io
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from bvae_jax import workdir


def varying(results: dict[str, dict]) -> list[str]:
  """The hyperparameters that take two values or more among the members."""
  values = {}
  for result in results.values():
    for entry in result['members']:
      for name, value in entry['hparams'].items():
        values.setdefault(name, set()).add(value)
  return [name for name, found in values.items() if len(found) > 1]


def scores(entry: dict[str, Any]) -> dict[str, float | None]:
  """A member's scalars under flat names: the ELBO's terms, then its metrics."""
  terms = {
    k: v for k, v in entry['elbo'].items() if not isinstance(v, list | tuple)
  }
  return {
    **terms,
    'active_latents': entry['active_latents'],
    **entry['metrics'],
  }


def rows(results: dict[str, dict]) -> Iterator[list]:
  """The head, then the rows of the table; None where there is no value.

  Args:
    results: results as results.json holds them, under the runs' names.

  Yields:
    unit, objective, seed, the varying hyperparameters, metric, value, error.
  """
  names = varying(results)
  yield ['unit', 'objective', 'seed', *names, 'metric', 'value', 'error']
  for unit, result in results.items():
    for entry in result['members']:
      who = [unit, result['objective'], entry['seed']]
      where = [entry['hparams'].get(name) for name in names]
      for metric, value in scores(entry).items():
        yield [*who, *where, metric, value, entry['errors'].get(metric)]


def write(path: str | os.PathLike, results: dict[str, dict]) -> None:
  """Writes the table; an empty cell where there is no value.

  Args:
    path: the file, replaced in one step.
    results: as for `rows`.

  Raises:
    WorkdirError: the file cannot be written.
  """
  text = io.StringIO()
  csv.writer(text, lineterminator='\n').writerows(rows(results))
  workdir.replace_file(pathlib.Path(path), text.getvalue())
