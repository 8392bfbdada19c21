"""Strided convolutions equal those of `lax`, gradients and vmap included."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from bvae_jax.models.conv import conv, conv_transpose


def lax_conv(x, kernel, bias, *, relu):
  y = lax.conv_general_dilated(
    x, kernel, (2, 2), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
  )
  return jnp.maximum(y + bias, 0) if relu else y + bias


def lax_conv_transpose(x, kernel, bias, *, relu):
  y = lax.conv_transpose(x, kernel, (2, 2), 'SAME')
  return jnp.maximum(y + bias, 0) if relu else y + bias


PAIRS = {'conv': (conv, lax_conv), 'up': (conv_transpose, lax_conv_transpose)}


def arguments(dtype, batch, size, channels, features, members=None):
  rng = np.random.default_rng(0)
  lead = () if members is None else (members,)
  x = rng.normal(size=(*lead, batch, 8, 12, channels))
  kernel = rng.normal(size=(*lead, size, size, channels, features)) / size
  bias = rng.normal(size=(*lead, features))
  return [jnp.asarray(a, dtype) for a in (x, kernel, bias)]


def value_and_gradients(function, args):
  """The output, and all gradients of a scalar that weighs it unevenly."""

  def scalar(*args):
    y = function(*args)
    return jnp.sum(y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)), y

  (_, y), gradients = jax.jit(
    jax.value_and_grad(scalar, argnums=(0, 1, 2), has_aux=True)
  )(*args)
  return (y, *gradients)


@pytest.mark.parametrize('dtype', ['float32', 'float64'])
@pytest.mark.parametrize('name', PAIRS)
@pytest.mark.parametrize(
  ('batch', 'size', 'channels', 'features', 'relu', 'members'),
  [
    (16, 4, 3, 5, True, None),
    (13, 4, 1, 4, False, None),
    (3, 2, 4, 1, True, None),
    (9, 4, 1, 3, True, 2),
    (2, 2, 3, 2, False, 3),
  ],
)
def test_equals_lax(
  dtype, name, batch, size, channels, features, relu, members
):
  with jax.enable_x64(dtype == 'float64'):
    args = arguments(dtype, batch, size, channels, features, members)
    ours, reference = (functools.partial(f, relu=relu) for f in PAIRS[name])
    if members:
      ours, reference = jax.vmap(ours), jax.vmap(reference)
    tolerance = 1e-5 if dtype == 'float32' else 1e-12
    for a, b in zip(
      value_and_gradients(ours, args), value_and_gradients(reference, args)
    ):
      assert a.shape == b.shape
      assert a.dtype == b.dtype == dtype
      np.testing.assert_allclose(a, b, rtol=tolerance, atol=20 * tolerance)
