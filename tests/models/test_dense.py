"""The product of dense layers equals that of `lax`, to any derivative."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from bvae_jax.models.dense import Dense


def test_a_wide_layer_is_that_of_flax():
  rng = np.random.default_rng(0)
  x, dx = jnp.asarray(rng.normal(size=(2, 5, 300)), 'float32')
  kernel, dkernel = jnp.asarray(rng.normal(size=(2, 300, 256)) / 16, 'float32')
  weight = jnp.cos(jnp.arange(256.0))

  def of(layer):
    def value(x, kernel):
      y = layer.apply({'params': {'kernel': kernel}}, x)
      return jnp.sum(jnp.sin(y) * weight)

    grads = jax.grad(value, (0, 1))
    along = lambda x, kernel: jax.jvp(value, (x, kernel), (dx, dkernel))[1]
    members = lambda f: jax.vmap(f)(
      jnp.stack([x, 2 * x]), jnp.stack([kernel, -kernel])
    )
    return {
      'value': value(x, kernel),
      'gradients': grads(x, kernel),
      'only the kernel': jax.grad(value, 1)(x, kernel),
      'along': along(x, kernel),
      'their gradient': jax.grad(along, (0, 1))(x, kernel),
      'of members': members(grads),
      'of a row': grads(x[0], kernel),
    }

  ours, theirs = jax.jit(
    lambda: [of(make(256, use_bias=False)) for make in (Dense, nn.Dense)]
  )()
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
    ours,
    theirs,
  )
