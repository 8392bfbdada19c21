"""Autoencoders: codes that are points, and their codebooks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bvae_jax import losses, models
from bvae_jax.losses import points


def test_codebooks_give_the_nearest_value_of_each_latent():
  books = models.Codebooks(num_latents=2, num_values=3)
  start = books.init(jax.random.key(0), jnp.zeros((1, 2)))['params']
  np.testing.assert_allclose(start['values'], [[-0.5, 0.0, 0.5]] * 2)
  values = jnp.array([[-1.0, 0.2, 2.0], [0.0, 5.0, 7.0]])
  z = jnp.array([[-0.5, 5.9], [0.7, -3.0], [1.2, 6.1]])
  apply = lambda v, z: books.apply({'params': {'values': v}}, z)
  expected = [[-1.0, 5.0], [0.2, 0.0], [2.0, 7.0]]
  np.testing.assert_allclose(apply(values, z), expected)
  # Each value moves with the codes that chose it; z has no gradient here.
  weights = jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
  total = lambda *a: (apply(*a) * weights).sum()
  own, through = jax.jit(jax.grad(total, (0, 1)))(values, z)
  np.testing.assert_allclose(own, [[1, 3, 5], [4, 2, 6]])
  np.testing.assert_array_equal(through, np.zeros((3, 2)))


def test_the_loss_of_qlae_and_whom_each_term_moves():
  rng = np.random.default_rng(0)
  nll = jnp.asarray(rng.uniform(size=5))
  z, quantized = jnp.asarray(rng.normal(size=(2, 5, 3)))
  weights = {'quantization': 3.0, 'commitment': 0.5}
  loss, terms = jax.jit(points.qlae)(nll, z, quantized, **weights)
  distance = np.square(z - quantized).sum(1).mean()
  np.testing.assert_allclose(loss, nll.mean() + 3.5 * distance, rtol=1e-6)
  np.testing.assert_allclose(terms['quantization_error'], distance, rtol=1e-6)
  np.testing.assert_allclose(
    terms['variance_per_latent'], np.var(quantized, 0), rtol=1e-5
  )
  loss_of = lambda z, q: points.qlae(nll, z, q, **weights)[0]
  to_z, to_q = jax.jit(jax.grad(loss_of, (0, 1)))(z, quantized)
  np.testing.assert_allclose(to_z, 0.5 * 2 * (z - quantized) / 5, rtol=1e-5)
  np.testing.assert_allclose(to_q, 3.0 * 2 * (quantized - z) / 5, rtol=1e-5)


def test_the_encoder_takes_the_decoder_s_gradient(make_case):
  """At the quantised code, as if it were the encoder's own output."""
  case = make_case('qlae')
  none = {'quantization': 0.0, 'commitment': 0.0}
  loss = lambda p: case.run(p, none)[0]
  found = jax.jit(jax.grad(loss))(case.params)['coder']

  def nll_at(z):
    outputs = case.nets['decoder'](case.params['decoder'], z)
    return case.context.nll(case.params, outputs, case.batch['images']).mean()

  encode = lambda p: case.nets['coder'](p, case.batch['images'])

  @jax.jit
  def straight_through(coder):
    z, pullback = jax.vjp(encode, coder)
    code = case.nets['codebooks'](case.params['codebooks'], z)
    return pullback(jax.grad(nll_at)(code))

  (expected,) = straight_through(case.params['coder'])
  for name in expected:
    np.testing.assert_allclose(found[name], expected[name], atol=1e-6)


def test_wrong_shapes_are_refused():
  with pytest.raises(ValueError, match='shapes differ'):
    points.qlae(jnp.ones(2), jnp.ones((2, 3)), jnp.ones((2, 2)),
                quantization=1.0, commitment=1.0)  # fmt: skip
  with pytest.raises(ValueError, match='expected nll of shape'):
    losses.OBJECTIVES['ae'].loss(jnp.ones(3), jnp.ones((2, 3)))
