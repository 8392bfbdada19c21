"""Disentanglement metrics: pure functions of codes and factors.

Codes are float [N, D], factors int [N, K]; every metric takes plain arrays of
anybody's model, may be jitted and vmapped, and returns a dict of scalars.
`METRICS` is the registry that configs pick from by name.

Shapes are checked always; values (NaN, factors outside their sizes) only of
concrete arrays: under jit or vmap check them before.
"""

from bvae_jax.metrics._beta_vae import beta_vae_score
from bvae_jax.metrics._dci import dci, dci_matrix
from bvae_jax.metrics._downstream import downstream
from bvae_jax.metrics._factor_vae import factor_vae_score
from bvae_jax.metrics._fairness import fairness
from bvae_jax.metrics._few_labels import few_labels
from bvae_jax.metrics._grid import check_table
from bvae_jax.metrics._infomec import infomec, infomec_matrix
from bvae_jax.metrics._inputs import as_numpy, check_codes, finite, joined
from bvae_jax.metrics._irs import irs, irs_matrix
from bvae_jax.metrics._labels import CONTINUOUS_BINS
from bvae_jax.metrics._mig import NUM_BINS, mig, mig_matrix
from bvae_jax.metrics._mig_sampled import (
  check_logvars,
  mig_sampled,
  mig_sampled_matrix,
)
from bvae_jax.metrics._modularity import modularity_explicitness
from bvae_jax.metrics._points import (
  MAX_FACTOR_SIZE,
  check_points,
  check_split,
  encode_factors,
  factor_classes,
)
from bvae_jax.metrics._registry import METRICS, Metric, Sample
from bvae_jax.metrics._resampling import (
  resample,
  resample_keys,
  with_standard_error,
)
from bvae_jax.metrics._sap import sap, sap_matrix
from bvae_jax.metrics._scored import Scored
from bvae_jax.metrics._solvers import Logistic, fit_logistic
from bvae_jax.metrics._transforms import TRANSFORMS, Affine, ica, pca
from bvae_jax.metrics._udr import udr
from bvae_jax.metrics._unsupervised import unsupervised_scores

__all__ = [
  'CONTINUOUS_BINS',
  'MAX_FACTOR_SIZE',
  'METRICS',
  'NUM_BINS',
  'TRANSFORMS',
  'Affine',
  'Logistic',
  'Metric',
  'Sample',
  'Scored',
  'as_numpy',
  'beta_vae_score',
  'check_codes',
  'check_logvars',
  'check_points',
  'check_split',
  'check_table',
  'dci',
  'dci_matrix',
  'downstream',
  'encode_factors',
  'factor_classes',
  'factor_vae_score',
  'fairness',
  'few_labels',
  'finite',
  'fit_logistic',
  'ica',
  'infomec',
  'infomec_matrix',
  'irs',
  'irs_matrix',
  'joined',
  'mig',
  'mig_matrix',
  'mig_sampled',
  'mig_sampled_matrix',
  'modularity_explicitness',
  'pca',
  'sap',
  'sap_matrix',
  'udr',
  'unsupervised_scores',
  'resample',
  'resample_keys',
  'with_standard_error',
]
