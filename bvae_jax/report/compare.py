"""The page of several runs: `compare.html`, and its figures as JSON and CSV."""

import pathlib
from collections.abc import Sequence
from typing import Any

from bvae_jax import config as config_lib
from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation import tables
from bvae_jax.evaluation.results import Results, spread_of
from bvae_jax.report import markup, page, study_view
from bvae_jax.report.sections.study import (
  claims,
  configs,
  differences,
  scores,
  trade_offs,
  training,
  traversals,
)
from bvae_jax.report.sections.study import head as head_lib
from bvae_jax.report.study_view import Study


def load(path: pathlib.Path) -> tuple[Any, Results]:
  """The config and the results of a finished run.

  Raises:
    WorkdirError: there is no run, or it is not finished, or it failed.
  """
  folder = workdir_lib.Workdir(path)
  config = folder.config()
  if not folder.results_path.exists():
    if why := workdir_lib.failure(path):
      raise workdir_lib.WorkdirError(
        f'{path} has failed: {why}; leave it out, or run its command again'
      )
    log = folder.read_log()
    raise workdir_lib.WorkdirError(
      f'{path} is not finished: it is at step {log[-1]["step"] if log else 0} '
      f'of {config.num_steps}; come again when its command has ended'
    )
  return config, Results.read(folder.results_path)


def _names(paths: Sequence[pathlib.Path]) -> list[str]:
  """The last parts of the paths, as many as tell them apart."""
  parts = [path.resolve().parts for path in paths]
  for size in range(1, max(map(len, parts)) + 1):
    names = ['/'.join(part[-size:]) for part in parts]
    if len({*names}) == len(names):
      return names
  twice = next(path for path in paths if parts.count(path.resolve().parts) > 1)
  raise ValueError(
    f'{twice} is given twice; a run differs from itself by nothing'
  )


def gather(paths: Sequence[pathlib.Path]) -> Study:
  """The runs as a study of which each is a method.

  Raises:
    ValueError: a run is given twice.
    WorkdirError: as `load` does; or a run has no member to compare.
  """
  names = _names(paths)
  loaded = dict(zip(names, map(load, paths)))
  for path, (_, result) in zip(paths, loaded.values()):
    if not result.ok:
      raise workdir_lib.WorkdirError(
        f'{path} has failed: none of its members was trained to the end; '
        'leave it out'
      )
  results = {name: result for name, (_, result) in loaded.items()}
  plain = {
    name: config_lib.plain(config.to_dict())
    | {'metrics': list(results[name].metrics)}
    for name, (config, _) in loaded.items()
  }
  return study_view.assemble(
    {'study': ' and '.join(names), 'units': plain},
    {name: config for name, (config, _) in loaded.items()},
    dict(zip(names, paths)),
    results,
    lambda runs: {run: run for run in runs},
  )


SECTIONS = (
  scores.section,
  differences.section,
  configs.section,
  traversals.of_runs,
  trade_offs.section,
  training.section,
  claims.section,
)


def figures(study: Study) -> dict[str, Any]:
  """What compare.json holds: every figure of the page's tables."""
  means = [
    {
      'run': column.method,
      'setting': dict(zip(study.methods[column.method].swept, column.setting)),
      'score': key,
      'members': len(column.places),
      **spread_of(study.everyone.values(key)[column.places]),
    }
    for column in study.columns
    for key in study.everyone.keys
  ]
  return config_lib.plain(
    {
      'runs': {run: str(path) for run, path in study.folders.items()},
      'warnings': configs.warnings(study),
      'differing_keys': configs.differing(study),
      'scores': means,
      'tests': [test.row() for test in differences.tests(study)],
    }
  )


def write(paths: Sequence[pathlib.Path], out: pathlib.Path) -> None:
  """Writes the page; its figures beside it as .json, the tests as .csv.

  Args:
    paths: of two finished runs or more.
    out: the page.

  Raises:
    ValueError: a run is given twice.
    OSError: a folder holds no finished run, a file cannot be written, or is
      there and of something else.
  """
  beside = out.with_suffix('.json'), out.with_suffix('.csv')
  workdir_lib.Folder(out.parent).check_writable()
  workdir_lib.check_replaceable(out, *beside)
  study = gather(paths)
  found = figures(study)
  head = page.Head(
    study.config['study'],
    markup.element('lede', 'How do these runs differ?')
    + head_lib.answers(study),
    found['warnings'],
    head_lib.methods([study.methods]),
  )
  sections = [section(study) for section in SECTIONS]
  rows = found['tests']
  table = [list(rows[0]), *(list(row.values()) for row in rows)]
  workdir_lib.replace_files(
    {
      beside[0]: workdir_lib.json_text(found),
      beside[1]: tables.as_csv(table),
      out: page.document(head, sections, study.config),
    }
  )
