"""The PyTorch peer has our losses and gradients on equal weights."""

import helpers
import jax
import numpy as np
import pytest

torch = pytest.importorskip('torch')

from benchmarks import torch_peer, training  # noqa: E402


@pytest.mark.parametrize('name', training.NAMES)
def test_loss_and_gradients_are_equal(name, monkeypatch):
  def weights(network, key, x):
    return {'params': jax.tree.map(np.float32, helpers.drawn(network, x))}

  monkeypatch.setattr(training, 'initial', weights)
  case = training.make_case(name, batch=3, size=32)
  key = jax.random.key(2)
  loss, grads = jax.jit(jax.value_and_grad(case.loss))(case.params, key)
  if name == 'discriminator':
    inputs = jax.random.normal(key, (2, 3, training.LATENTS))
    inputs = torch.tensor(np.asarray(inputs)).unbind()
    expected = torch_peer.Discriminator(grads['discriminator'])
  else:
    noise = jax.random.normal(key, (3, training.LATENTS))
    inputs = case.sample()[0], torch.tensor(np.asarray(noise))
    expected = torch_peer.VAE(grads, (32, 32, 1))
  peer_loss = case.peer(*inputs)
  peer_loss.backward()
  np.testing.assert_allclose(peer_loss.item(), loss, rtol=1e-5)
  for (label, ours), peer in zip(
    expected.named_parameters(), case.peer.parameters(), strict=True
  ):
    scale = ours.abs().max().item()
    np.testing.assert_allclose(
      peer.grad, ours.detach(), rtol=1e-4, atol=1e-5 * scale, err_msg=label
    )
