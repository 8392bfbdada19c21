"""Tripod: codes on a grid, kernels' multiinformation, shares of curvature."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from bvae_jax import losses, models
from bvae_jax.losses import gridded

RNG = np.random.default_rng(0)

# One program each: their operations one by one take longer to compile.
on_grid = jax.jit(gridded.on_grid, static_argnums=1)
multiinformation = jax.jit(losses.latent_multiinformation)


def test_codes_are_rounded_to_even_values():
  z = jnp.array([[-1.0, -0.7, -0.6, 0.1, 0.4, 0.9]])
  np.testing.assert_allclose(on_grid(z, 5), [[-1, -0.5, -0.5, 0, 0.5, 1]])
  ends = np.asarray(on_grid(z, 2))[0, [0, 5]]
  np.testing.assert_allclose(ends, [-1, 1])
  z = jnp.asarray(RNG.uniform(-1, 1, (500, 3)), jnp.float32)
  values = gridded.grid_codebook({}, 3, {'num_values': 12})
  np.testing.assert_allclose(values, [np.linspace(-1, 1, 12)] * 3, atol=1e-6)
  nearest = jax.jit(models.nearest)(z, values)
  np.testing.assert_array_equal(nearest, on_grid(z, 12))


def test_multiinformation_is_that_of_kernel_densities():
  z, scale = RNG.normal(size=(7, 3)), np.array([0.5, 1.0, 2.0])
  width = scale * (4 / (5 * 7)) ** (1 / 7)
  expected = 0
  for b in range(7):
    joint = [np.prod(stats.norm.pdf(z[b], z[c], width)) for c in range(7)]
    marginals = stats.norm.pdf(z[b], z, scale).mean(0)
    expected += (np.log(np.mean(joint)) - np.log(marginals).sum()) / 7
  found = multiinformation(z, scale)
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  moved = multiinformation(3 * z + 1, 3 * scale)
  np.testing.assert_allclose(moved, expected, rtol=1e-4)
  together = np.repeat(z[:, :1], 3, axis=1)
  assert multiinformation(together, np.ones(3) / 2) > found
  with pytest.raises(ValueError, match=r'scale must have shape \(3,\)'):
    losses.latent_multiinformation(z, np.ones(2))
  with pytest.raises(ValueError, match='of at least 2, got z'):
    losses.latent_multiinformation(z[:1], np.ones(3))


def test_the_share_of_curvature_of_a_quadratic_decoder():
  # Of outputs z' A_k z the Hessians are 2 A_k, whatever z. All signs alike give
  # the sum off the diagonal exactly; two at a time do, all pairs together.
  rng = np.random.default_rng(0)
  curves = rng.normal(size=(2, 3, 3))
  curves += curves.transpose(0, 2, 1)
  scale = np.array([0.5, 1.0, 2.0])
  of_type = lambda z: jnp.asarray(curves, z.dtype)
  decode = lambda z: jnp.einsum('bi,kij,bj->bk', z, of_type(z), z)
  scale = jnp.asarray(scale)
  z = jnp.asarray(rng.normal(size=(4, 3)))
  signs = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
  pairs = np.stack(list(itertools.product(signs, repeat=2)), 1)  # [2, 64, 3]
  signs = jnp.asarray(np.tile(signs, (50, 1)))[:, None].repeat(4, 1)
  normals = jax.random.normal(jax.random.key(0), (40_000, 4, 3))
  hessians = np.square(curves * np.outer(scale, scale))
  diagonal = sum(np.trace(h) for h in hessians)
  expected = 1 - diagonal / hessians.sum()
  share_of = jax.jit(losses.hessian_share, static_argnums=0)
  with jax.enable_x64(True):
    found = share_of(decode, z, scale, signs, normals)
    drawn = normals.reshape(-1, 64, 3)
    few = share_of(decode, drawn[0], scale, pairs, drawn)
  np.testing.assert_allclose(found, expected, rtol=0.05)
  assert np.asarray(few).mean() == pytest.approx(expected, rel=0.05)
  layers = lambda z: [decode(z), jnp.sin(z @ jnp.ones((3, 2)))]
  shares = [
    share_of(f, z, scale, signs, normals[:9])
    for f in (layers, decode, lambda z: layers(z)[1])
  ]
  np.testing.assert_allclose(shares[0], shares[1] + shares[2], rtol=1e-4)
  alone = lambda z: jnp.sin(z) + z**2  # each output has a latent of its own
  none = share_of(alone, z, scale, signs, normals[:9])
  np.testing.assert_allclose(none, 0, atol=1e-5)


def test_the_loss_and_the_straight_through_gradient(make_case):
  z = jnp.asarray(RNG.uniform(-1, 1, (5, 3)))
  nll, share = jnp.asarray(RNG.uniform(size=(2, 5)))
  code = on_grid(z, 4)
  weights = {'multiinformation': 2.0, 'hessian': 3.0}
  loss, terms = jax.jit(losses.tripod)(nll, z, code, **weights, share=share)
  scale = jnp.std(z, 0)
  kernels = multiinformation(code, scale)
  np.testing.assert_allclose(
    loss, nll.mean() + 2 * kernels + 3 * share.mean(), rtol=1e-6
  )
  assert terms['hessian_share'] == pytest.approx(share.mean())
  still = jnp.ones((5, 3))  # codes that do not differ have a gradient of 0
  penalised = lambda z: losses.tripod(nll, z, still, **weights, share=share)[0]
  slope = jax.jit(jax.grad(penalised))(still)
  np.testing.assert_array_equal(slope, np.zeros((5, 3)))
  case = make_case('tripod')
  none = {'multiinformation': 0.0, 'hessian': 0.0}
  found = jax.jit(jax.grad(lambda p: case.run(p, none)[0]))(case.params)
  images, params = case.batch['images'], case.params

  def nll_at(code):
    outputs = case.nets['decoder'](params['decoder'], code)
    return case.context.nll(params, outputs, images).mean()

  @jax.jit
  def straight_through(coder):
    encode = lambda p: case.nets['bounded_coder'](p, images)
    own, pullback = jax.vjp(encode, coder)
    return pullback(jax.grad(nll_at)(gridded.on_grid(own, 12)))

  (expected,) = straight_through(params['bounded_coder'])
  for name, gradient in expected.items():
    np.testing.assert_allclose(
      found['bounded_coder'][name], gradient, atol=1e-6
    )
