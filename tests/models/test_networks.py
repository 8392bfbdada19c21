"""Networks by name: sizes of the papers, shapes, vmap, gradients, errors."""

import functools

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from bvae_jax.models import (
  DECODERS,
  DISCRIMINATORS,
  ENCODERS,
  Encoder,
  make_coder,
  make_critic,
  make_decoder,
  make_discriminator,
  make_encoder,
)
from bvae_jax.training import experiment

SHAPE = (16, 32, 3)
LATENTS = 4


def build(kind, name):
  """A network for SHAPE, and a batch of five of its inputs."""
  rng = np.random.default_rng(7)
  images, z = rng.random((5, *SHAPE)), rng.standard_normal((5, LATENTS))
  if kind == 'encoder':
    return make_encoder(name, LATENTS, SHAPE), images
  if kind == 'critic':
    return make_critic(name, LATENTS, SHAPE), images
  if kind == 'decoder':
    return make_decoder(name, SHAPE), z
  return make_discriminator(name), z


# Millions of weights: test_residual has small ones of the kind.
LARGE = {'residual_hsu', 'conv_hsu', 'styled_hsu'}
NETWORKS = [
  *(('encoder', name) for name in sorted(ENCODERS.keys() - LARGE)),
  *(('critic', name) for name in sorted(ENCODERS.keys() - LARGE)),
  *(('decoder', name) for name in sorted(DECODERS.keys() - LARGE)),
  *(('discriminator', name) for name in DISCRIMINATORS),
]
WIDER = ((1, 32), (32, 64), (64, 128), (128, 256))
NARROWER = ((256, 256), (256, 128), (128, 64), (64, 32))
OUTPUTS = {
  'encoder': ((5, LATENTS), (5, LATENTS)),
  'critic': ((5,), (5, LATENTS), (5, LATENTS)),
  'decoder': (5, *SHAPE),
  'discriminator': (5, 2),
}


@pytest.mark.parametrize(('kind', 'name'), NETWORKS)
def test_contract(kind, name):
  """Shapes, dtype under x64, and vmap(init), vmap(apply), grad = a loop."""
  with jax.enable_x64(True):
    network, x = build(kind, name)
    keys = jax.random.split(jax.random.key(0), 2)
    shapes = jax.eval_shape(jax.vmap(network.init, (0, None)), keys, x)
    params = jax.tree.map(
      lambda p, shape: p.astype(shape.dtype), helpers.normal(shapes), shapes
    )

    def loss(params):
      outputs = network.apply(params, x)
      return sum(jnp.sum(jnp.sin(y)) for y in jax.tree.leaves(outputs)), outputs

    step = jax.value_and_grad(loss, has_aux=True)
    together = jax.device_get(jax.jit(jax.vmap(step))(params))
    assert jax.tree.map(lambda y: y.shape[1:], together[0][1]) == OUTPUTS[kind]
    assert {y.dtype.name for y in jax.tree.leaves(together)} == {'float64'}

    second = jax.tree.map(lambda p: p[1], params)
    alone = jax.device_get(jax.jit(step)(second))
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-9, atol=1e-11),
      together,
      alone,
    )
    assert all(np.any(g != 0) for g in jax.tree.leaves(alone[1]))


@pytest.mark.parametrize(
  ('kind', 'name', 'count'),
  [
    # conv: sum k k C F + F; dense: C F + F; counted by hand.
    ('encoder', 'conv_locatello', 544 + 16416 + 8256 + 16448 + 262400 + 5140),
    ('encoder', 'conv_burgess', 544 + 16416 + 32832 + 65600 + 262400 + 5140),
    ('encoder', 'conv_burgess32', 544 + 3 * 16416 + 131328 + 65792 + 5140),
    # 3x3 and 4x4 kernels without biases, scales and shifts of the norms.
    (
      'encoder',
      'conv_hsu',
      sum(9 * c * f + 25 * f * f + 6 * f for c, f in WIDER)
      + (1048832 + 65792 + 5140),
    ),
    ('encoder', 'mlp_higgins', 4916400 + 1441200 + 24020),
    (
      'decoder',
      'deconv_locatello',
      2816 + 263168 + 65600 + 32800 + 16416 + 513,
    ),
    ('decoder', 'deconv_burgess32', 2816 + 65792 + 131584 + 3 * 16416 + 513),
    # A constant, the style, kernels, moves of each layer, the last convolution.
    (
      'decoder',
      'styled_hsu',
      (4 * 4 * 256 + 2816 + 65792)
      + sum(9 * c * f + 25 * f * f + 3 * 257 * 2 * f for c, f in NARROWER)
      + 9 * 32,
    ),
    ('decoder', 'mlp_higgins', 13200 + 2 * 1441200 + 4919296),
    ('discriminator', 'mlp', 11000 + 5 * 1001000 + 2002),
  ],
)
def test_sizes_of_the_papers(kind, name, count):
  """The parameters that the papers' tables give, for images [64, 64, 1]."""
  make = {
    'encoder': lambda: make_encoder(name, 10, (64, 64, 1)),
    'decoder': lambda: make_decoder(name, (64, 64, 1)),
    'discriminator': lambda: make_discriminator(name),
  }[kind]
  x = jnp.zeros((1, 64, 64, 1) if kind == 'encoder' else (1, 10))
  params = jax.eval_shape(make().init, jax.random.key(0), x)
  assert sum(p.size for p in jax.tree.leaves(params)) == count


def test_initial_weights_are_glorot_uniform_with_zero_biases():
  network, x = build('encoder', 'conv_burgess')
  trunk = jax.jit(network.init)(jax.random.key(0), x)['params']['trunk']
  kernel = np.asarray(trunk['Conv_2']['kernel'])
  bound = np.sqrt(6 / (16 * 32 + 16 * 64))
  assert np.abs(kernel).max() <= bound
  np.testing.assert_allclose(kernel.std(), bound / np.sqrt(3), rtol=0.02)
  assert not np.any(trunk['Conv_2']['bias'])


def test_hidden_layers_and_normalised_features():
  decoder, z = build('decoder', 'mlp_small_tanh')
  assert set(jax.eval_shape(decoder.init, jax.random.key(0), z)) == {'params'}
  params = helpers.drawn(decoder, z)
  nets = experiment.make_nets({'decoder': decoder})
  hidden = jax.jit(functools.partial(nets['decoder'], hidden=True))
  found = hidden(params, z)
  x, dense = np.asarray(z), params['MLP_0']
  for i, layer in enumerate(found):
    x = np.tanh(x @ dense[f'Dense_{i}']['kernel'] + dense[f'Dense_{i}']['bias'])
    np.testing.assert_allclose(layer, x, atol=1e-5)
  assert len(found) == 2
  deconv = make_decoder('deconv_locatello', SHAPE)
  apply = experiment.make_nets({'decoder': deconv})['decoder']
  layers = jax.eval_shape(
    functools.partial(apply, hidden=True), helpers.drawn(deconv, z), z
  )
  shapes = [x.shape for x in layers]
  maps = [(5, 2, 4, 64), (5, 4, 8, 32), (5, 8, 16, 32)]
  assert sorted(shapes) == sorted([(5, 256), *maps])
  apply = experiment.make_nets({'decoder': nn.Dense(2)})['decoder']
  with pytest.raises(ValueError, match='Dense keeps no hidden layer, and this'):
    apply(helpers.drawn(nn.Dense(2), z), z, hidden=True)
  # Brighter images have the same codes at first: their features are normalised.
  coder = make_coder('mlp_small', 3, SHAPE, bounded=True)
  images = 0.4 * np.random.default_rng(7).random((5, *SHAPE), np.float32)
  encode = jax.jit(coder.apply)
  params = jax.jit(coder.init)(jax.random.key(1), images)
  codes = encode(params, images)
  np.testing.assert_allclose(encode(params, 2 * images), codes, atol=1e-4)


@pytest.mark.parametrize('shape', [(8, 9, 2), (33, 17, 4)])
def test_images_of_any_size(shape):
  """Odd, small and oblong images: every pixel is seen, and is drawn."""
  images = np.random.default_rng(0).random((2, *shape), np.float32)
  encoder = make_encoder('conv_locatello', 3, shape)
  decoder = make_decoder('deconv_locatello', shape)
  params = {'params': helpers.drawn(encoder, images)}
  encode = jax.jit(encoder.apply)
  sees = jax.jit(jax.grad(lambda x: encode(params, x)[0].sum()))(images)
  assert sees.shape == images.shape
  assert np.all(np.any(sees != 0, axis=(0, 3)))
  z = jax.ShapeDtypeStruct((2, 3), jnp.float32)
  drawn, _ = jax.eval_shape(decoder.init_with_output, jax.random.key(3), z)
  assert drawn.shape == images.shape
  # Zeros around an image are all that its padding is.
  height, width, _ = shape
  top, left = -height % 16 // 2, -width % 16 // 2
  whole = np.zeros((2, height + -height % 16, width + -width % 16, shape[2]))
  whole[:, top : top + height, left : left + width] = images
  for a, b in zip(encode(params, images), encode(params, whole)):
    np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize('shape', [(256, 255, 3), (64, 64, 1)])
def test_large_images_by_their_shapes(shape):
  images = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
  z = jax.ShapeDtypeStruct((1, 5), jnp.float32)
  decoder = make_decoder('deconv_locatello', shape)
  drawn, _ = jax.eval_shape(decoder.init_with_output, jax.random.key(0), z)
  assert drawn.shape == images.shape
  encoder = make_encoder('conv_burgess', 5, shape)
  codes, _ = jax.eval_shape(encoder.init_with_output, jax.random.key(0), images)
  assert [c.shape for c in codes] == [(1, 5), (1, 5)]


@pytest.mark.parametrize(
  ('make', 'message'),
  [
    (lambda: make_encoder('resnet', 4, SHAPE), 'conv_burgess.*mlp_small'),
    (lambda: make_critic('resnet', 4, SHAPE), 'conv_burgess.*mlp_small'),
    (lambda: make_decoder('resnet', SHAPE), 'deconv_locatello.*mlp_small'),
    (lambda: make_discriminator('resnet'), "'mlp', 'mlp_small'"),
    (
      lambda: make_encoder('conv_burgess', 4, (64, 7, 1)),
      r'8, got \(64, 7, 1\)',
    ),
    (lambda: make_decoder('deconv_locatello', (5, 28, 1)), r'\(5, 28, 1\)'),
    (lambda: make_encoder('conv_hsu', 4, SHAPE), r'17, got \(16, 32, 3\)'),
    (lambda: make_decoder('styled_hsu', SHAPE), r'17, got \(16, 32, 3\)'),
    (lambda: make_encoder('mlp_small', 4, (64, 64)), r'\(64, 64\)'),
  ],
)
def test_errors_name_the_choices_or_the_shape(make, message):
  with pytest.raises(ValueError, match=message) as error:
    make()
  assert '\n' not in str(error.value)


def test_small_images_are_refused_by_what_a_network_is(monkeypatch):
  own = functools.partial(Encoder, nn.Dense(5))
  monkeypatch.setitem(ENCODERS, 'conv_own', own)
  monkeypatch.setitem(ENCODERS, 'own', ENCODERS['conv_burgess'])
  assert make_encoder('conv_own', 3, (4, 4, 1)) == own(num_latents=3)
  with pytest.raises(ValueError, match=r'own halves the image .* at least 8'):
    make_encoder('own', 3, (4, 4, 1))


def test_heads_of_other_objectives_need_a_trunk(monkeypatch):
  monkeypatch.setitem(ENCODERS, 'mine', lambda num_latents: nn.Dense(1))
  with pytest.raises(ValueError, match="encoder 'mine' is no trunk under .*ch"):
    make_coder('mine', 3, SHAPE)


def test_features_of_a_trunk_are_a_row_an_image():
  images = jax.ShapeDtypeStruct((2, *SHAPE), np.float32)
  encoder = Encoder(nn.Dense(5), LATENTS)  # of each pixel
  with pytest.raises(ValueError, match=r'Dense: .* got \(2, 16, 32, 5\)'):
    jax.eval_shape(encoder.init, jax.random.key(0), images)
