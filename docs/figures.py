"""Draws the figures of these pages from two runs.

    python -m docs.figures --beta=runs/beta --tcvae=runs/tcvae_quick

`runs/beta` and `runs/tcvae_quick` come from the commands in docs/beta.md and
docs/start.md. It prints the scores that the pages quote.
"""

import argparse
import pathlib

import altair
import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from bvae_jax import metrics, trained
from bvae_jax.data import Dataset

FIGURES = pathlib.Path(__file__).parent / 'figures'
_SCALE = 2  # screen pixels a pixel


def save_grid(name: str, images: jax.Array) -> None:
  """Images [rows, columns, H, W, C] in [0, 1] as one PNG."""
  rows, columns, height, width, channels = images.shape
  tiles = np.ones((rows, columns, height + 2, width + 2, channels))
  tiles[:, :, 1:-1, 1:-1] = np.asarray(images)
  sheet = np.concatenate(np.concatenate(tiles, axis=1), axis=1)
  pixels = (255 * sheet).astype(np.uint8).repeat(_SCALE, 0).repeat(_SCALE, 1)
  pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
  Image.fromarray(pixels).save(FIGURES / f'{name}.png', optimize=True)


def first_of_each(models: tuple[trained.Model, ...]) -> list[trained.Model]:
  """The first seed at each beta, in the order of beta."""
  found = {}
  for model in models:
    found.setdefault(model.hparams['beta'], model)
  return [found[beta] for beta in sorted(found)]


def random_images(dataset: Dataset, count: int) -> jax.Array:
  """The images of random indices."""
  index = jax.random.randint(jax.random.key(0), (count,), 0, dataset.num_images)
  return dataset.images_fn(dataset.arrays, index)


def draw_beta(models: tuple[trained.Model, ...]) -> None:
  """Reconstructions and prior samples a row a beta; the trade-off as curves."""
  rows = first_of_each(models)
  images = random_images(rows[0].dataset, 12)
  shown = [images, *(model.reconstruct(images) for model in rows)]
  save_grid('reconstructions', jnp.stack(shown))
  save_grid('prior', jnp.stack([m.sample(jax.random.key(1), 12) for m in rows]))
  values = []
  for model in models:
    found = model.result
    pairs = {
      'reconstruction [nats]': found.elbo['nll'],
      'KL [nats]': found.elbo['kl'],
      'MIG': found.metrics['mig'],
    }
    values += [
      {'beta': model.hparams['beta'], 'what': what, 'value': float(value)}
      for what, value in pairs.items()
    ]
  base = altair.Chart(altair.Data(values=values)).encode(
    x=altair.X('beta:Q').scale(type='log', base=2)
  )
  points = base.mark_circle(opacity=0.6).encode(y=altair.Y('value:Q').title(''))
  line = base.mark_line().encode(y=altair.Y('mean(value):Q').title(''))
  chart = (points + line).properties(width=190, height=160)
  chart = chart.facet('what:N', columns=3).resolve_scale(y='independent')
  chart.save(FIGURES / 'beta.svg')


def mixing(size: int) -> np.ndarray:
  """An orthogonal matrix [D, D] that mixes all latents alike."""
  return np.eye(size) - 2.0 / size


def draw_rotation(model: trained.Model) -> None:
  """One decoder, walked along its latents and along mixtures of them.

  The active latents are scaled to the aggregate posterior first, so that the
  rotated code has the same covariance.
  """
  dataset = model.dataset
  index = jax.random.randint(
    jax.random.key(2), (10_000,), 0, dataset.num_images
  )
  codes = np.asarray(model.encode(dataset.images_fn(dataset.arrays, index))[0])
  factors = np.asarray(dataset.factors.labels(index))
  active = np.argsort(-codes.var(0))[: model.result.active_latents]
  scale = codes[:, active].std(0)
  turn = mixing(len(active))
  turned = (codes[:, active] / scale) @ turn
  steps = np.linspace(-2.0, 2.0, 11)

  def walk(directions: np.ndarray) -> jax.Array:
    z = np.zeros((len(directions), len(steps), codes.shape[1]), np.float32)
    z[..., active] = steps[:, None] * (directions * scale)[:, None]
    flat = model.decode(z.reshape(-1, codes.shape[1]))
    return flat.reshape(*z.shape[:2], *model.image_shape)

  save_grid('aligned', walk(np.eye(len(active))))
  save_grid('rotated', walk(turn.T))
  for name, found in (
    ('aligned', codes[:, active] / scale),
    ('rotated', turned),
  ):
    score = float(metrics.mig(found, factors)['mig'])
    print(f'{name}: MIG {score:.2f}, {len(active)} latents')


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--beta', default='runs/beta')
  parser.add_argument('--tcvae', default='runs/tcvae_quick')
  args = parser.parse_args()
  FIGURES.mkdir(exist_ok=True)
  draw_beta(trained.load_all(args.beta))
  draw_rotation(trained.load(args.tcvae, member=0))


if __name__ == '__main__':
  main()
