"""The page of a study: `write` draws report.html from the units' results."""

import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import ml_collections

from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation.results import Results
from bvae_jax.report import markup, page, study_view
from bvae_jax.report.sections.run import agreement as run_agreement
from bvae_jax.report.sections.study import (
  choice,
  claims,
  correlation,
  head,
  labels,
  matrices,
  scores,
  seed,
  trade_offs,
  traversals,
  units,
)
from bvae_jax.report.study_view import Study

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
  """What a study asks, the sections that answer, and what else is said first.

  Attributes:
    question: for readers.
    sections: in order.
    more: sentences on a data set's members, after which setting is best.
  """

  question: str
  sections: tuple[Draw, ...]
  more: Callable[[Study], str] = lambda study: ''


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
    (choice.of_settings, scores.section, each(agreement)),
  ),
  'traversals': Page(
    'What does each latent draw when it moves, as the KL weighs more?',
    (traversals.of_settings, scores.section),
  ),
  'mig': Page(
    'How much do the objectives separate the factors, by the gap between the '
    'two latents that know most of each (MIG)?',
    (scores.section, matrices.section, each(agreement), trade_offs.section),
  ),
  'curve': Page(
    'What does disentanglement cost in reconstruction?',
    (trade_offs.section, trade_offs.over_hparam, scores.section),
    head.cost,
  ),
  'comparison': Page(
    'At the same weight, which objective scores higher, and at what cost?',
    (trade_offs.over_hparam, trade_offs.section, scores.section),
    head.cost,
  ),
  'labels': Page(
    'How far do a few labels, or pairs of images, help, and does a choice '
    'without labels come near?',
    (each(labels.section), scores.section, each(choice.by_udr)),
  ),
  'correlated': Page(
    'What becomes of each method when two factors go together in training, and '
    'do a few labels repair it?',
    (each(correlation.section), scores.section),
  ),
  'seeds': Page(
    'How far do the scores of one setting lie apart, by the seed alone?',
    (scores.section, each(seed.section), each(choice.by_udr), each(agreement)),
    seed.told,
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
  above = head.head(study, chosen.question, chosen.more)
  content = page.document(above, sections, study.config)
  workdir_lib.replace_file(folder / 'report.html', content)
