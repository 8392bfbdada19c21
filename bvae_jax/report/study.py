"""The page of a study: `write` draws report.html from the units' results."""

import os
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import ml_collections
from markupsafe import Markup

from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation.results import Results
from bvae_jax.report import answer, markup, page, study_view
from bvae_jax.report.markup import count
from bvae_jax.report.sections.run import agreement as run_agreement
from bvae_jax.report.sections.run import head
from bvae_jax.report.sections.study import (
  choice,
  claims,
  configs,
  correlation,
  labels,
  matrices,
  scores,
  seed,
  trade_offs,
  traversals,
  units,
)
from bvae_jax.report.study_view import Study
from bvae_jax.report.view import View

Draw = Callable[[Study], page.Section]


def agreement(study: Study) -> page.Section:
  """The rank correlations of the scores over everyone."""
  return run_agreement.section(study.everyone)


def each(draw: Draw) -> Draw:
  """The section of each data set, folded where there are several."""

  def section(study: Study) -> page.Section:
    if len(study.parts) == 1:
      return draw(study)
    found = {name: draw(part) for name, part in study.parts.items()}
    title = next(iter(found.values())).title
    folds = [
      markup.element('fold', name, content, name == next(iter(found)))
      for name, (_, content) in found.items()
      if content
    ]
    return page.section(title, *folds)

  return section


class Page(NamedTuple):
  """What a study asks, and the sections that answer."""

  question: str
  sections: tuple[Draw, ...]


PAGES = {
  'study': Page(
    'Which method, hyperparameters and seeds score how, what decides it, and '
    'can a model be chosen without labels?',
    (
      each(scores.section),
      each(seed.section),
      each(agreement),
      each(choice.by_udr),
      each(trade_offs.section),
      claims.section,
    ),
  ),
  'tuning': Page(
    'At one budget of settings and seeds, which setting of each method has the '
    'highest median?',
    (choice.of_settings, scores.section, agreement),
  ),
  'traversals': Page(
    'What does each latent draw when it moves, as the KL weighs more?',
    (traversals.of_settings, scores.section),
  ),
  'mig': Page(
    'How much do the objectives separate the factors, by the gap between the '
    'two latents that know most of each (MIG)?',
    (scores.section, matrices.section, agreement, trade_offs.section),
  ),
  'curve': Page(
    'What does disentanglement cost in reconstruction?',
    (trade_offs.section, trade_offs.over_hparam, scores.section),
  ),
  'comparison': Page(
    'At the same weight, which objective scores higher, and at what cost?',
    (trade_offs.over_hparam, trade_offs.section, scores.section),
  ),
  'labels': Page(
    'How far do a few labels, or pairs of images, help, and does a choice '
    'without labels come near?',
    (labels.section, scores.section, choice.by_udr),
  ),
  'correlated': Page(
    'What becomes of each method when two factors go together in training, and '
    'do a few labels repair it?',
    (correlation.section, scores.section),
  ),
  'seeds': Page(
    'How far do the scores of one setting lie apart, by the seed alone?',
    (scores.section, seed.section, choice.by_udr, agreement),
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
      why = workdir_lib.failure(study.folders[unit]) or 'not done'
      lines.append(f'{unit} is missing from this page: {why}')
  return lines


def _twins(study: Study) -> list[str]:
  """A line on each unit whose members are those of other units as well."""
  lines = []
  kept = [unit for own in study.sources.values() for unit, _ in own]
  for unit, result in study.results.items():
    twins = len(result.members) - kept.count(unit)
    if twins:
      be = 'is that' if twins == 1 else 'are those'
      verb = 'counts' if twins == 1 else 'count'
      lines.append(
        f'{unit}: {twins} of its members {be} of another unit, and {verb} once'
      )
  return lines


def _range(seeds: list[int]) -> str:
  """Seeds, those in a row by their ends."""
  low, high = seeds[0], seeds[-1]
  if len(seeds) > 3 and high - low == len(seeds) - 1:
    return f'{low} to {high}'
  return head.listed(seeds)


def methods(sets: Iterable[Mapping[str, View]]) -> list[tuple[str, str]]:
  """What each method swept, as (names, text) pairs; like ones are one."""
  found: dict[str, dict[str, None]] = {}
  for method, view in (pair for views in sets for pair in views.items()):
    config = view.config
    steps = count(config['num_steps'], 'step')
    words = [
      *head.swept_values(view),
      head.fixed(view),
      f'seeds {_range(sorted({e.seed for e in view.entries}))}',
      f'{steps} of {config["batch_size"]} images',
      f'encoder {config["encoder"]}, decoder {config["decoder"]}',
    ]
    found.setdefault('; '.join(words), {})[method] = None
  return [(', '.join(names), words) for words, names in found.items()]


def answers(study: Study) -> Markup:
  """The best setting of all methods, on each data set."""
  found = []
  for name, part in study.parts.items():
    methods = {'': part.everyone} if part.single else part.methods
    words = answer.sentence(methods, part.everyone.criterion)
    several = f'{name}: ' if len(study.parts) > 1 and words else ''
    found.append(answer.shown(several + words))
  return markup.join(found)


def _head(study: Study, question: str) -> page.Head:
  """Title, question, warnings, and what was trained on what."""
  described = dict.fromkeys(
    r.dataset.description for r in study.results.values()
  )
  shapes = dict.fromkeys(
    '×'.join(map(str, r.dataset.image_shape)) for r in study.results.values()
  )
  sets = [part.methods for part in study.parts.values()]
  kinds = len({method for views in sets for method in views})
  models = f'{len(study.everyone.entries):,}, of {count(kinds, "method")}'
  if len(sets) > 1:
    models += f' on {len(sets)} data sets'
  pairs = [
    ('Data', f'{"; ".join(described)}; images of {", ".join(shapes)}'),
    ('Models', models),
    *methods(sets),
  ]
  return page.Head(
    study.config['study'],
    markup.element('lede', question) + answers(study),
    [
      *_failures(study),
      *_twins(study),
      *configs.scored_apart(study),
      *head.warnings(study.everyone),
    ],
    pairs,
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
  sections = [draw(study) for draw in (*chosen.sections, units.section)]
  above = _head(study, chosen.question)
  content = page.document(above, sections, study.config)
  workdir_lib.replace_file(folder / 'report.html', content)
