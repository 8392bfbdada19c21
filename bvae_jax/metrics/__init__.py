"""Disentanglement metrics: pure functions of codes and factors.

Codes are float [N, D], factors int [N, K]; every metric takes plain arrays of
anybody's model, may be jitted and vmapped, and returns a dict of scalars.
"""

from bvae_jax.metrics._common import MAX_FACTOR_SIZE, check_points, check_table
from bvae_jax.metrics._factor_vae import factor_vae_score
from bvae_jax.metrics._mig import mig, mig_matrix
from bvae_jax.metrics._registry import METRICS, Metric, Sample
from bvae_jax.metrics._unsupervised import unsupervised_scores

__all__ = [
  'MAX_FACTOR_SIZE',
  'METRICS',
  'Metric',
  'Sample',
  'check_points',
  'check_table',
  'factor_vae_score',
  'mig',
  'mig_matrix',
  'unsupervised_scores',
]
