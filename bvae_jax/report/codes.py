"""The page of codes that were scored from files: score.html."""

import math

from markupsafe import Markup

from bvae_jax.evaluation.results import Results
from bvae_jax.report import markup, names, page
from bvae_jax.report.markup import count, number
from bvae_jax.report.sections import panels

_MOST = 40  # codes in a map


def _of_factors(results: Results, name: str) -> str:
  """METRIC or METRIC/SCORE of a figure of one factor; '' of any other figure.

  The factor's own name may hold a slash.
  """
  factors = sorted(results.dataset.factor_names, key=len, reverse=True)
  own = (name.removesuffix(f'/{factor}') for factor in factors)
  return next((score for score in own if score != name), '')


def _label(name: str) -> str:
  """METRIC or METRIC/SCORE for readers."""
  metric, _, score = name.partition('/')
  short = names.name(metric)
  if not score or names.known(name):
    return names.name(name)
  if short.lower().replace(' ', '') != metric.replace('_', ''):  # of one score
    short = metric.upper() if len(metric) < 5 else metric.capitalize()
  return f'{short}: {score}'.replace('_', ' ')


def _repeats(name: str) -> bool:
  """Whether METRIC/SCORE is the metric's main score again."""
  metric, _, score = name.partition('/')
  return bool(score) and score in names.name(metric).lower()


def _table(results: Results) -> Markup:
  """A row a score, with its standard error where it has one."""
  member = results.members[0]
  rows = [
    [_label(name), number(value), number(member.errors.get(name))]
    for name, value in member.metrics.items()
    if not _of_factors(results, name) and not _repeats(name)
  ]
  resamples = results.evaluation.get('num_resamples', 0)
  return markup.figure(
    markup.table(['', 'score', 'standard error'], rows),
    (
      f'Standard errors over {resamples} resamples of the points.'
      if resamples
      else 'No standard errors were asked for: --num_resamples=20 gives them.'
    )
    + names.directions(results.metrics),
  )


def _factors(results: Results) -> Markup:
  """A row a factor, a column a score that has figures of each."""
  member = results.members[0]
  scores = dict.fromkeys(
    score for name in member.metrics if (score := _of_factors(results, name))
  )
  if not scores:
    return Markup()

  def cell(score: str, factor: str) -> str:
    name = f'{score}/{factor}'
    return markup.with_error(member.metrics.get(name), member.errors.get(name))

  facts = results.dataset
  rows = [
    [factor, size or 'continuous', *(cell(score, factor) for score in scores)]
    for factor, size in zip(facts.factor_names, facts.factor_sizes)
  ]
  head = ['', 'values', *map(_label, scores)]
  return markup.figure(
    markup.table(head, rows), 'Each factor’s own figure of each score.'
  )


def _matrices(results: Results) -> Markup:
  """What each code knows of each factor."""
  maps = []
  for key, matrix in results.members[0].matrices.items():
    columns = {f'z{d}': d for d in range(min(len(matrix), _MOST))}
    title = names.name(key)
    factors = results.dataset.factor_names
    maps.append(panels.matrix(matrix, factors, columns, title))
  few = f', the first {_MOST}' if maps and len(matrix) > _MOST else ''
  return panels.matrices(
    maps,
    results.members[0].matrices,
    f'What each code knows of each factor, in the order of the file{few}.',
  )


def document(title: str, results: Results) -> str:
  """The page: tables with standard errors, figures of factors, matrices.

  Args:
    title: names the codes.
    results: as `score.score` has them, of one representation.
  """
  facts, made = results.dataset, results.provenance
  known = [v for v in facts.factor_sizes if v]
  whole = 'each once' if facts.complete_grid else 'not each once'
  head = page.Head(
    title,
    markup.element('lede', 'What do these codes know of the factors?'),
    [],
    [
      ('Points', f'{facts.num_images:,}; {facts.description}'),
      ('Combinations', f'{math.prod(known):,} of the factors, {whole}'),
      ('Codes that vary', count(results.members[0].active_latents, 'column')),
      ('Factors', ', '.join(facts.factor_names)),
      ('Versions', f'bvae_jax {made.bvae_jax}, jax {made.jax}'),
    ],
  )
  sections = [
    page.Section('Scores', _table(results)),
    page.Section('Factors', _factors(results)),
    page.Section('What the codes know', _matrices(results)),
  ]
  return page.document(head, sections, dict(results.evaluation))
