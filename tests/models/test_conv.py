"""Strided convolutions equal those of `lax`, gradients and vmap included."""

import functools

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from bvae_jax.models.conv import Conv, ConvTranspose, conv, conv_transpose


def lax_conv(x, kernel, bias, *, relu):
  x = jnp.maximum(x, 0) if relu else x
  y = lax.conv_general_dilated(
    x, kernel, (2, 2), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
  )
  return y + bias


def lax_conv_transpose(x, kernel, bias, *, relu):
  x = jnp.maximum(x, 0) if relu else x
  y = lax.conv_transpose(x, kernel, (2, 2), 'SAME')
  return y + bias


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
    weight = np.cos(np.arange(y.size)).reshape(y.shape)
    return jnp.sum(y * weight.astype(y.dtype)), y

  step = jax.value_and_grad(scalar, argnums=(0, 1, 2), has_aux=True)
  (_, y), gradients = step(*args)
  return (y, *gradients)


def pairs(ours, reference, args):
  """Output and gradients of the one beside those of the other; one program."""
  step = lambda *args: [value_and_gradients(f, args) for f in (ours, reference)]
  return zip(*jax.jit(step)(*args), strict=True)


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
    for a, b in pairs(ours, reference, args):
      assert a.shape == b.shape
      assert a.dtype == b.dtype == dtype
      np.testing.assert_allclose(a, b, rtol=tolerance, atol=20 * tolerance)


@pytest.mark.parametrize('name', PAIRS)
def test_forward_mode_and_its_gradient_equal_those_of_lax(name):
  with jax.enable_x64(True):
    args = arguments('float64', 3, 4, 2, 3)
    along = tuple(jnp.cos(3 * a) for a in args)

    def slopes(function):
      """The tangent, and the gradients of the sum of its squares."""
      function = functools.partial(function, relu=True)
      tangent = lambda *args: jax.jvp(function, args, along)[1]
      square = lambda *args: (tangent(*args) ** 2).sum()
      return jax.jit(tangent)(*args), *jax.jit(jax.grad(square, (0, 1, 2)))(
        *args
      )

    for a, b in zip(*map(slopes, PAIRS[name]), strict=True):
      np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
  ('ours', 'flax'),
  [
    (Conv(5), nn.Conv(5, (4, 4), strides=2)),
    (Conv(5, size=2), nn.Conv(5, (2, 2), strides=2)),
    (ConvTranspose(5), nn.ConvTranspose(5, (4, 4), strides=(2, 2))),
  ],
)
def test_modules_take_the_parameters_of_flax(ours, flax):
  x, *_ = arguments('float32', 3, 4, 2, 5)
  params = {'params': helpers.drawn(flax, x)}
  np.testing.assert_allclose(
    *jax.jit(lambda p: (ours.apply(p, x), flax.apply(p, x)))(params), atol=1e-5
  )
  shapes = functools.partial(jax.tree.map, jnp.shape)
  found = jax.eval_shape(ours.init, jax.random.key(0), x)
  assert shapes(found) == shapes(params)


@pytest.mark.parametrize('batch', [1, 7, 8, 19])
def test_blocks_of_any_batch(batch, monkeypatch):
  """Blocks that do not divide the batch change nothing."""
  monkeypatch.setattr('bvae_jax.models._products._CACHE_BYTES', 4 * 12000)
  for ours, reference in PAIRS.values():
    args = arguments('float32', batch, 4, 2, 3)
    both = (functools.partial(f, relu=True) for f in (ours, reference))
    for a, b in pairs(*both, args):
      np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-4)


@pytest.mark.parametrize('function', [conv, conv_transpose])
def test_no_convolution_is_left_under_vmap(function):
  """Members must never become the groups of a grouped convolution."""
  args = arguments('float32', 2, 4, 3, 3, members=2)
  program = jax.make_jaxpr(
    jax.vmap(lambda *a: value_and_gradients(function, a))
  )(*args)
  assert 'conv_general_dilated' not in str(program)
  assert 'dot_general' in str(program)


@pytest.mark.parametrize(
  ('x', 'kernel', 'bias', 'message'),
  [
    ((1, 7, 8, 3), (4, 4, 3, 2), (2,), r'even image sides, got \(1, 7, 8, 3\)'),
    ((1, 8, 8, 3), (3, 3, 3, 2), (2,), r'\(3, 3, 3, 2\)'),
    ((1, 8, 8, 3), (4, 4, 1, 2), (2,), r'\(4, 4, 1, 2\)'),
    ((8, 8, 3), (4, 4, 3, 2), (2,), r'\(8, 8, 3\)'),
    ((1, 8, 8, 3), (4, 4, 3, 2), (3,), r'\(3,\)'),
  ],
)
def test_shapes_are_checked(x, kernel, bias, message):
  with pytest.raises(ValueError, match=message):
    conv(jnp.zeros(x), jnp.zeros(kernel), jnp.zeros(bias))
