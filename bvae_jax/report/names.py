"""What scores, terms of the ELBO and schedules are called on pages."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bvae_jax import losses
from bvae_jax.evaluation import inference
from bvae_jax.report.markup import count

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
  'code_information': 'Code information [nats]',
  'discriminator_loss': 'Discriminator loss [nats]',
  'generator_loss': 'Generator loss [nats]',
  'hessian_share': 'Hessian share, sum over layers',
  'dci/completeness': 'DCI completeness',
  'dci/informativeness_test': 'DCI informativeness',
  'dci/informativeness_train': 'DCI informativeness, training points',
  'modularity_explicitness/explicitness_test': 'Explicitness',
  'modularity_explicitness/explicitness_train': 'Explicitness, training points',
  'infomec/infoc': 'InfoC',
  'infomec/infoe': 'InfoE',
}

# Of terms that one method logs, what their names do not tell.
_MEANT = {
  'code_information': 'at least as much an image tells of its code',
  'discriminator_accuracy': '0.5 by chance',
  'gradient_penalty': 'half the squared slope of the discriminator',
  'hessian_share': 'of the decoder’s curvature, that of two latents together; '
  'estimated along a few directions, so that it may pass 1 a layer',
  'jacobian_norm': 'L1, of the decoder, an image',
  'latent_multiinformation': 'dependence by kernels, a penalty, not 0 for '
  'independent codes',
  'quantization_error': 'squared distance of codes from their values, summed '
  'over latents',
  'shared_latents': 'of a pair of images, how many are taken to be alike',
  'supervised_penalty': 'how far the first latents are from the labels',
  'support_distance': 'how far the codes are from all combinations of their '
  'values',
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


def meant(keys: Iterable[str]) -> str:
  """What terms of a log are, of which the names do not tell, in sentences."""
  return ''.join(
    f' {short(key).split(",")[0]}: {_MEANT[key]}.'
    for key in keys
    if key in _MEANT
  )


def directions(keys: Iterable[str]) -> str:
  """Which of some scores are better where they are lower, in a sentence."""
  keys = [*keys]
  plain = dict.fromkeys(key.removeprefix('held_out_') for key in keys)
  lower = ' and '.join(short(key) for key in plain if key in LOWER)
  price = '; the KL is a price' if 'kl' in keys else ''
  return f' Higher is better{f", but lower for {lower}" * bool(lower)}{price}.'


def without_interval(keys: Iterable[str]) -> str:
  """Which of some scores have no interval and no test, in a sentence."""
  own = ' and '.join(short(key) for key in keys if inference.together(key))
  told = f' {own} compares the seeds with each other: no interval, no test.'
  return told if own else ''


def schedules(of: Mapping[str, Mapping[str, Any]]) -> str:
  """What the schedules of a config do."""
  return '; '.join(_schedule(key, each) for key, each in of.items())


def _schedule(key: str, schedule: Mapping[str, Any]) -> str:
  told = f'{key} {schedule.get("kind", "linear")}'
  if 'points' in schedule:
    points = (f'{share:g} at step {at:,}' for at, share in schedule['points'])
    return f'{told} times {", ".join(points)}'
  delay = schedule.get('delay', 0)
  after = f', after {count(delay, "step")}' if delay else ''
  steps = count(schedule.get('steps', 1), 'step')
  return f'{told} from {schedule.get("start", 0):g} over {steps}{after}'
