"""What is done to codes so that a prediction forgets a sensitive factor."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Rows = Callable[[np.ndarray], np.ndarray]  # codes [N, D] to codes [N, D]


def keep(codes: np.ndarray) -> np.ndarray:
  """Nothing is removed."""
  return codes


def drop(latents: Sequence[int], middle: np.ndarray) -> Rows:
  """Sets latents to their mean [D], so that they say nothing."""

  def erased(codes: np.ndarray) -> np.ndarray:
    found = np.array(codes)
    found[:, latents] = middle[list(latents)]
    return found

  return erased


def swap(latents: Sequence[int], seed: int) -> Rows:
  """Gives each image the latents of another one, drawn at random."""

  def erased(codes: np.ndarray) -> np.ndarray:
    found = np.array(codes)
    order = np.random.default_rng(seed).permutation(len(found))
    found[:, latents] = found[order][:, latents]
    return found

  return erased


def leace(codes: Any, sensitive: Any, weight: Any = None) -> Rows:
  """The least change after which no linear classifier knows the group.

  r(x) = x - W^+ P W (x - mean), with W = cov(x)^{-1/2} and P the projection on
  the columns of W cov(x, s).

  Args:
    codes: float [N, D].
    sensitive: the groups, int [N].
    weight: of the examples [N]; ones by default.

  Source: Belrose et al. 2023 (arXiv:2306.03819), LEACE.
  """
  codes = np.asarray(codes, np.float64)
  groups = np.unique(sensitive)
  told = (np.asarray(sensitive)[:, None] == groups).astype(np.float64)
  share = np.ones(len(codes)) if weight is None else np.asarray(weight)
  share = share / share.sum()
  mean, centre = share @ codes, share @ told
  centred = codes - mean
  cross = (centred * share[:, None]).T @ (told - centre)
  variance, axes = np.linalg.eigh((centred * share[:, None]).T @ centred)
  live = variance > 1e-9 * max(variance.max(), 1e-30)
  root = np.sqrt(np.where(live, variance, 1.0))
  whiten = (axes * np.where(live, 1 / root, 0)) @ axes.T
  back = (axes * np.where(live, root, 0)) @ axes.T
  left, size, _ = np.linalg.svd(whiten @ cross, full_matrices=False)
  # Codes are white there: what does not go with the group is near 0, not least.
  basis = left[:, size > 1e-8]
  removed = back @ basis @ basis.T @ whiten
  return lambda rows: rows - (np.asarray(rows) - mean) @ removed.T
