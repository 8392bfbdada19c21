"""Draws the figures of these pages from the runs that it is given.

    python -m docs.figures --beta=runs/beta --tcvae=runs/tcvae_quick
    python -m docs.figures --tcvae=runs/tcvae_quick --collapsed=runs/collapsed

The runs come from the commands on the pages: docs/start.md, beta.md,
metrics.md. It prints the scores that the pages quote.
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
from bvae_jax.workdir import metrics_log

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
    x=altair.X('beta:Q')
    .scale(type='log', base=2)
    .axis(labelOverlap='greedy', labelSeparation=4)
  )
  points = base.mark_circle(opacity=0.6).encode(y=altair.Y('value:Q').title(''))
  line = base.mark_line().encode(y=altair.Y('mean(value):Q').title(''))
  chart = (points + line).properties(width=190, height=160)
  chart = chart.facet(
    altair.Facet('what:N').title(None), columns=3
  ).resolve_scale(y='independent')
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


def by_kl(model: trained.Model) -> np.ndarray:
  """The latents of a model, that with the largest KL first."""
  return np.argsort(model.result.elbo['kl_per_latent'])[::-1]


def draw_collapse(healthy: trained.Model, collapsed: trained.Model) -> None:
  """Images above the reconstructions of both; the KL of each latent."""
  both = {'healthy': healthy, 'collapsed': collapsed}
  images = random_images(healthy.dataset, 12)
  again = [model.reconstruct(images) for model in both.values()]
  save_grid('collapse', jnp.stack([images, *again]))
  values = [
    {'model': name, 'rank': i + 1, 'KL': model.result.elbo['kl_per_latent'][d]}
    for name, model in both.items()
    for i, d in enumerate(by_kl(model))
  ]
  chart = altair.Chart(altair.Data(values=values)).mark_bar()
  chart = chart.encode(
    x=altair.X('rank:O').title('latent, by its KL').axis(labelAngle=0),
    y=altair.Y('KL:Q').title('KL [nats]'),
  )
  chart = chart.properties(width=220, height=120)
  chart.facet(altair.Column('model:N').title(None).sort(list(both))).save(
    FIGURES / 'collapse.svg'
  )


def matrix_chart(model: trained.Model, metric: str, title: str, latents: int):
  """What a score is computed from: a cell for each latent and factor."""
  names = model.dataset.factor_names
  matrix = np.asarray(model.result.matrices[metric])[by_kl(model)]
  values = []
  for (d, k), value in np.ndenumerate(matrix[:latents]):
    rank = int((matrix[:, k] > value).sum())
    cell = {'latent': d + 1, 'factor': names[k], 'value': float(value)}
    values.append({**cell, 'top': rank < 2})
  score = model.result.metrics[metric]
  base = altair.Chart(
    altair.Data(values=values), title=[f'{title}', f'score {score:.2f}']
  ).encode(
    x=altair.X('factor:N').sort(list(names)).title(None).axis(labelAngle=-35),
    y=altair.Y('latent:O').title('latent, by its KL'),
  )
  cells = base.mark_rect().encode(
    color=altair.Color('value:Q').scale(scheme='blues').legend(None)
  )
  middle = float(matrix.max() + matrix.min()) / 2
  dark = altair.datum.value > middle
  text = base.mark_text(fontSize=10).encode(
    text=altair.Text('value:Q').format('.2f'),
    color=altair.when(dark)
    .then(altair.value('white'))
    .otherwise(altair.value('#333')),
  )
  bold = text.transform_filter(altair.datum.top).mark_text(
    fontSize=10, fontWeight='bold'
  )
  rest = text.transform_filter(~altair.datum.top)
  return (cells + rest + bold).properties(width=190, height=130)


def draw_scores(model: trained.Model) -> None:
  """The matrices that MIG, DCI and SAP are computed from, of one model."""
  titles = {
    'mig': 'MIG: information [share of entropy]',
    'dci': 'DCI: importance to trees',
    'sap': 'SAP: accuracy of one latent',
  }
  panels = [matrix_chart(model, *item, 6) for item in titles.items()]
  chart = altair.hconcat(*panels).resolve_scale(color='independent')
  chart.save(FIGURES / 'scores.svg')


def draw_opening(run: pathlib.Path) -> None:
  """The KL of each latent while the capacity rises: they open one by one."""
  lines = metrics_log.lines(run / 'metrics.jsonl')
  values = [
    {'step': line['step'], 'latent': str(d), 'KL': kl}
    for line in lines
    for d, kl in enumerate(line['members'][0]['kl_per_latent'])
  ]
  chart = altair.Chart(altair.Data(values=values)).mark_line()
  chart = chart.encode(
    x=altair.X('step:Q'),
    y=altair.Y('KL:Q').title('KL [nats]'),
    color=altair.Color('latent:N').sort(None),
  )
  chart.properties(width=460, height=170).save(FIGURES / 'opening.svg')


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  for name in ('beta', 'tcvae', 'collapsed'):
    parser.add_argument(f'--{name}')
  args = parser.parse_args()
  FIGURES.mkdir(exist_ok=True)
  if args.beta:
    draw_beta(trained.load_all(args.beta))
  if args.tcvae:
    draw_opening(pathlib.Path(args.tcvae))
    model = trained.load(args.tcvae, member=0)
    draw_rotation(model)
    if {'mig', 'dci', 'sap'} <= set(model.result.matrices):
      draw_scores(model)
    if args.collapsed:
      draw_collapse(model, trained.load(args.collapsed, member=0))


if __name__ == '__main__':
  main()
