"""The page of several runs: `compare.html`, and its figures as JSON and CSV."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation import tables
from bvae_jax.evaluation.results import Results, spread_of
from bvae_jax.report import (
  claims,
  comparisons,
  curves,
  differences,
  facts,
  markup,
  page,
  scores,
  side_by_side,
  study_view,
)
from bvae_jax.report import study as study_page
from bvae_jax.report.markup import text
from bvae_jax.report.study_view import Study


def load(path: pathlib.Path) -> tuple[Any, Results]:
  """The config and the results of a finished run.

  Raises:
    WorkdirError: there is no run, or it is not finished, or it failed.
  """
  folder = workdir_lib.Workdir(path)
  config = folder.config()
  if not folder.results_path.exists():
    failed = path / 'error.txt'
    if failed.exists():
      why = failed.read_text().strip().rpartition('\n')[2]
      raise workdir_lib.WorkdirError(f'{path} has failed: {why}')
    log = folder.read_log()
    raise workdir_lib.WorkdirError(
      f'{path} is not finished: it is at step {log[-1]["step"] if log else 0} '
      f'of {config.num_steps}; compare it when its command has ended'
    )
  results = Results.read(folder.results_path)
  if not results.ok:
    raise workdir_lib.WorkdirError(
      f'{path} has failed: none of its members was trained to the end'
    )
  return config, results


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
    WorkdirError: as `load` does.
  """
  names = _names(paths)
  loaded = dict(zip(names, map(load, paths)))
  results = {name: result for name, (_, result) in loaded.items()}
  plain = {
    name: workdir_lib.plain(config.to_dict())
    | {'metrics': list(results[name].metrics)}
    for name, (config, _) in loaded.items()
  }
  return study_view.assemble(
    {'study': ' and '.join(names), 'units': plain},
    {name: config for name, (config, _) in loaded.items()},
    dict(zip(names, paths)),
    results,
    {name: name for name in names},
  )


def _curves(study: Study) -> str:
  """What all runs log, a line a member."""
  views = list(study.methods.values())
  if not all(view.log for view in views):
    return ''
  return markup.panels(
    curves.together(views),
    'Training, a line a member, of the terms that all runs log.',
    above=scores.keys(study.everyone),
  )


def differing(study: Study) -> dict[str, dict[str, Any]]:
  """{key of the configs: {run: its value}} of the keys that differ."""
  configs = {
    run: workdir_lib.flat(config)
    for run, config in study.config['units'].items()
  }
  keys = dict.fromkeys(key for config in configs.values() for key in config)
  found = {
    key: {run: config.get(key) or None for run, config in configs.items()}
    for key in keys
  }
  return {
    key: values
    for key, values in found.items()
    if len({json.dumps(value) for value in values.values()}) > 1
  }


def _configs(study: Study) -> str:
  shown = lambda value: '–' if value is None else json.dumps(value)
  rows = [
    [text(key), *(text(shown(value)) for value in values.values())]
    for key, values in differing(study).items()
  ]
  if not rows:
    return markup.element('lede', 'The configs are the same.')
  head = ['', *map(text, study.methods)]
  return markup.figure(
    markup.table(head, rows), 'The keys in which the configs differ.'
  )


def warnings(study: Study) -> list[str]:
  """Why scores of these runs may not be comparable, a line each."""
  differ = differing(study)
  results = study.results
  lines = []

  def say(what: str, values: dict[str, Any], why: str) -> None:
    if len({json.dumps(value) for value in values.values()}) > 1:
      each = '; '.join(f'{run}: {value}' for run, value in values.items())
      lines.append(f'{what} differ ({each}): {why}.')

  say(
    'The data sets',
    {run: f'{r.dataset.name}, {r.dataset.num_images:,} images of '
     f'{"×".join(map(str, r.dataset.image_shape))}'
     for run, r in results.items()},
    'scores of different data are not comparable',
  )  # fmt: skip
  settings = {
    key: values
    for key, values in differ.items()
    if key.startswith('dataset.')
    and key not in ('dataset.name', *workdir_lib.FREE_KEYS)
  }
  for key, values in settings.items():
    say(f'Values of {key}', values, 'the data are not the same')
  scored = {
    run: workdir_lib.flat(dict(r.evaluation)) for run, r in results.items()
  }
  for key in dict.fromkeys(k for values in scored.values() for k in values):
    say(
      f'Values of evaluation.{key}',
      {run: values.get(key) for run, values in scored.items()},
      'scores are of other points',
    )
  say(
    'The likelihoods',
    {run: c['likelihood'] for run, c in study.config['units'].items()},
    'nll and ELBO have different units',
  )
  say(
    'The versions of bvae_jax that trained',
    {run: r.provenance.bvae_jax for run, r in results.items()},
    'a score may have been defined otherwise',
  )
  for key in study.everyone.scores:
    lacking = [run for run, r in results.items() if key not in r.metrics]
    if lacking:
      lines.append(f'{", ".join(lacking)}: scored without {key}.')
  return [*lines, *facts.warnings(study.everyone)]


_SECTIONS = (
  ('Scores', (comparisons.distributions, comparisons.table)),
  ('Differences', (differences.table,)),
  ('What differs in the configs', (_configs,)),
  ('Traversals', (side_by_side.traversals_of_methods,)),
  ('Reconstruction against scores', (comparisons.trade_offs,)),
  ('Training', (_curves,)),
  claims.SECTION,
)


def figures(study: Study) -> dict[str, Any]:
  """What compare.json holds: every figure of the page's tables."""
  means = [
    {
      'run': run,
      'setting': dict(zip(study.methods[run].swept, setting)),
      'score': key,
      'members': len(members),
      **spread_of(study.methods[run].values(key)[members]),
    }
    for (run, setting), members in differences.groups(study).items()
    for key in study.keys
  ]
  return workdir_lib.plain(
    {
      'runs': {run: str(path) for run, path in study.folders.items()},
      'warnings': warnings(study),
      'differing_keys': differing(study),
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
    OSError: a folder holds no finished run, or a file cannot be written.
  """
  study = gather(paths)
  found = figures(study)
  head = page.Head(
    study.config['study'],
    markup.element('lede', 'How do these runs differ?'),
    found['warnings'],
    study_page.methods(study),
  )
  sections = [
    (title, ''.join(draw(study) for draw in draws))
    for title, draws in _SECTIONS
  ]
  text_of = json.dumps(found, indent=2, allow_nan=False) + '\n'
  workdir_lib.replace_file(out.with_suffix('.json'), text_of)
  rows = found['tests']
  table = [list(rows[0]), *(list(row.values()) for row in rows)]
  workdir_lib.replace_file(out.with_suffix('.csv'), tables.as_csv(table))
  content = page.document(head, sections, study.config)
  workdir_lib.replace_file(out, content)
