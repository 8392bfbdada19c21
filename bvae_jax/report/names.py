"""What scores, and the terms of the ELBO, are called on pages."""

import re
from collections.abc import Iterable

from bvae_jax import losses
from bvae_jax.evaluation import inference

BOUNDS = ('elbo', 'nll', 'kl')  # terms of the ELBO
# What is better where it is lower; the KL is a price, paid for the rest.
LOWER = ('unsupervised', 'fairness', 'nll')
_NAMES = {
  'nll': 'Reconstruction (nll) [nats]',
  'kl': 'KL to the prior [nats]',
  'elbo': 'ELBO [nats]',
  losses.SHOWN_TC: 'Total correlation, Gaussian estimate [nats]',
  f'{losses.SHOWN_TC}_error': 'Gaussian estimate, standard error [nats]',
  'total_correlation': 'Total correlation, penalized [nats]',
  **{
    f'{key}_{estimator}': f'{words}, {estimator.upper()} [nats]'
    for key, words in {
      'marginal_kl': 'KL of q(z) to the prior',
      'mutual_information': 'Index-code mutual information',
      'total_correlation': 'Total correlation',
      'dimension_wise_kl': 'Dimension-wise KL',
    }.items()
    for estimator in ('mss', 'mws')
  },
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
  'downstream': 'Downstream accuracy',
  'fairness': 'Unfairness',
  'few_labels': 'MIG of 100 labels',
  'unsupervised': 'Gaussian total correlation [nats]',
  'dci/completeness': 'DCI completeness',
  'dci/informativeness_test': 'DCI informativeness',
  'dci/informativeness_train': 'DCI informativeness, training points',
  'modularity_explicitness/explicitness_test': 'Explicitness',
  'modularity_explicitness/explicitness_train': 'Explicitness, training points',
  'infomec/infoc': 'InfoC',
  'infomec/infoe': 'InfoE',
}


def known(key: str) -> bool:
  """Whether a score or term has a name of its own."""
  return key in _NAMES


def name(key: str) -> str:
  """A score's or term's name for readers."""
  if key.startswith('held_out_'):
    return f'{name(key.removeprefix("held_out_"))}, held out'
  words = key.replace('_', ' ')
  return _NAMES.get(key, words[:1].upper() + words[1:])


def short(key: str) -> str:
  """A score's name without its unit."""
  return re.sub(r' \[.*?\]', '', name(key))


def directions(keys: Iterable[str]) -> str:
  """Which of some scores are better where they are lower, in a sentence."""
  keys = [*keys]
  plain = dict.fromkeys(key.removeprefix('held_out_') for key in keys)
  lower = ', '.join(short(key) for key in plain if key in LOWER)
  price = '; the KL is a price' if 'kl' in keys else ''
  return f' Higher is better{f", but lower for {lower}" * bool(lower)}{price}.'


def without_interval(keys: Iterable[str]) -> str:
  """Which of some scores have no interval and no test, in a sentence."""
  own = ' and '.join(short(key) for key in keys if inference.together(key))
  told = f' {own} compares the seeds with each other: no interval, no test.'
  return told if own else ''
