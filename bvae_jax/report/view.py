"""A finished run as the page needs it: names, colours, the best member."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bvae_jax import losses, population
from bvae_jax.evaluation.results import Member, Results

PALETTE = (
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#aa4499',
  '#999933',
)
RAMP = ('#7060d8', '#b8529c', '#e5685f', '#eda63a')
NEUTRAL = '#8793a0'

NAMES = {
  'nll': 'Reconstruction (nll) [nats]',
  'kl': 'KL to the prior [nats]',
  'elbo': 'ELBO [nats]',
  'marginal_kl_mss': 'KL of q(z) to the prior, MSS [nats]',
  'mutual_information_mss': 'Index-code mutual information, MSS [nats]',
  losses.SHOWN_TC: 'Total correlation, Gaussian estimate [nats]',
  f'{losses.SHOWN_TC}_error': 'Its standard error [nats]',
  'total_correlation_mss': 'Total correlation, MSS [nats]',
  'dimension_wise_kl_mss': 'Dimension-wise KL, MSS [nats]',
  'mig': 'MIG',
  'factor_vae_score': 'FactorVAE score',
  'beta_vae_score': 'BetaVAE score',
  'dci': 'DCI disentanglement',
  'sap': 'SAP',
  'irs': 'IRS',
  'udr': 'UDR',
  'infomec': 'InfoM',
  'infomec_discrete': 'InfoM, discrete codes',
  'mig_sampled': 'MIG, sampled codes',
  'modularity_explicitness': 'Modularity',
  'downstream': 'Downstream efficiency',
  'fairness': 'Unfairness',
  'few_labels': 'MIG of 100 labels',
  'unsupervised': 'Gaussian total correlation',
}
BOUNDS = ('elbo', 'nll', 'kl')


class Mark(NamedTuple):
  """How a member is drawn."""

  colour: str
  label: str
  role: str = ''  # 'best', 'median' or neither
  group: str = ''  # the words of its entry in the legend


def name(key: str) -> str:
  """A score's or term's name for readers."""
  if key.startswith('held_out_'):
    return f'{name(key.removeprefix("held_out_"))}, held out'
  words = key.replace('_', ' ')
  return NAMES.get(key, words[:1].upper() + words[1:])


def ramp(share: float) -> str:
  """A colour between the ends of `RAMP`, share in [0, 1]."""
  stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in RAMP])
  at = np.linspace(0, 1, len(stops))
  mixed = [round(np.interp(share, at, stops[:, c])) for c in range(3)]
  return '#' + bytes(mixed).hex()


@dataclasses.dataclass(frozen=True)
class View:
  """What the sections draw from.

  Attributes:
    config: the run's config, plain.
    results: as results.json holds them.
    log: the lines of metrics.jsonl.
    entries: the members of the results [M].
    healthy: whether a member counts in means and ranks [M]: those that were
      not stopped, or all where all were.
    labels: a short name of each member [M].
    swept: the hyperparameters that differ between members.
    scores: the main scores that any member has, config's order.
    criterion: the score that ranks the members.
    best, median: members by the criterion.
    marks: how each member is drawn [M].
    legend: (colour, words) pairs.
  """

  config: dict[str, Any]
  results: Results
  log: list[dict]
  entries: Sequence[Member]
  healthy: np.ndarray
  labels: list[str]
  swept: list[str]
  scores: list[str]
  criterion: str
  best: int
  median: int
  marks: list[Mark]
  legend: list[tuple[str, str]]

  @property
  def components(self) -> str:
    """What was scored in place of latents, for readers; empty where nothing."""
    return {
      'pca': 'principal components',
      'ica': 'independent components (FastICA)',
    }.get(self.results.transform, '')

  @property
  def bounds(self) -> tuple[str, ...]:
    """The terms of the ELBO, of images held out as well where some are."""
    held_out = tuple(f'held_out_{key}' for key in BOUNDS)
    terms = self.entries[0]['elbo']
    return tuple(key for key in (*BOUNDS, *held_out) if key in terms)

  @property
  def points(self) -> bool:
    """Whether codes are points: of a latent its variance counts, not its KL."""
    return 'kl_per_latent' not in self.entries[0]['elbo']

  @property
  def measure(self) -> str:
    """What a latent carries, in words."""
    return 'share of the largest variance' if self.points else 'nats'

  @property
  def order(self) -> str:
    """How latents are sorted, in words."""
    return 'falling variance' if self.points else 'falling KL'

  def values(self, key: str) -> np.ndarray:
    """A score, or a term of the ELBO, of each member; NaN where missing."""
    return values_of(self.entries, key)

  @property
  def shown(self) -> dict[str, int]:
    """The members whose pictures are shown, by role."""
    both = {'best': self.best, 'median': self.median}
    return both if self.best != self.median else {'best': self.best}

  def role(self, role: str) -> str:
    """What a picture's caption calls a member of `shown`."""
    if len(self.entries) == 1:
      return 'the only member'
    return f'{role} member ({self.labels[self.shown[role]]})'

  @property
  def colours(self) -> dict[str, str]:
    """The colour of each group."""
    return {words: colour for colour, words in self.legend}

  def row(self, m: int, **values: Any) -> dict[str, Any]:
    """A row of a chart: who a member is, and values."""
    mark = self.marks[m]
    who = {'member': mark.label, 'group': mark.group, 'role': mark.role}
    return who | values

  def series(self, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps [L] and a logged term [L, M, ...]; NaN where a member has none."""
    steps = np.array([line['step'] for line in self.log])
    rows = [[m.get(key) for m in line['members']] for line in self.log]
    shape = next(
      (np.shape(x) for row in rows for x in row if x is not None), ()
    )
    gap = np.full(shape, np.nan)
    filled = [[gap if x is None else x for x in row] for row in rows]
    return steps, np.array(filled, np.float64)


def values_of(entries: Sequence[Member], key: str) -> np.ndarray:
  """A score, or a term of the ELBO, of each member; NaN where missing."""
  source = 'elbo' if key.removeprefix('held_out_') in BOUNDS else 'metrics'
  return np.array([e[source].get(key) for e in entries], np.float64)


def _groups(members, labels, swept) -> tuple[list[str], list[tuple[str, str]]]:
  """The group of each member, and the legend: (colour, group) pairs."""
  if swept:
    key = swept[0]
    levels = sorted({m.hparams[key] for m in members})
    of = {v: ramp(i / (len(levels) - 1)) for i, v in enumerate(levels)}
    legend = [(colour, f'{key} {v:g}') for v, colour in of.items()]
    return [f'{key} {m.hparams[key]:g}' for m in members], legend
  if len(members) <= len(PALETTE):
    return labels, list(zip(PALETTE, labels))
  return ['a member each'] * len(members), [(NEUTRAL, 'a member each')]


def make(
  config: dict[str, Any],
  members: list[population.Member],
  results: Results,
  log: list[dict],
) -> View:
  """Looks at a run once, for all sections."""
  entries = results['members']
  labels = [population.label(m, members) for m in members]
  swept = [
    n for n in members[0].hparams if len({m.hparams[n] for m in members}) > 1
  ]
  ok = np.array([e['status'] == 'ok' for e in entries])
  healthy = ok if ok.any() else ~ok
  scores = [
    s for s in config['metrics'] if np.isfinite(values_of(entries, s)).any()
  ]
  criterion, order = results.ranking
  best, median = order[-1], order[(len(order) - 1) // 2]
  groups, legend = _groups(members, labels, swept)
  if len(members) > len(PALETTE) and not swept:
    groups[median], groups[best] = 'the median one', 'the best one'
    legend = [(PALETTE[0], groups[best]), (PALETTE[1], groups[median]), *legend]
  roles = [''] * len(members)
  if len(members) > 1:
    roles[median], roles[best] = 'median', 'best'
  colours = {words: colour for colour, words in legend}
  marks = [
    Mark(colours[group], label, role, group)
    for group, label, role in zip(groups, labels, roles)
  ]
  return View(
    config=config,
    results=results,
    log=log,
    entries=entries,
    healthy=healthy,
    labels=labels,
    swept=swept,
    scores=scores,
    criterion=criterion,
    best=best,
    median=median,
    marks=marks,
    legend=legend,
  )
