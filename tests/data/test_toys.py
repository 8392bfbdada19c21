"""Toys: where things are, and the evidence of the linear Gaussian."""

import math

import helpers
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import data
from bvae_jax.data import toys


def load(name: str, **changes) -> data.Dataset:
  return helpers.dataset(**{'name': name, 'image_size': 32} | changes)


@pytest.mark.parametrize('name', toys.NAMES)
def test_toys_are_grids_in_range(name):
  dataset = load(name)
  images = np.asarray(dataset.images(jnp.arange(256)))
  assert images.shape == (256, 32, 32, 1) and images.dtype == np.float32
  assert images.min() >= 0 and images.max() <= 1
  assert len(np.unique(images.reshape(256, -1), axis=0)) == 256
  assert dataset.factor_sizes == (16, 16)
  with pytest.raises(ValueError, match='at least 8'):
    load(name, image_size=4)


@pytest.mark.parametrize('name', ['blob', 'xy_squares'])
def test_centre_of_mass_is_where_the_factors_say(name):
  dataset = load(name)
  images = np.asarray(dataset.images(jnp.arange(256)))[..., 0]
  mass = images.sum((1, 2))
  x = (images.sum(1) @ np.arange(32)) / mass
  y = (images.sum(2) @ np.arange(32)) / mass
  want = 4 + 23 * np.stack(np.divmod(np.arange(256), 16), 1) / 15
  np.testing.assert_allclose(np.stack([x, y], 1), want, atol=0.6)


def test_evidence_is_that_of_the_marginal_gaussian():
  images = (
    np.asarray(
      load('linear_gaussian', image_size=8).images_fn((), jnp.arange(256)),
      np.float64,
    ).reshape(256, 64)
    - 0.5
  )
  noise = 0.3
  # The images' own second moments are those of W z with z of variance v.
  covariance = images.T @ images / 256 + noise**2 * np.eye(64)
  _, logdet = np.linalg.slogdet(2 * math.pi * covariance)
  solved = np.linalg.solve(covariance, images.T)
  evidence = -0.5 * (logdet + np.einsum('ni,in->n', images, solved).mean())
  assert toys.gaussian_evidence(8, noise) == pytest.approx(evidence, abs=1e-3)
