"""What a command line asks of an application."""

import logging
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax

from bvae_jax import apps, data, draws, population, trained
from bvae_jax.apps import coders

SPANS = ('prior', 'posterior', 'percentile')  # ranges of a traversal
_LOG = logging.getLogger(__name__)


class Options(NamedTuple):
  """The flags of `bvae_jax.apply`.

  Attributes:
    run: the folder of the run.
    members: numbers, 'best', 'median' or 'udr'; None for all of them, but for
      those that stopped in training.
    factor: that is edited, varied, or sensitive; None for the default.
    target: that is predicted; None for the default.
    latents: chosen latents; none for the application's own choice.
    labels: numbers of labelled images.
    anchors: images where traversals start.
    images: how many images are worked on.
    span: of a traversal, one of `SPANS`.
    steps: images along a traversal.
    threshold: from which share on a latent answers to a factor.
    index: one image, by its place in the data set; None for the default.
    against: the folder of a run to compare with.
    repeats: draws of labelled images.
    seed: of everything random.
  """

  run: pathlib.Path
  members: Sequence[int | str] | None = None
  factor: str | None = None
  target: str | None = None
  latents: Sequence[int] = ()
  labels: Sequence[int] = apps.LABELS['transfer']
  anchors: int = 3
  images: int = 200
  span: str = 'posterior'
  steps: int = 11
  threshold: float = 0.1
  index: int | None = None
  against: str | None = None
  repeats: int = 3
  seed: int = 0

  @property
  def key(self) -> jax.Array:
    return draws.key(self.seed)

  def load(self) -> tuple[tuple[trained.Model, ...], data.Dataset]:
    """The members, and the data set that they share.

    Raises:
      OSError: the folder holds no run, or the data is gone.
      ValueError: no such member, latent or factor.
    """
    models = load_members(self.run, self.members)
    dataset = models[0].dataset
    coders.check_latents(self.latents, models[0].num_latents)
    for flag, name in (('--factor', self.factor), ('--target', self.target)):
      if name is not None:
        coders.factor(dataset, name, flag)
    return models, dataset


def load_members(
  run: str | os.PathLike, members: Sequence[int | str] | None = None
) -> tuple[trained.Model, ...]:
  """The members of a run that are named, each once; see `Options.members`.

  Raises:
    OSError: the folder holds no run.
    ValueError: there is no such member.
  """
  named = trained.load_all(run, members)
  models = tuple({model.member: model for model in named}.values())
  if members is None:
    models = _whole(models)
  for line in doubts(models):
    _LOG.warning('%s: %s', run, line)
  return models


def _whole(models: tuple[trained.Model, ...]) -> tuple[trained.Model, ...]:
  """The members that trained to the end, or all if none did."""
  good = tuple(m for m in models if m.result is None or m.result.ok)
  left = [str(m.member) for m in models if m not in good]
  if good and left:
    _LOG.warning(
      'members %s did not train to the end and are left out; --members=%s '
      'takes them', ', '.join(left), ','.join(left),
    )  # fmt: skip
  return good or models


def called(model: trained.Model) -> str:
  """Who a member is, of all of its run: `member 3, beta=4 seed=0`."""
  members = population.members(model.config)
  name = population.label(members[model.member], members)
  return f'member {model.member}, {name}'


def doubts(models: tuple[trained.Model, ...]) -> Iterator[str]:
  """Sentences on what makes the members' figures doubtful."""
  for model in models:
    if model.result is not None and not model.result.ok:
      yield f'Member {model.member}: {model.result.status}.'
    if model.result is not None and model.step != model.result.steps:
      yield (
        f'Member {model.member}: its codes are those of step {model.step:,}, '
        f'and its scores those of step {model.result.steps:,}.'
      )
  idle = [
    str(model.member)
    for model in models
    if model.result is not None and model.result.active_latents == 0
  ]
  if idle:
    yield (
      f'The codes of member{"s" * (len(idle) > 1)} {", ".join(idle)} have '
      'collapsed: they carry nothing, and what an application finds of them '
      'means nothing.'
    )
  first = models[0].hparams
  others = [m.hparams for m in models if m.hparams != first]
  if others:
    names = [n for n in first if any(h[n] != first[n] for h in others)]
    alike = [str(m.member) for m in models if m.hparams == first]
    yield (
      f'These members differ in {", ".join(names)}, and means are over all '
      f'of them; --members={",".join(alike)} are of one setting.'
    )
