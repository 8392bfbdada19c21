"""A member's two networks as lists of layers, encoder and decoder."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from bvae_jax.models import graph
from bvae_jax.models.graph_of import graph_of
from bvae_jax.training import experiment as experiment_lib


class Networks(NamedTuple):
  """Lists of layers.

  Attributes:
    encoder: images [B, H, W, C] in [0, 1] -> [B, 2 D], means then
      log-variances; [B, D] where codes are points.
    decoder: latents [B, D] -> mean images [B, H, W, C] in [0, 1].

  Of discrete codes, the last layer of the one and the first of the other is
  their codebook; of a category, which the encoder gives as logits, the first
  layer of the decoder chooses one.
  """

  encoder: graph.Layers
  decoder: graph.Layers


def networks(experiment: experiment_lib.Experiment, params: Any) -> Networks:
  """The networks of a member.

  A decoder with inputs beside the latents has its noise at zero.

  Args:
    experiment: the run.
    params: of one member.

  Raises:
    ValueError: a network that has no list of layers.
  """
  count = experiment.config.num_latents
  name = next(role.name for role in experiment.roles if role.posterior)
  modules, image_shape = experiment.modules, experiment.dataset.image_shape
  encoder = graph_of(modules[name], params[name], image_shape)
  decoder = graph_of(modules['decoder'], params['decoder'], (count,))
  kernel, bias = decoder[0].weights
  first = dataclasses.replace(decoder[0], weights=(kernel[:count], bias))
  sigmoid = graph.Layer('sigmoid')
  values = experiment.codebook(params)
  book = (
    []
    if values is None
    else [graph.Layer('nearest', (np.sort(np.asarray(values)),))]
  )
  count = experiment.num_categories
  category = [graph.Layer('category', shape=(count,))] if count else []
  begin = [*book, *category]
  return Networks([*encoder, *book], [*begin, first, *decoder[1:], sigmoid])
