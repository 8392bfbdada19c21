"""Principal components of images: what a linear coder makes of them."""

from typing import Any, NamedTuple

import numpy as np

_DENSE = 1500  # rows of a matrix that is decomposed whole: about a second


class Components(NamedTuple):
  """The first D principal components of rows [N, P].

  Attributes:
    mean: of the rows [P].
    axes: [D, P], orthonormal; 0 beyond what few rows have.
    variance: along the axes [D], the largest first.
  """

  mean: np.ndarray
  axes: np.ndarray
  variance: np.ndarray


def components(images: Any, count: int) -> Components:
  """The first `count` principal components of images [N, ...], in float64.

  By the eigenvectors of the pixels' covariance, or of the images' products,
  whichever are fewer: 12,288 pixels of 64x64 in colour against some thousands.
  """
  rows = np.asarray(images, np.float64).reshape(len(images), -1)
  mean = rows.mean(0)
  rows = rows - mean
  few = len(rows) < rows.shape[1]
  products = rows @ rows.T if few else rows.T @ rows
  variance, axes = _largest(products / len(rows), count)
  good = variance > 1e-10 * variance[0]
  if few:  # X^T u / sqrt(n lambda)
    lengths = np.sqrt(len(rows) * np.where(good, variance, 1))
    axes = rows.T @ (axes * (good / lengths))
  missing = count - len(variance)
  return Components(
    mean,
    np.pad(axes, ((0, 0), (0, missing))).T,
    np.pad(variance * good, (0, missing)),
  )


def _largest(matrix: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
  """The largest eigenvalues, in order, and their vectors [N, count].

  Source: Lanczos' method, as in ARPACK (Lehoucq et al. 1998), of large ones.
  """
  if len(matrix) <= max(_DENSE, 2 * count + 1) or not matrix.any():
    values, vectors = np.linalg.eigh(matrix)
  else:
    from scipy.sparse import linalg as sparse  # an eighth of a start

    start = np.random.RandomState(0).normal(size=len(matrix))
    values, vectors = sparse.eigsh(matrix, count, v0=start)
  order = np.argsort(values)[: -count - 1 : -1]
  return np.maximum(values[order], 0), vectors[:, order]
