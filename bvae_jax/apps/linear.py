"""The linear coder that stands beside a model: principal components."""

import dataclasses
from typing import Any

import numpy as np

from bvae_jax.evaluation import principal


@dataclasses.dataclass(frozen=True, eq=False)
class Pca:
  """The linear coder of the largest variance.

  Attributes:
    mean: of the images [P].
    axes: [D, P], orthonormal.
    scale: deviation of each code [D]; codes have unit variance.
    image_shape: (H, W, C).
  """

  mean: np.ndarray
  axes: np.ndarray
  scale: np.ndarray
  image_shape: tuple[int, ...]

  @property
  def num_latents(self) -> int:
    return len(self.axes)

  def encode(self, images: Any) -> tuple[np.ndarray, np.ndarray]:
    rows = np.asarray(images, np.float32).reshape(len(images), -1)
    codes = (rows - self.mean) @ self.axes.T / self.scale
    return codes, np.zeros_like(codes)

  def decode(self, z: Any) -> np.ndarray:
    rows = np.asarray(z, np.float32) * self.scale @ self.axes + self.mean
    return np.clip(rows, 0, 1).reshape(len(rows), *self.image_shape)


def fit_pca(images: Any, num_latents: int) -> Pca:
  """The first D principal components of images [N, H, W, C].

  Raises:
    ValueError: fewer images or pixels than components.
  """
  shape = np.shape(images)[1:]
  rows = np.asarray(images, np.float32).reshape(len(images), -1)
  if num_latents > min(rows.shape):
    raise ValueError(
      f'a PCA of {num_latents} components needs as many images and pixels, '
      f'got {rows.shape}'
    )
  found = principal.components(rows, num_latents)
  scale = np.sqrt(np.maximum(found.variance, 1e-12))
  single = lambda x: x.astype(np.float32)
  return Pca(single(found.mean), single(found.axes), single(scale), shape)
