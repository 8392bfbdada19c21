"""In what the configs of several runs differ, and what that means."""

import json
from typing import Any

from bvae_jax.config import FREE_KEYS, flat
from bvae_jax.report import markup, page
from bvae_jax.report.sections.run import head
from bvae_jax.report.study_view import Study
from bvae_jax.training import schedules


def _differ(values: dict[str, Any]) -> bool:
  return len({json.dumps(value) for value in values.values()}) > 1


def _shown(value: Any) -> str:
  """A value for a reader."""
  if isinstance(value, list):
    return ', '.join(map(_shown, value))
  if value is None or isinstance(value, str):
    return value or markup.MISSING
  return json.dumps(value)


def differing(study: Study) -> dict[str, dict[str, Any]]:
  """{key of the configs: {run: its value}} of the keys that differ."""
  configs = {run: flat(config) for run, config in study.config['units'].items()}
  keys = sorted({key for config in configs.values() for key in config})
  found = {
    key: {run: config.get(key) or None for run, config in configs.items()}
    for key in keys
  }
  return {key: values for key, values in found.items() if _differ(values)}


def _told(what: str, values: dict[str, Any], why: str) -> list[str]:
  """A line on values of the runs that differ, and what that means."""
  if not _differ(values):
    return []
  each = '; '.join(f'{run}: {_shown(v)}' for run, v in values.items())
  return [f'{what} differ ({each}): {why}.']


def unfinished(study: Study) -> list[str]:
  """A line on each schedule that is longer than its runs, and whose it is."""
  found: dict[str, list[str]] = {}
  for unit in study.results:
    for line in schedules.unfinished(study.config['units'][unit]):
      found.setdefault(line, []).append(unit)
  return [f'{", ".join(units)}: {line}.' for line, units in found.items()]


def scored_apart(study: Study) -> list[str]:
  """A line on each setting of what scores are in which runs differ."""
  scored = {run: flat(dict(r.evaluation)) for run, r in study.results.items()}
  keys = dict.fromkeys(k for values in scored.values() for k in values)
  lines = [
    line
    for key in keys
    for line in _told(
      f'Values of evaluation.{key}',
      {run: values.get(key) for run, values in scored.items()},
      'scores are of other points',
    )
  ]
  likelihoods = {
    run: config['likelihood'] for run, config in study.config['units'].items()
  }
  why = 'nll and ELBO have different units'
  return lines + _told('The likelihoods', likelihoods, why)


def warnings(study: Study) -> list[str]:
  """Why scores of these runs may not be comparable, a line each."""
  results, lines = study.results, []
  say = lambda *values: lines.extend(_told(*values))
  sizes = {
    run: f'{r.dataset.name}, {r.dataset.num_images:,} images of '
    f'{"×".join(map(str, r.dataset.image_shape))}'
    for run, r in results.items()
  }
  say('The data sets', sizes, 'scores of different data are not comparable')
  for key, values in differing(study).items():
    if key.startswith('dataset.') and key not in ('dataset.name', *FREE_KEYS):
      say(f'Values of {key}', values, 'the data are not the same')
  lines += scored_apart(study)
  say(
    'The versions of bvae_jax that trained',
    {run: r.provenance.bvae_jax for run, r in results.items()},
    'a score may have been defined otherwise',
  )
  for key in study.everyone.scores:
    lacking = [run for run, r in results.items() if key not in r.metrics]
    if lacking:
      lines.append(f'{", ".join(lacking)}: scored without {key}.')
  return [*lines, *unfinished(study), *head.warnings(study.everyone)]


def section(study: Study) -> page.Section:
  """A row a key, a column a run."""
  rows = [
    [key, *map(_shown, values.values())]
    for key, values in differing(study).items()
  ]
  content = markup.element('lede', 'The configs are the same.')
  if rows:
    content = markup.figure(
      markup.table(['', *study.methods], rows, kind='words'),
      'The keys in which the configs differ.',
    )
  return page.section('What differs in the configs', content)
