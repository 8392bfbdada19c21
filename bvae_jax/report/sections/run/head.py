"""The head of the page: what was trained, on what, and what went wrong."""

import dataclasses
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from bvae_jax import population
from bvae_jax.evaluation import labelled
from bvae_jax.evaluation.records import OK, Member
from bvae_jax.report import answer, markup, names, page
from bvae_jax.report.markup import count
from bvae_jax.report.view import View
from bvae_jax.training import schedules

_LISTED = 12  # numbers that are told, of more


def listed(values: Sequence[float]) -> str:
  """Numbers as text, those over the limit counted only."""
  texts = population.texts(values)
  shown = [str(v) if isinstance(v, int) else texts[v] for v in values[:_LISTED]]
  more = [f'and {len(values) - _LISTED} more'] if len(values) > _LISTED else []
  return ', '.join(shown + more)


def _optimizer(config: dict) -> str:
  clip = config.get('clip_norm')
  name = config.get('optimizer', 'adam')  # the only one of runs of before
  return f'{name}, gradients of norm at most {clip:g}' if clip else name


def _decoded(config: dict, description: str) -> str:
  """How images of one's own became squares."""
  if config['dataset']['name'] != 'images':
    return ''
  how = {'crop': 'cropped', 'pad': 'padded'}[config['dataset']['fit']]
  of_files = ', from image files' in description  # an array has no EXIF
  turned = 'turned as its EXIF says, ' if of_files else ''
  return f'; each {turned}scaled, and {how} to the square'


def _overlap(images: int, points: int) -> str:
  """How likely a test point is one of the training points of the metrics."""
  share = 1.0 - (1.0 - 1.0 / images) ** points
  told = float(f'{100 * share:.2g}')
  return (
    '; both are drawn with replacement from the same images, so a test point '
    f'may be a training point: {told:g} % of them are expected to be'
  )


def swept_values(view: View) -> list[str]:
  """What was swept, each as `beta in {1, 4}`."""
  values = {k: sorted({e.hparams[k] for e in view.entries}) for k in view.swept}
  return [f'{k} in {{{listed(v)}}}' for k, v in values.items()]


def _lede(view: View) -> Markup:
  """One paragraph: what was trained, on what."""
  config, dataset = view.config, view.results.dataset
  swept = ' and '.join(swept_values(view))
  if config['tied']:
    settings = population.by_setting(view.entries)
    swept += f' ({count(len(settings), "setting")}: some go side by side)'
  return markup.element(
    'lede',
    f'{count(len(view.entries), "member")} of {config["objective"]}'
    f'{", " + swept if swept else ""}, trained for '
    f'{count(config["num_steps"], "step")} of {config["batch_size"]} images.',
    dataset.description,
    [('Move its sliders', 'explorer.html')],
  )


def fixed(view: View) -> str:
  """The hyperparameters that all members share."""
  shared = view.entries[0].hparams.items()
  return ', '.join(f'{k} {v:g}' for k, v in shared if k not in view.swept)


def _facts(view: View) -> list[tuple[str, str]]:
  """The facts of a run, as (name, text) pairs."""
  config, results = view.config, view.results
  dataset, sizes = results['dataset'], config['evaluation']
  factors = ', '.join(labelled.described(dataset))
  usual = sizes['num_train'], sizes['num_test']
  num_train, num_test = dataset.num_points or usual
  shape = '×'.join(map(str, dataset.image_shape))
  images = f'{count(dataset.num_images, "image")} of {shape}'
  facts = [
    ('Objective', config['objective']),
    ('Hyperparameters', fixed(view)),
    ('Options', ', '.join(f'{k} {v}' for k, v in config['options'].items())),
    *(
      ('Swept: ' + k, listed(sorted({e.hparams[k] for e in view.entries})))
      for k in view.swept
    ),
    ('Schedules', names.schedules(config['schedules'])),
    ('Seeds', listed(config['seeds'])),
    ('Steps', f'{config["num_steps"]:,} of batch {config["batch_size"]}'),
    ('Optimizer', _optimizer(config)),
    (
      'Networks',
      f'encoder {config["encoder"]}, decoder {config["decoder"]}, '
      f'{count(config["num_latents"], "latent")}',
    ),
    ('Likelihood', config['likelihood']),
    (
      'Data',
      f'{dataset.description}; {images}{_decoded(config, dataset.description)}',
    ),
    ('Factors', factors or 'none known'),
    (
      'Evaluation',
      f'bounds on {count(sizes["num_elbo"], "training image")}, drawn with '
      'replacement, metrics on'
      f' {num_train:,} training and {num_test:,} test points'
      + (f', on {view.components} of the codes' if view.components else '')
      + (
        ', no point twice'
        if dataset.num_points
        else _overlap(dataset.num_images, num_train)
      ),
    ),
    *(
      (k if 'jax' in k else k.capitalize(), str(v))
      for k, v in dataclasses.asdict(results.provenance).items()
      if v
    ),
  ]
  return [(k, v) for k, v in facts if v]


def seeds(found: Iterable[int]) -> str:
  """Seeds, those in a row by their ends."""
  rising = sorted(found)
  low, high = rising[0], rising[-1]
  if len(rising) > 3 and high - low == len(rising) - 1:
    return f'{low} to {high}'
  return listed(rising)


def warnings(view: View) -> list[str]:
  """A line on who was stopped, or carries nothing, at a setting; on labels."""
  alike: dict[tuple[str, str, bool], list[tuple[Member, str]]] = {}
  for entry, label, counts in zip(view.entries, view.labels, view.healthy):
    if entry.outcome == OK:
      continue
    setting = label.removesuffix(f'seed={entry.seed}')
    kind = setting, entry.outcome, bool(counts)
    alike.setdefault(kind, []).append((entry, label))
  lines = labelled.warnings(view.results.dataset)
  for (setting, why, counts), found in alike.items():
    many = len(found) > 1
    who = found[0][1]
    if many:
      who = f'{setting}seeds {seeds(entry.seed for entry, _ in found)}'
    theirs = 'their' if many else 'its'
    if found[0][0].ok:
      lines.append(
        f'{who} {"have" if many else "has"} collapsed: {theirs} codes carry '
        'nothing. Lower beta, or let the KL weight rise from 0.'
      )
      continue
    steps = [entry.steps for entry, _ in found]
    first = '' if min(steps) == max(steps) else f'{min(steps):,} to '
    means = (
      'are in the means, as there are no others'
      if counts
      else 'stay out of the means'
    )
    lines.append(
      f'{who}: {why} after {first}{count(max(steps), "step")}; {theirs} scores '
      f'are those of {theirs} last good step and {means}. Try a lower learning '
      'rate.'
    )
  return lines


def head(view: View) -> page.Head:
  """What stands above the sections."""
  title = f'{view.config["objective"]} on {view.results.dataset.name}'
  found = answer.shown(answer.sentence({'': view}, view.criterion))
  cut = [f'{line}.' for line in schedules.unfinished(view.config)]
  told = [*cut, *warnings(view)]
  return page.Head(title, _lede(view) + found, told, _facts(view))
