"""The L1 norm of a decoder's Jacobian."""

import jax
import jax.numpy as jnp
import numpy as np

from bvae_jax import models
from bvae_jax.losses import jacobian


def test_of_a_linear_decoder_it_is_the_norm_of_the_matrix():
  rng = np.random.default_rng(0)
  matrix, z = jnp.asarray(rng.normal(size=(3, 7))), jnp.ones((2, 3))
  decode = lambda z: z @ matrix
  every = jnp.tile(jnp.arange(3)[:, None], (1, 2))
  found = jacobian.jacobian_norm(decode, z, every)
  np.testing.assert_allclose(found, [np.abs(matrix).sum()] * 2, rtol=1e-6)
  one = jacobian.jacobian_norm(decode, z, jnp.array([[2, 0]]))
  columns = 3 * np.abs(matrix).sum(1)
  np.testing.assert_allclose(one, columns[jnp.array([2, 0])], rtol=1e-6)


def test_of_a_network_it_is_that_of_reverse_differentiation():
  decoder = models.make_decoder('mlp_small', (8, 8, 1))
  z = jax.random.normal(jax.random.key(1), (1, 3))

  @jax.jit
  def both(z):
    params = decoder.init(jax.random.key(0), z)
    decode = lambda z: jax.nn.sigmoid(decoder.apply(params, z))
    found = jacobian.jacobian_norm(decode, z, jnp.arange(3)[:, None])
    return found[0], jnp.abs(jax.jacrev(decode)(z)).sum()

  with jax.numpy_rank_promotion('allow'):  # Flax adds biases by rank
    found, expected = both(z)
  np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_some_columns_have_the_norm_as_their_mean(make_case):
  exact = make_case('jl1_vae')
  (_, terms), _ = exact.step(exact.params, exact.hparams)
  case = make_case('jl1_vae', num_columns=1)

  def norms(case, seed):
    run = lambda key: case.objective.wire(case.nets, case.context)(
      case.params, case.batch, key, case.hparams
    )[1]['jacobian_norm']
    return jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(seed), 1000))

  found = norms(case, 0)
  # Its latents are sampled as well, so that z differs from draw to draw.
  expected = norms(exact, 1).mean()
  assert terms['jacobian_norm'] > 0
  error = found.std() / np.sqrt(1000)
  assert abs(found.mean() - expected) < 4 * error


def test_the_norm_trains_the_decoder_alone(make_case):
  """As in the authors' code, which detaches the codes it differentiates at."""
  case = make_case('jl1_vae')
  with_norm, without = (
    case.step(case.params, {**case.hparams, 'gamma': jnp.asarray(gamma)})[1]
    for gamma in (10.0, 0.0)
  )
  jax.tree.map(
    np.testing.assert_array_equal, with_norm['encoder'], without['encoder']
  )
  assert (
    np.abs(with_norm['decoder']['out'] - without['decoder']['out']).max() > 0
  )
