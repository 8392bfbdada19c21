"""The page of a study: `write` draws report.html from the units' results."""

import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import ml_collections

from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation.results import Results
from bvae_jax.report import (
  against,
  choice,
  claims,
  comparisons,
  curves,
  facts,
  markup,
  page,
  scores,
  side_by_side,
  study_view,
)
from bvae_jax.report import view as view_lib
from bvae_jax.report.markup import count, text
from bvae_jax.report.study_view import Study


def _matrices(study: Study) -> str:
  """What the best and the median model of each method know of the factors."""
  return ''.join(
    markup.element('heading', method) + curves.matrices(view)
    for method, view in study.methods.items()
    if any(entry['matrices'] for entry in view.entries)
  )


def _correlations(study: Study) -> str:
  return scores.correlations(study.everyone)


class Page(NamedTuple):
  """What a study asks, and the sections that answer."""

  question: str
  sections: tuple[tuple[str, tuple[Callable[[Study], str], ...]], ...]


_SCORES = ('Scores', (comparisons.distributions, comparisons.table))
_SHARES = ('The share of the seed', (comparisons.shares,))
_CHOICE = ('Choice by UDR', (choice.choice,))
_TRADE = ('Reconstruction against scores', (comparisons.trade_offs,))
_AGREE = ('Agreement of the metrics', (_correlations,))

PAGES = {
  'study': Page(
    'Which method, hyperparameters and seeds score how, what decides it, and '
    'can a model be chosen without labels?',
    (_SCORES, _SHARES, _AGREE, _CHOICE, _TRADE, claims.SECTION),
  ),
  'tuning': Page(
    'At one budget of settings and seeds, which setting of each method has the '
    'highest median?',
    (('Choice of a setting', (choice.settings,)), _SCORES, _AGREE),
  ),
  'traversals': Page(
    'What does each latent draw when it moves, as the KL weighs more?',
    (('Traversals', (side_by_side.traversals_of_settings,)), _SCORES),
  ),
  'mig': Page(
    'How much do the objectives separate the factors, by the gap between the '
    'two latents that know most of each (MIG)?',
    (
      _SCORES,
      ('What the latents know', (_matrices,)),
      _AGREE,
      _TRADE,
    ),
  ),
  'curve': Page(
    'What does disentanglement cost in reconstruction?',
    (
      ('Reconstruction against scores', (comparisons.trade_offs,)),
      ('Against the hyperparameter', (comparisons.over_hparam,)),
      _SCORES,
    ),
  ),
  'comparison': Page(
    'At the same weight, which objective scores higher, and at what cost?',
    (
      ('Against the hyperparameter', (comparisons.over_hparam,)),
      _TRADE,
      _SCORES,
    ),
  ),
  'labels': Page(
    'How far do a few labels, or pairs of images, help, and does a choice '
    'without labels come near?',
    (('Against the number of labels', (against.labels,)), _SCORES, _CHOICE),
  ),
  'correlated': Page(
    'What becomes of each method when two factors go together in training, and '
    'do a few labels repair it?',
    (('Against the correlation', (against.correlation,)), _SCORES),
  ),
  'seeds': Page(
    'How far do the scores of one setting lie apart, by the seed alone?',
    (_SCORES, _SHARES, _CHOICE, _AGREE),
  ),
}


def find_page(name: str) -> Page:
  """The page of a name in `PAGES`; of the empty one, 'study'.

  Raises:
    ValueError: there is no such page.
  """
  if name and name not in PAGES:
    raise ValueError(f'page={name!r} is unknown; valid: {", ".join(PAGES)}')
  return PAGES[name or 'study']


def _failures(study: Study) -> list[str]:
  """A line on each unit that is not done, and why."""
  lines = []
  for unit in study.config['units']:
    if unit not in study.results:
      path = study.folders[unit] / 'error.txt'
      words = path.read_text().split('\n') if path.exists() else []
      why = next((line for line in reversed(words) if line.strip()), 'not done')
      lines.append(f'{unit} is missing from this page: {why.strip()}')
  return lines


def _range(values: list[float]) -> str:
  """Seeds or values, those in a row by their ends."""
  low, high = min(values), max(values)
  if len(values) > 3 and values == list(range(int(low), int(high) + 1)):
    return f'{low:g} to {high:g}'
  return facts.listed(values)


def methods(study: Study) -> list[tuple[str, str]]:
  """What each method swept, as (name, text) pairs."""
  found = []
  for method, view in study.methods.items():
    config = view.config
    seeds = _range(sorted({e['seed'] for e in view.entries}))
    words = [
      *facts.swept_values(view),
      facts.fixed(view),
      f'seeds {seeds}',
      f'{count(config["num_steps"], "step")} of {config["batch_size"]} images',
      f'encoder {config["encoder"]}, decoder {config["decoder"]}',
    ]
    found.append((method, '; '.join(words)))
  return found


def _head(study: Study, question: str) -> page.Head:
  """Title, question, warnings, and what was trained on what."""
  described = dict.fromkeys(
    r['dataset']['description'] for r in study.results.values()
  )
  shapes = dict.fromkeys(
    '×'.join(map(str, r['dataset']['image_shape']))
    for r in study.results.values()
  )
  size, kinds = len(study.everyone.entries), len(study.methods)
  pairs = [
    ('Data', f'{"; ".join(described)}; images of {", ".join(shapes)}'),
    ('Models', f'{size:,}, of {count(kinds, "method")}'),
    *methods(study),
  ]
  return page.Head(
    study.config['study'],
    markup.element('lede', question),
    [*_failures(study), *facts.warnings(study.everyone)],
    pairs,
  )


def _links(study: Study) -> str:
  """A row a unit: its own report and its mean scores."""
  rows = []
  for unit, result in study.results.items():
    entries = result['members']
    name = markup.element('link', unit, f'units/{unit}/report.html')
    good = [e for e in entries if e['status'] == 'ok']
    cells = []
    for key in study.keys:
      values = view_lib.values_of(good, key)
      cells.append(scores.spread(values, markup.digits(values)))
    rows.append([name, str(len(entries)), *cells])
  head = ['', 'members', *(text(comparisons.short(k)) for k in study.keys)]
  return markup.figure(
    markup.table(head, rows),
    'The units, each with a report of its own; scores are mean ± std over its '
    'members. <code>results.csv</code> beside this page has every score of '
    'every member.',
  )


def write(
  workdir: str | os.PathLike,
  config: ml_collections.ConfigDict,
  results: dict[str, Results],
) -> None:
  """Writes a study's report.html.

  Args:
    workdir: the study's folder.
    config: the study: `study` (its title), `page` (a name in `PAGES`) and
      `units`.
    results: {unit: results as results.json holds them} of the units that are
      done, at least one.

  Raises:
    ValueError: the page is unknown.
    WorkdirError: the page cannot be written, or a unit whose images it shows
      has lost its checkpoints.
  """
  chosen = find_page(config.page)
  folder = pathlib.Path(workdir)
  study = study_view.make(folder, config, results)
  sections = [
    (title, ''.join(draw(study) for draw in draws))
    for title, draws in (*chosen.sections, ('Units', (_links,)))
  ]
  head = _head(study, chosen.question)
  content = page.document(head, sections, study.config)
  workdir_lib.replace_file(folder / 'report.html', content)
