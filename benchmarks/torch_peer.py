"""The peer in PyTorch: the same networks, losses and weights, plainly.

Each builder takes a Flax tree of parameters and gives a module with equal
weights. The map is linear, so that a tree of gradients may be given as well.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def _load(layer: nn.Module, weight: np.ndarray, params: Mapping) -> nn.Module:
  with torch.no_grad():
    layer.weight.copy_(torch.tensor(np.ascontiguousarray(weight)))
    layer.bias.copy_(torch.tensor(np.asarray(params['bias'])))
  return layer


def _dense(params: Mapping, rows=None, columns=None) -> nn.Linear:
  """A dense layer; `rows`, `columns` (H, W, C) are flattened images there."""
  kernel = np.asarray(params['kernel'])
  layer = nn.Linear(*kernel.shape)
  params = dict(params)
  if rows:
    order = np.arange(len(kernel)).reshape(rows).transpose(2, 0, 1).ravel()
    kernel = kernel[order]
  if columns:
    order = np.arange(kernel.shape[1]).reshape(columns)
    order = order.transpose(2, 0, 1).ravel()
    kernel = kernel[:, order]
    params['bias'] = np.asarray(params['bias'])[order]
  return _load(layer, kernel.T, params)


def _conv(params: Mapping) -> nn.Conv2d:
  kernel = np.asarray(params['kernel'])
  size, _, channels, features = kernel.shape
  layer = nn.Conv2d(channels, features, size, 2, size // 2 - 1)
  return _load(layer, kernel.transpose(3, 2, 0, 1), params)


def _conv_transpose(params: Mapping) -> nn.ConvTranspose2d:
  kernel = np.asarray(params['kernel'])
  size, _, channels, features = kernel.shape
  layer = nn.ConvTranspose2d(channels, features, size, 2, size // 2 - 1)
  return _load(layer, kernel[::-1, ::-1].transpose(2, 3, 0, 1), params)


def _layers(params: Mapping, prefix: str) -> list[Mapping]:
  names = [name for name in params if name.startswith(prefix)]
  return [params[name] for name in sorted(names)]


def _trunk(params: Mapping, image_shape: Sequence[int]) -> nn.Sequential:
  layers = []
  for conv in _layers(params, 'Conv_'):
    layers += [_conv(conv), nn.ReLU()]
  layers.append(nn.Flatten())
  rows = image_shape
  if len(layers) > 1:
    features = layers[-3].out_channels
    rows = (image_shape[0] // 16, image_shape[1] // 16, features)
  for dense in _layers(params.get('MLP_0', params), 'Dense_'):
    layers += [_dense(dense, rows=rows), nn.ReLU()]
    rows = None
  return nn.Sequential(*layers)


def _decoder(
  params: Mapping, image_shape: Sequence[int], tanh: bool
) -> nn.Sequential:
  height, width, channels = image_shape
  deconvs = _layers(params, 'ConvTranspose_')
  activation = nn.Tanh if tanh else nn.ReLU
  layers = []
  for dense in _layers(params['MLP_0'], 'Dense_'):
    layers += [_dense(dense), activation()]
  if not deconvs:
    shape = (channels, height, width)
    layers.append(_dense(params['Dense_0'], columns=image_shape))
    return nn.Sequential(*layers, nn.Unflatten(1, shape))
  features = deconvs[0]['kernel'].shape[2]
  shape = (height // 16, width // 16, features)
  layers += [
    _dense(params['Dense_0'], columns=shape),
    nn.Unflatten(1, (features, *shape[:2])),
  ]
  for deconv in deconvs:
    layers += [nn.ReLU(), _conv_transpose(deconv)]
  return nn.Sequential(*layers)


class VAE(nn.Module):
  """The negative ELBO of images [B, C, H, W] in [0, 1], noise [B, D].

  The decoder's dense layers use ReLU, or tanh.
  """

  def __init__(
    self, params: Mapping, image_shape: Sequence[int], tanh: bool = False
  ):
    super().__init__()
    encoder = params['encoder']['params']
    self.trunk = _trunk(encoder['trunk'], image_shape)
    self.mean = _dense(encoder['mean'])
    self.logvar = _dense(encoder['logvar'])
    self.decoder = _decoder(params['decoder']['params'], image_shape, tanh)

  def forward(self, images: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    features = self.trunk(images)
    mean, logvar = self.mean(features), self.logvar(features)
    z = mean + torch.exp(0.5 * logvar) * noise
    nll = F.binary_cross_entropy_with_logits(
      self.decoder(z), images, reduction='sum'
    )
    kl = 0.5 * torch.sum(mean.square() + logvar.exp() - logvar - 1)
    return (nll + kl) / len(images)


class Discriminator(nn.Module):
  """FactorVAE's discriminator loss of z [B, D] and of its permutation."""

  def __init__(self, params: Mapping):
    super().__init__()
    params = params['params']
    layers = []
    for dense in _layers(params['MLP_0'], 'Dense_'):
      layers += [_dense(dense), nn.LeakyReLU(0.2)]
    self.network = nn.Sequential(*layers, _dense(params['logits']))

  def forward(self, z: torch.Tensor, permuted: torch.Tensor) -> torch.Tensor:
    zeros = torch.zeros(len(z), dtype=torch.long)
    return 0.5 * (
      F.cross_entropy(self.network(z), zeros)
      + F.cross_entropy(self.network(permuted), zeros + 1)
    )
