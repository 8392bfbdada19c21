"""The head of a study's page: what was asked, the answer, what was trained."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from markupsafe import Markup

from bvae_jax import workdir as workdir_lib
from bvae_jax.report import answer, markup, names, page
from bvae_jax.report.markup import count
from bvae_jax.report.sections.run import head as run_head
from bvae_jax.report.sections.study import configs
from bvae_jax.report.study_view import Study
from bvae_jax.report.view import View


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


def _beyond(words: str, known: Iterable[str]) -> str:
  """What a data set's description adds to one of those known, if to any."""
  base = max(
    (d for d in known if words.startswith(f'{d}; ')), key=len, default=''
  )
  return words[len(base) + 2 :] if base else ''


def methods(sets: Sequence[Mapping[str, View]]) -> list[tuple[str, str]]:
  """What each method swept, as (names, text) pairs; like ones are one.

  What is the same for all is told once, before.
  """
  found: dict[tuple[str, ...], dict[str, None]] = {}
  told_of = lambda view: view.results.dataset.description
  known = {told_of(view) for views in sets for view in views.values()}
  for method, view in (pair for views in sets for pair in views.items()):
    config = view.config
    steps = count(config['num_steps'], 'step')
    words = [
      *run_head.swept_values(view),
      run_head.fixed(view),
      f'seeds {run_head.seeds({e.seed for e in view.entries})}',
      f'{steps} of {config["batch_size"]} images',
      f'encoder {config["encoder"]}, decoder {config["decoder"]}',
    ]
    words += filter(None, [_beyond(told_of(view), known)])
    found.setdefault(tuple(words), {})[method] = None
  shared = set.intersection(*map(set, found)) if len(found) > 1 else set()
  alike = [word for word in next(iter(found)) if word in shared]
  apart = {
    ', '.join(own): [word for word in words if word not in shared]
    for words, own in found.items()
  }
  told = {'All': alike, **apart} if alike else apart
  return [
    (who, '; '.join(words) or markup.MISSING) for who, words in told.items()
  ]


def answers(
  study: Study, more: Callable[[Study], str] = lambda study: ''
) -> Markup:
  """The best setting of all methods, and `more`, on each data set."""
  found = []
  for data, part in study.parts.items():
    score = part.everyone.criterion
    alike = score not in names.BOUNDS or _one_likelihood(part)
    best = answer.sentence(part.by_method, score) if alike else ''
    words = f'{best} {more(part)}'.strip()
    if words and len(study.parts) > 1:
      of = f' ({next(iter(part.methods))})' if part.single else ''
      words = f'{data}{of}: {words}'
    found.append(answer.shown(words))
  return markup.join(found)


def _one_likelihood(study: Study) -> bool:
  """Whether nll and ELBO of all methods have one unit."""
  views = study.methods.values()
  return len({view.config['likelihood'] for view in views}) == 1


def cost(study: Study) -> str:
  """What the best setting has lost of images, in a sentence."""
  if not _one_likelihood(study):
    return ''
  return answer.cost(study.by_method, study.everyone.criterion)


def head(
  study: Study, question: str, more: Callable[[Study], str]
) -> page.Head:
  """Title, question, answers, warnings, and what was trained on what."""
  known = dict.fromkeys(r.dataset.description for r in study.results.values())
  described = '; '.join(d for d in known if not _beyond(d, known))
  shapes = dict.fromkeys(
    '×'.join(map(str, r.dataset.image_shape)) for r in study.results.values()
  )
  sets = [part.methods for part in study.parts.values()]
  kinds = len({method for views in sets for method in views})
  models = f'{len(study.everyone.entries):,}, of {count(kinds, "method")}'
  if len(sets) > 1:
    models += f' on {len(sets)} data sets'
  pairs = [
    ('Data', f'{described}; images of {", ".join(shapes)}'),
    ('Models', models),
    *methods(sets),
  ]
  return page.Head(
    study.config['study'],
    markup.element('lede', question) + answers(study, more),
    [
      *_failures(study),
      *_twins(study),
      *configs.scored_apart(study),
      *configs.unfinished(study),
      *run_head.warnings(study.everyone),
    ],
    pairs,
  )
