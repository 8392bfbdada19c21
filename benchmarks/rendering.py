"""Images rendered, trained on and encoded a second.

Rendering is what a training step calls, in batches of 64. Encoding is the
grid's: render and encode, block by block; its FLOP rate counts the encoder
alone and is set beside the rate that training reaches.
"""

import jax
import numpy as np
from jax import lax

from benchmarks import timing, training
from bvae_jax import config, data, models
from bvae_jax.evaluation import codes

BATCH, BLOCKS = 64, 16


def _encode(case: training.Case) -> None:
  """The peer's encoder on the case's images."""
  features = case.peer.trunk(case.sample()[0])
  case.peer.mean(features), case.peer.logvar(features)


def rows(scale: float) -> list[timing.Row]:
  dataset = data.load(config.default_config('vae').dataset)
  case = training.make_case('conv_locatello', BATCH, dataset.image_shape[0])
  encoder = models.make_encoder(
    'conv_locatello', training.LATENTS, dataset.image_shape
  )
  index = jax.random.randint(
    jax.random.key(0), (BLOCKS, codes.BLOCK), 0, dataset.num_images
  )

  def encode(params, index):
    one = lambda rows: encoder.apply(params, dataset.images(rows))
    return lax.map(one, index)

  contenders = {
    'render': timing.blocking(jax.jit(dataset.images), index[0, :BATCH]),
    'train': training.ours(case, 4, 1),
    'encode': timing.blocking(jax.jit(encode), case.params['encoder'], index),
  }
  times = timing.measure(contenders, max(3, round(10 * scale)))
  images = {'render': BATCH, 'train': 4 * BATCH, 'encode': index.size}
  a_image = {name: times[name] / images[name] for name in times}
  rate = {
    name: f'{1 / np.median(t.wall):,.0f} images/s'
    for name, t in a_image.items()
  }
  share = training.gflop(lambda: _encode(case)) / training.step_gflop(case)
  speed = timing.ratio(a_image['train'], a_image['encode'])
  speed = timing.Times(*(np.array(speed) * share))
  return [
    timing.row(
      'rendering / training',
      timing.ratio(a_image['train'], a_image['render']),
      'x',
      '>= 20',
      f'{rate["render"]}, {rate["train"]}',
    ),
    timing.row(
      'FLOP rate of encoding the grid / of training',
      speed,
      'x',
      '>= 0.8',
      f'{rate["encode"]}: the grid of {dataset.num_images:,} in'
      f' {dataset.num_images * np.median(a_image["encode"].wall):.0f} s',
    ),
  ]
