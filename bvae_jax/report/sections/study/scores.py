"""Every score by method and setting."""

from typing import Any

import numpy as np
from markupsafe import Markup

from bvae_jax.evaluation import inference
from bvae_jax.report import charts, kinds, markup, names, page
from bvae_jax.report.sections import panels
from bvae_jax.report.study_view import Study


def _read(study: Study) -> str:
  """Which scores are better lower, and which are of images that differ."""
  data = (study.config['units'][unit]['dataset'] for unit in study.results)
  shifts = {str([own[key] for key in kinds.SHIFTS]) for own in data}
  apart = (
    ' ELBO, nll and KL are of images as in training, so that they do not '
    'compare methods that were trained on others.'
  )
  return names.directions(study.everyone.keys) + apart * (len(shifts) > 1)


def _several(study: Study) -> bool:
  """Whether any setting has several seeds."""
  return any(len(column.places) > 1 for column in study.columns)


def _distribution(study: Study, key: str) -> Any:
  """A point a member, in a row a setting, with the row's mean."""
  view, values = study.everyone, study.everyone.values(key)
  rows = [
    view.row(m, setting=column.name, value=values[m]) | {'role': ''}
    for column in study.columns
    for m in column.places
  ]
  return charts.distribution(
    rows, title=names.name(key), colours=view.colours, legend=False
  )


def _distributions(study: Study) -> Markup:
  """Every score by method and setting."""
  several = any(len(view.settings) > 1 for view in study.methods.values())
  rising = ', hyperparameters rising from top to bottom' * several
  narrow = max(len(column.name) for column in study.columns) <= 16
  return markup.panels(
    [_distribution(study, key) for key in study.everyone.keys],
    f'A row a setting{rising}; a point a seed'
    f'{", the bar their mean" * _several(study)}.{_read(study)}',
    above=panels.keys(study.everyone),
    kind='panels' if narrow else 'panels wide',
  )


def _with_interval(key: str, values: np.ndarray, places: int) -> str:
  """Mean ± std, and the interval of the mean below it."""
  mean = inference.estimate(key, values)
  shown = markup.spread(values, places)
  if not np.isfinite(mean.low):
    return shown
  ends = markup.interval(mean.low, mean.high, places)
  return markup.element('cell', shown, ends)


def _table(study: Study) -> Markup:
  """Mean ± std over the seeds of each setting, and the mean's interval."""
  keys = study.everyone.keys
  values = [
    (key, v, markup.digits(v))
    for key, v in zip(keys, map(study.everyone.values, keys))
  ]
  rows = [
    [
      column.name,
      len(column.places),
      *(
        _with_interval(key, v[column.places], places)
        for key, v, places in values
      ),
    ]
    for column in study.columns
  ]
  caption = 'Every setting, of one seed.'
  if _several(study):
    caption = (
      'Every setting, mean ± std over its seeds; below it the 95 % interval of '
      'the mean (Student’s t, cut off where no score can be).'
      + names.without_interval(keys)
    )
  return markup.figure(
    markup.table(['', 'seeds', *map(names.name, keys)], rows),
    caption + _read(study),
  )


def section(study: Study) -> page.Section:
  """The scores of every setting, as a chart and as a table."""
  return page.section('Scores', _distributions(study), _table(study))
