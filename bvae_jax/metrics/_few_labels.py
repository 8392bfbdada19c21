"""What a few labels can say: the mutual information gap of so many points."""

from collections.abc import Sequence

import jax

from bvae_jax.metrics import _mig, _points, _scored, _settings


@_scored.flat('mig')
def few_labels(
  codes: jax.Array,
  factors: jax.Array,
  *,
  num_labels: Sequence[int] = (100, 1_000),
  factor_sizes: Sequence[int] | None = None,
) -> _scored.Scored:
  """The mutual information gap of the first points alone, to choose models by.

  `mig` of as many points as somebody labelled. With 20 bins and 100 points the
  information of noise is far from 0: the figure ranks models of one data set,
  and is no estimate of their MIG.

  Args:
    codes: float [N, D] posterior means, in random order.
    factors: int [N, K].
    num_labels: 20 or more each; those above N become N, also in names.
    factor_sizes: values of each factor (static), see `mig`.

  Returns:
    `mig` of the least number of labels; `mig_<n>` of each. A factor that is
    constant among them counts as 0.

  Raises:
    ValueError: see `check_points`; fewer than 20 labels.

  Source: Locatello et al. 2020 (arXiv:1905.01258) section 3: validation by 100
  and 1,000 labels.
  """
  _settings.require_counts('num_labels', num_labels, _mig.NUM_BINS)
  codes, factors, sizes = _points.check_points(
    codes, factors, factor_sizes, min_points=min(num_labels)
  )
  counts = sorted({min(n, len(codes)) for n in num_labels})
  found = {
    f'mig_{n}': _mig.of_points(codes[:n], factors[:n], sizes).scores['mig']
    for n in counts
  }
  return _scored.Scored({'mig': found[f'mig_{counts[0]}'], **found})
