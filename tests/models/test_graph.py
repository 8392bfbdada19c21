"""A network's list of layers computes what the Flax module computes."""

import helpers
import jax
import numpy as np
import pytest
from flax import linen as nn

from bvae_jax import models
from bvae_jax.models.graph import OPERATIONS, Layer, evaluate
from bvae_jax.models.graph_of import graph_of

_SHAPES = {'conv': (20, 33, 3), 'mlp': (5, 4, 2)}
_LARGE = {'residual_hsu', 'conv_hsu', 'styled_hsu'}  # small: test_residual


def _compare(module, x):
  params = helpers.drawn(module, x)
  expected = jax.jit(module.apply)({'params': params}, x)
  layers = graph_of(module, params, x.shape[1:])
  assert {layer.operation for layer in layers} <= set(OPERATIONS)
  found = evaluate(layers, x)
  if isinstance(expected, tuple):
    expected = np.concatenate(expected[-2:], -1)
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('name', sorted(models.ENCODERS.keys() - _LARGE))
def test_an_encoder_gives_means_then_log_variances(name):
  shape = _SHAPES[name.split('_')[0]]
  x = np.random.default_rng(1).random((2, *shape), np.float32)
  _compare(models.make_encoder(name, 3, shape), x)


@pytest.mark.parametrize('name', sorted(models.DECODERS.keys() - _LARGE))
def test_a_decoder_gives_logits(name):
  shape = _SHAPES['mlp' if 'mlp' in name else 'conv']
  z = np.random.default_rng(2).standard_normal((2, 3), np.float32)
  _compare(models.make_decoder(name, shape), z)


def test_a_critic_gives_the_code():
  x = np.random.default_rng(1).random((2, 16, 16, 1), np.float32)
  _compare(models.make_critic('mlp_small', 3, x.shape[1:]), x)


@pytest.mark.parametrize('bounded', [False, True])
def test_a_coder_gives_codes(bounded):
  x = np.random.default_rng(1).random((2, 16, 16, 1), np.float32)
  coder = models.make_coder('mlp_small', 3, x.shape[1:], bounded=bounded)
  _compare(coder, x)


def test_the_sigmoid_keeps_its_tails():
  x = np.array([[-40.0, 0.0, 40.0]])
  np.testing.assert_allclose(evaluate([Layer('sigmoid')], x), [[0, 0.5, 1]])


def test_other_networks_are_refused_in_one_line():
  with pytest.raises(ValueError, match='Dense has no list of layers; the net'):
    graph_of(nn.Dense(3), {}, (4,))
  head = {'kernel': np.ones((3, 2)), 'bias': np.ones(2)}
  params = {'trunk': {}, 'mean': head, 'logvar': head}
  with pytest.raises(ValueError, match='Dense has no list of layers; the net'):
    graph_of(models.Encoder(nn.Dense(3)), params, (4,))
