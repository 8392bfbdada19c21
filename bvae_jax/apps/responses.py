"""How latents answer to a factor, from labelled examples in closed form."""

from typing import Any, NamedTuple

import numpy as np

from bvae_jax.data import factors as factors_lib


class Response(NamedTuple):
  """The least-squares fit z_d = phi(f) w_d of each latent to a factor.

  Attributes:
    factor: whose values f are.
    weights: [P, D]; of a kind without an example, the mean of all codes.
    share: of each latent's variance that the factor explains [D], adjusted for
      the number of terms; may be below 0.
  """

  factor: factors_lib.Factor
  weights: np.ndarray
  share: np.ndarray

  def at(self, values: Any) -> np.ndarray:
    """The codes [B, D] that the factor's values [B] call for."""
    return features(values, self.factor) @ self.weights


def features(values: Any, factor: factors_lib.Factor) -> np.ndarray:
  """phi(f) [B, P]: one-hot of a kind, else a cubic of the value in [-1, 1].

  A continuous factor is a share of its range, as `coders.take` has it.
  """
  values = np.asarray(values, np.float64)
  if factor.kind == 'categorical' or 0 < factor.size <= 4:
    return (values[:, None] == np.arange(factor.size)).astype(np.float64)
  scaled = 2 * values / max(factor.size - 1, 1) - 1
  return scaled[:, None] ** np.arange(4)


def fit(
  codes: Any,
  values: Any,
  factor: factors_lib.Factor,
  *,
  beside: np.ndarray | None = None,
) -> Response:
  """Fits each latent to a factor.

  Args:
    codes: of the labelled examples [N, D].
    values: of the factor [N].
    factor: what is known of it.
    beside: features [N, Q] that are taken out of codes and factor first; the
      share is then what the factor adds to theirs.

  Raises:
    ValueError: no more examples than terms, those beside counted, or all of
      one value.
  """
  codes = np.asarray(codes, np.float64)
  phi = features(values, factor)
  if np.linalg.matrix_rank(phi) < 2:
    raise ValueError(
      f'the {len(codes)} labelled images have one value of {factor.name}; give '
      'more --labels'
    )
  base = np.ones((len(codes), 1)) if beside is None else beside
  both = np.concatenate([base, phi], 1)
  terms = int(np.linalg.matrix_rank(both))
  if len(codes) <= terms + 1:
    raise ValueError(
      f'{len(codes)} labelled images are too few for {factor.name}; give at '
      f'least --labels={both.shape[1] + 1}'
    )
  weights = np.linalg.lstsq(phi, codes, rcond=None)[0]
  weights[~phi.any(0)] = codes.mean(0)  # kinds of which there is no example
  left = codes - base @ np.linalg.lstsq(base, codes, rcond=None)[0]
  rest = codes - both @ np.linalg.lstsq(both, codes, rcond=None)[0]
  total = ((codes - codes.mean(0)) ** 2).sum(0)
  # Variances of what is left without the factor, and with it.
  without = (left**2).sum(0) / (len(codes) - np.linalg.matrix_rank(base))
  gain = without - (rest**2).sum(0) / (len(codes) - terms)
  live = total > 1e-12
  scale = np.where(live, total / (len(codes) - 1), 1)
  return Response(factor, weights, np.where(live, gain / scale, 0.0))


def best_latent(response: Response) -> int:
  """The latent that knows the factor best."""
  return int(np.argmax(response.share))
