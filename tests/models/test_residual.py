"""The networks of Tripod and QLAE beside NumPy, float64."""

import functools

import helpers
import jax
import numpy as np
import pytest

from bvae_jax import models
from bvae_jax.models import graph, residual, styled
from bvae_jax.models.graph_of import graph_of
from bvae_jax.training import experiment

_RNG = np.random.default_rng(0)


def _gelu(x):
  return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _norm(x, axes, epsilon=1e-5):
  x = x - x.mean(axes, keepdims=True)
  return x / np.sqrt((x**2).mean(axes, keepdims=True) + epsilon)


def _dense(x, p):
  return x @ p['kernel'] + p['bias']


def _conv(x, p):
  size = len(p['kernel'])
  padded = np.pad(x, ((0, 0), *[(size // 2, size // 2)] * 2, (0, 0)))
  _, h, w, _ = x.shape
  return sum(
    padded[:, u : u + h, v : v + w] @ p['kernel'][u, v]
    for u in range(size)
    for v in range(size)
  ) + p.get('bias', 0)


def _smooth(x, dense, norm):
  return _gelu(_norm(_dense(x, dense), -1) * norm['scale'] + norm['bias'])


def _block(x, p, style=None):
  y = x
  for i in range(2):
    y = _norm(_conv(y, p[f'Conv_{i}']), (1, 2))
    if style is None:
      norm = p[f'InstanceNorm_{i}']
      y = y * norm['scale'] + norm['bias']
    else:
      scale, shift = np.split(_dense(style, p[f'Dense_{i}']), 2, -1)
      y = y * (1 + scale[:, None, None]) + shift[:, None, None]
    y = _gelu(y)
  return (_conv(x, p['Conv_2']) if 'Conv_2' in p else x) + y


def _trunk(x, p):
  x = 2 * x - 1
  for i in range(4):
    for b in (2 * i, 2 * i + 1):
      x = _block(x, p[f'Block_{b}'])
    parts = [x[:, u::2, v::2] for u in range(2) for v in range(2)]
    x = _conv(np.concatenate(parts, -1), p[f'Conv_{i}'])
  return _smooth(x.mean((1, 2)), p['Dense_0'], p['LayerNorm_0'])


def _decoder(z, p):
  style = z
  for i in range(2):
    style = _smooth(style, p[f'Dense_{i}'], p[f'LayerNorm_{i}'])
  x, hidden = np.stack([p['constant']] * len(z)), [style]
  for i in range(4):
    for b in (2 * i, 2 * i + 1):
      x = _block(x, p[f'Block_{b}'], style)
    x = _conv(np.kron(x, np.ones((1, 2, 2, 1))), p[f'Conv_{i}'])
    hidden.append(x)
  return x, hidden[:-1]


def _compare(module, x, function):
  """A module is what NumPy makes of its parameters."""
  params = helpers.drawn(module, x)
  found = jax.jit(module.apply)({'params': params}, x)
  np.testing.assert_allclose(found, function(x, params), atol=1e-10)


def _halved(x, kernel):
  padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  _, h, w, _ = x.shape
  return sum(
    padded[:, u : u + h : 2, v : v + w : 2] @ kernel[u, v]
    for u, v in np.ndindex(4, 4)
  )


def _doubled(x, kernel):
  batch, h, w, _ = x.shape
  y = np.zeros((batch, 2 * h + 2, 2 * w + 2, kernel.shape[-1]))
  for u, v in np.ndindex(4, 4):
    y[:, 3 - u :, 3 - v :][:, : 2 * h : 2, : 2 * w : 2] += x @ kernel[u, v]
  return y[:, 1:-1, 1:-1]


def _leaky(x):
  return np.where(x > 0, x, 0.2 * x)


def _two_dense(x, p):
  for i in range(2):
    x = np.maximum(_dense(x.reshape(len(x), -1), p[f'Dense_{i}']), 0)
  return x


def _styled_layers(p):
  """The place of each convolution from 0, and its parameters."""
  for i in range(12):
    if i % 3 == 2:
      yield i, p[f'_Resized_{i // 3}']['kernel']
    else:
      yield i, p[f'Conv_{i // 3 * 2 + i % 3}']


def _styled_trunk(x, p):
  for i, layer in _styled_layers(p):
    x = _halved(x, layer) if i % 3 == 2 else _conv(x, layer)
    norm = p[f'InstanceNorm_{i}']
    x = _leaky(_norm(x, (1, 2), 1e-6) * norm['scale'] + norm['bias'])
  return _two_dense(x, p)


def _styled_decoder(z, p):
  style = _two_dense(z, p)
  x = np.stack([p['constant']] * len(z))
  for i, layer in _styled_layers(p):
    x = _leaky(_doubled(x, layer) if i % 3 == 2 else _conv(x, layer))
    moves = np.maximum(_dense(style, p[f'Dense_{i + 2}']), 0)[:, None, None]
    scale, shift = np.split(moves, 2, -1)
    x = _norm(x, (1, 2), 1e-6) * scale + shift
  return _conv(x, p['Conv_8'])


def test_those_of_qlae_are_those_of_its_code():
  with jax.enable_x64(True):
    images, z = _RNG.random((3, 32, 32, 2)), _RNG.standard_normal((3, 5))
    _compare(styled.StyledTrunk((4, 6, 6, 8)), images, _styled_trunk)
    decoder = styled.StyledDecoder((32, 32, 2), (8, 6, 6, 4))
    _compare(decoder, z, _styled_decoder)


def test_the_networks_are_those_of_the_paper():
  with jax.enable_x64(True):
    images = _RNG.random((3, 32, 32, 2))
    _compare(residual.ResidualTrunk((4, 6, 6, 8, 8)), images, _trunk)
    z = _RNG.standard_normal((3, 5))
    decoder = residual.ResidualDecoder((32, 32, 2), (8, 8, 6, 4))
    params = helpers.drawn(decoder, z)
    drawn, hidden = _decoder(z, params)
    net = experiment.make_nets({'decoder': decoder})['decoder']
    both = lambda p, z: (net(p, z), net(p, z, hidden=True))
    ours, kept = jax.jit(both)(params, z)
    np.testing.assert_allclose(ours, drawn, atol=1e-10)
    assert len(kept) == 4
    for one in kept:
      other = next(h for h in hidden if h.shape == one.shape)
      np.testing.assert_allclose(one, other, atol=1e-10)


def _graph_gives(module, x, params, expected):
  found = graph.evaluate(graph_of(module, params, x.shape[1:]), x)
  np.testing.assert_allclose(found, expected, atol=1e-10)


def test_their_lists_of_layers_compute_the_same():
  images, z = _RNG.random((3, 20, 33, 2)), _RNG.standard_normal((3, 5))
  around = np.pad(images, ((0, 0), (6, 6), (7, 8), (0, 0)))
  trunks = {
    residual.ResidualTrunk((4, 6, 6, 8, 8)): _trunk,
    styled.StyledTrunk((4, 6, 6, 8)): lambda x, p: _norm(
      _styled_trunk(x, p), -1, 1e-6
    ),
  }
  for trunk, function in trunks.items():
    coder = models.Coder(trunk, 3, bounded=True)
    params = helpers.drawn(coder, images)
    features = function(around, params['trunk'])
    expected = np.tanh(_dense(features, params['mean']))
    _graph_gives(coder, images, params, expected)
  shape, features = images.shape[1:], (8, 8, 6, 4)
  decoder = residual.ResidualDecoder(shape, features)
  params = helpers.drawn(decoder, z)
  drawn, _ = _decoder(z, params)
  _graph_gives(decoder, z, params, drawn[:, 6:26, 7:40])
  decoder = styled.StyledDecoder(shape, features)
  params = helpers.drawn(decoder, z)
  drawn = _styled_decoder(z, params)
  _graph_gives(decoder, z, params, drawn[:, 6:26, 7:40])


def test_their_sizes_and_first_weights():
  block = lambda c, f: 9 * c * f + 9 * f * f + (c != f) * (c * f + f)
  shape = (64, 64, 3)
  encoder = functools.partial(models.make_coder, 'residual_hsu', 12, shape)
  ends = ((3, 32), (64, 64), (128, 128), (256, 256))
  trunk = sum(
    block(c, f) + block(f, f) + 8 * f + 4 * f * 2 * f + 2 * f for c, f in ends
  )
  head = 512 * 512 + 512 + 2 * 512
  sizes = {
    encoder(bounded=True): trunk + head + 512 * 12 + 12,
    models.make_decoder('residual_hsu', shape): (
      (12 * 256 + 256 + 2 * 256)
      + (256 * 256 + 256 + 2 * 256)
      + 16 * 512
      + sum(
        2 * (block(c, c) + 2 * (257 * 2 * c)) + 9 * c * f + f
        for c, f in ((512, 256), (256, 128), (128, 64), (64, 3))
      )
    ),
  }
  for network, size in sizes.items():
    x = np.zeros((1, 12) if hasattr(network, 'image_shape') else (1, *shape))
    shapes = jax.eval_shape(network.init, jax.random.key(0), x)
    assert sum(p.size for p in jax.tree.leaves(shapes)) == size
  dense = residual.ResidualTrunk((2, 2, 2, 2, 64))
  x = np.zeros((1, 16, 16, 1))
  init = lambda key: dense.init(key, x)['params']['Dense_0']
  first = jax.jit(init)(jax.random.key(0))  # alone: it compiles sooner
  for weights in first.values():
    assert 0.9 / 8 < np.abs(weights).max() <= 1 / 8
    np.testing.assert_allclose(np.std(weights), 3**-0.5 / 8, rtol=0.2)


def test_features_that_are_normalised_are_not_once_more():
  trunk = residual.ResidualTrunk((2, 2, 2, 2, 6))
  x = np.float32(_RNG.random((3, 16, 16, 1)))
  coder = models.Coder(trunk, num_latents=2, bounded=True)
  params = helpers.drawn(coder, x)
  both = lambda p: (
    trunk.apply({'params': p['trunk']}, x),
    coder.apply({'params': p}, x),
  )
  features, found = jax.jit(both)(params)
  want = np.tanh(_dense(np.asarray(features), params['mean']))
  np.testing.assert_allclose(found, want, atol=1e-6)
  with pytest.raises(ValueError, match='8, got'):
    models.make_encoder('residual_hsu', 3, (7, 16, 1))
