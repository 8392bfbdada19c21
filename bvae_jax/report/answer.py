"""The first thing on a page: which setting is best, and how sure that is."""

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from bvae_jax.evaluation import inference, selection
from bvae_jax.evaluation.selection import Setting
from bvae_jax.report import markup, names
from bvae_jax.report.markup import count, number
from bvae_jax.report.view import View

_NAMED = 3  # settings that are left out; of more, how many


def _known(setting: Setting, score: str) -> list[float]:
  """The score of each seed, from the lowest."""
  values = (member.scores.get(score) for member in setting.members)
  return sorted(value for value in values if value is not None)


def _told(words: str, setting: Setting, score: str) -> str:
  """The median of a setting and the ends of its seeds."""
  values = _known(setting, score)
  places = markup.digits(values)
  middle = number(setting.median(score), places)
  told = f'{middle} with {words}' if words else middle
  if len(values) < 2:
    return told
  low, high = number(values[0], places), number(values[-1], places)
  return f'{told} ({count(len(values), "seed")}, {low} to {high})'


def _sure(score: str, first: list[float], second: list[float]) -> str:
  """What the seeds of the best setting and of the next one say of it."""
  if inference.together(score):
    return names.without_interval([score]).strip()
  if min(len(first), len(second)) < 2:
    return 'One seed does not tell settings apart: seeds differ.'
  if first[0] > second[-1]:
    return 'Every seed of the first is above every seed of the second.'
  return 'Their seeds overlap: it takes more of them to tell the two apart.'


Ranked = tuple[float, str, Setting]  # median, words, setting


def _settings(method: str, view: View) -> Iterator[tuple[str, Setting]]:
  """The settings of a method, each with what a reader calls it."""
  for setting in selection.settings(view.entries):
    yield f'{method} {view.words_of(setting.hparams)}'.strip(), setting


def _ranked(methods: Mapping[str, View], score: str) -> list[list[Ranked]]:
  """The settings of each method that have the score, by falling median."""
  found = []
  for method, view in methods.items():
    own = [
      (median, words, setting)
      for words, setting in _settings(method, view)
      if (median := setting.median(score)) is not None
    ]
    found.append(sorted(own, key=lambda one: -one[0]))
  return found


def _left_out(methods: Mapping[str, View]) -> str:
  """The settings that are no candidates, as a seed of theirs failed."""
  found = [
    words
    for method, view in methods.items()
    for words, setting in _settings(method, view)
    if words and not all(member.ok for member in setting.members)
  ]
  more = f' and {len(found) - _NAMED} more' if len(found) > _NAMED else ''
  told = ', '.join(found[:_NAMED]) + more
  return f' Left out, as a seed failed: {told}.' if found else ''


def _collapsed(found: Sequence[Ranked]) -> str:
  """How many seeds of the settings that are named carry nothing."""
  told = [
    f'{dead} of {count(len(setting.members), "seed")}'
    + (f' with {words}' if words else '')
    for _, words, setting in found
    if (dead := sum(m.outcome == 'collapsed' for m in setting.members))
  ]
  return (
    f' Collapsed, with codes that carry nothing: {", ".join(told)}.'
    * bool(told)
  )


def sentence(methods: Mapping[str, View], score: str) -> str:
  """The setting with the highest median of a score over its seeds.

  It is the one that `selection.choose` takes: one of which a seed failed is no
  candidate. Of several methods the best setting of each stands for it.

  Args:
    methods: the members by what stands before their settings, if anything.
    score: higher is better.

  Returns:
    Sentences for readers. Where no setting has the score, at most which of them
    were left out.
  """
  ranked = _ranked(methods, score)
  most = None if len(ranked) == 1 else 1
  found = sorted(
    (one for own in ranked for one in own[:most]), key=lambda one: -one[0]
  )
  rest = _left_out(methods)
  if not found:
    return rest.strip()
  name = names.name(score)
  told = [_told(words, own, score) for _, words, own in found[:2]]
  dead = _collapsed(found[:2])
  several = any(len(setting.members) > 1 for *_, setting in found)
  if len(told) == 1:
    return f'{"Median " * several}{name}: {told[0]}.{dead}{rest}'
  first, second = (_known(own, score) for _, _, own in found[:2])
  following = 'next' if len(methods) == 1 else 'the next method has'
  if found[0][0] == found[1][0]:
    following = 'equal to it is'
  return (
    f'Highest {"median " * several}{name}: {told[0]}; {following} {told[1]}. '
    f'{_sure(score, first, second)}{dead}{rest}'
  )


def cost(methods: Mapping[str, View], score: str) -> str:
  """What the setting with the highest median of a score has lost of images.

  Its median nll beside the lowest of all settings, as for `sentence`.
  """
  found = [
    (nll, median, words)
    for own in _ranked(methods, score)
    for median, words, setting in own
    if (nll := setting.median('nll')) is not None
  ]
  if len(found) < 2:
    return ''
  best, least = max(found, key=lambda one: one[1]), min(found)
  own, low = (f'{one[0]:.1f}' for one in (best, least))
  if own == low:
    return (
      f'None reconstructs better than the first: its median nll is {own} nats.'
    )
  return (
    f'The first pays in reconstruction: its median nll is {own} nats, the '
    f'lowest {low} with {least[2]}, whose {names.name(score)} is '
    f'{number(least[1])}.'
  )


def shown(words: str) -> Markup:
  """The sentence as it stands on a page."""
  return markup.element('answer', words) if words else Markup()
