"""Pictures of the best and the median member: reconstructions, traversals."""

from typing import Any, NamedTuple

import numpy as np

from bvae_jax import losses, population
from bvae_jax.data import show
from bvae_jax.report import images as image_lib
from bvae_jax.report import markup, traversals
from bvae_jax.report import view as view_lib
from bvae_jax.report.markup import number, text
from bvae_jax.training import experiment as experiment_lib

COLUMNS = 11  # inputs shown; as many as a traversal has steps
_PHASES = 24  # frames of one round of the animation


class Pictures(NamedTuple):
  """Images in [0, 1], and the animation as a file.

  Attributes:
    source: the image that is traversed [H, W, C].
    inputs: [COLUMNS, H, W, C].
    reconstructions: by role, [COLUMNS, H, W, C].
    traversals: by role, [D, S, H, W, C].
    data: a look at the data set.
    gif: all shown latents of the best member move there and back.
    still: its first frame, a PNG file.
  """

  source: np.ndarray
  inputs: np.ndarray
  reconstructions: dict[str, np.ndarray]
  traversals: dict[str, np.ndarray]
  data: show.Look
  gif: bytes
  still: bytes


def draw(
  view: view_lib.View, experiment: experiment_lib.Experiment, params: Any
) -> Pictures:
  """Runs the networks of the shown members; `params` leaves are [M, ...]."""
  images = traversals.reference_images(experiment)
  source, inputs = images[0], images[1 : COLUMNS + 1]
  shown = {r: population.select(params, m) for r, m in view.shown.items()}
  phases = np.arange(_PHASES) * (2 * np.pi / _PHASES)
  wave = traversals.VALUES[-1] * np.sin(phases)
  motion = traversals.traverse(experiment, shown['best'], source, wave)
  latents = shown_latents(view.entries[view.best].carried)
  frames = traversals.sweep_frames(motion[latents])
  return Pictures(
    np.asarray(source),
    np.asarray(inputs),
    {
      r: traversals.reconstruct(experiment, p, inputs) for r, p in shown.items()
    },
    {r: traversals.traverse(experiment, p, source) for r, p in shown.items()},
    show.look(experiment.dataset, 2 * show.ACROSS),
    image_lib.gif(frames, milliseconds=80),
    image_lib.png(frames[0]),
  )


def _row(label: str, strip: np.ndarray, alt: str, *, note: str = '',
         idle: bool = False) -> str:  # fmt: skip
  """A labelled strip of images [S, H, W, C] in [0, 1]; `label` is markup."""
  picture = image_lib.element(image_lib.grid(strip[None]), alt)
  return markup.element('strip', label, picture, note, idle)


def reconstructions(view: view_lib.View, drawn: Pictures) -> str:
  """Inputs above their reconstructions by the best and the median member."""
  rows = [_row('input', drawn.inputs, 'inputs')]
  for role, made in drawn.reconstructions.items():
    label = role if len(view.entries) > 1 else 'reconstruction'
    rows.append(_row(label, made, f'reconstructions, {role}'))
  return markup.figure(
    ''.join(rows),
    'Inputs, drawn at random, above their reconstructions from the '
    f'{"codes" if view.points else "posterior mean"}: '
    f'{text(" and ".join(map(view.role, view.shown)))}.',
  )


def _knows(view: view_lib.View, entry: Any) -> bool:
  """Whether it is known of which factor each latent knows."""
  return 'mig' in entry['matrices'] and not view.components


def factor(view: view_lib.View, entry: Any, latent: int) -> str:
  """The factor of which a latent knows most, with the share it knows."""
  if not _knows(view, entry):
    return ''
  names = view.results['dataset']['factor_names']
  known = entry['matrices']['mig'][latent]
  known = [v if markup.is_number(v) else 0.0 for v in known]
  k = int(np.argmax(known))
  return f'{names[k]} {100 * known[k]:.0f} %'


def shown_latents(kl: list) -> np.ndarray:
  """The active latents by falling KL, or the first ten, at most `MAX_ROWS`."""
  order = traversals.order_by_kl(kl)
  active = sum(markup.is_number(v) and v > losses.COLLAPSED for v in kl)
  return order[: min(max(active, 10), traversals.MAX_ROWS)]


def _traversal(view, role: str, rows: np.ndarray, source: str) -> str:
  """The figure of one member; rows [D, S, H, W, C]."""
  entry = view.entries[view.shown[role]]
  kl = entry.carried
  lines = []
  for d in shown_latents(kl):
    idle = not (markup.is_number(kl[d]) and kl[d] > losses.COLLAPSED)
    unit = ' of the largest variance' if view.points else ' nats'
    label = f'<b>z{d}</b> {number(kl[d], 2)}{unit}'
    known = '' if idle else factor(view, entry, d)
    alt = f'traversal of z{d}'
    lines.append(_row(label, rows[d], alt, note=known, idle=idle))
  ends = [
    number(end, 0) for end in (traversals.VALUES[0], 0, traversals.VALUES[-1])
  ]
  lines.append(markup.element('ends', ends))
  left_out = len(kl) - len(shown_latents(kl))
  deviations = ' standard deviations from the mean' if view.points else ''
  percent = (
    ' The factor is the one of which the latent knows most, with the share of '
    'its entropy that it knows.'
    if _knows(view, entry)
    else ''
  )
  return markup.figure(
    ''.join(lines),
    f'Latent traversals, {text(view.role(role))}. Each row moves one latent '
    f'from −2 to 2{deviations} and leaves the others at the code of '
    f'{source}. Latents by {view.order}; pale labels: under '
    f'{losses.COLLAPSED:g} {view.measure}.'
    + percent
    + (f' {left_out} more latents are not shown.' if left_out else ''),
  )


def traversal_figures(view: view_lib.View, drawn: Pictures) -> str:
  """Traversals of the best and the median member, then the animation."""
  source = image_lib.element(
    image_lib.to_uint8(drawn.source), 'the image traversed', 'inline'
  )
  kl = view.entries[view.best].carried
  order = ', '.join(f'z{d}' for d in shown_latents(kl))
  moving = markup.element(
    'film',
    image_lib.data_uri('gif', drawn.gif),
    image_lib.data_uri('png', drawn.still),
    'traversals in motion',
  )
  return ''.join(
    _traversal(view, role, rows, source)
    for role, rows in drawn.traversals.items()
  ) + markup.figure(
    moving,
    f'The same in motion, {text(view.role("best"))}; in reading order {order}. '
    'Also in <code>traversals.gif</code>.',
  )
