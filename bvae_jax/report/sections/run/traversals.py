"""Walks along each latent of the best and the median member."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from bvae_jax import losses
from bvae_jax.evaluation import records
from bvae_jax.evaluation.results import Member
from bvae_jax.report import images, markup, page
from bvae_jax.report.markup import number
from bvae_jax.report.pictures import Pictures, idle, shown_latents
from bvae_jax.report.sections import panels
from bvae_jax.report.traversals import VALUES
from bvae_jax.report.view import View


def _knows(view: View, entry: Member) -> bool:
  """Whether it is known of which factor each latent knows."""
  return 'mig' in entry.matrices and not view.components


def factor(view: View, entry: Member, latent: int) -> str:
  """The factor of which a latent knows most, with the share it knows."""
  if not _knows(view, entry):
    return ''
  known = [v or 0.0 for v in entry.matrices['mig'][latent]]
  k = int(np.argmax(known))
  return f'{view.results.dataset.factor_names[k]} {100 * known[k]:.0f} %'


def categories(options: Mapping[str, Any], num_latents: int) -> str:
  """Which latents are the categories of one code, in a sentence."""
  count = options.get('num_categories', 0)
  first, last = num_latents - count, num_latents - 1
  told = (
    f' z{first} to z{last} are the categories of one code, of which the '
    'largest is drawn.'
  )
  return told if count else ''


def _walks(view: View, role: str, rows: np.ndarray, source: Markup) -> Markup:
  """The figure of one member; rows [D, S, H, W, C]."""
  entry = view.entries[view.shown[role]]
  carried = entry.carried
  latents = shown_latents(carried)
  unit = records.unit(view.points)
  lines = []
  for d in latents:
    amount = number(carried[d], 2)
    label = Markup('<b>z{}</b> {} {}').format(d, amount, unit)
    picture = markup.image(images.grid(rows[d][None]), f'traversal of z{d}')
    rests = idle(carried[d])
    known = '' if rests else factor(view, entry, d)
    lines.append(markup.element('strip', label, picture, known, rests))
  ends = [number(end, 0) for end in (VALUES[0], 0, VALUES[-1])]
  lines.append(markup.element('ends', ends))
  deviations = ' standard deviations from the mean' if view.points else ''
  if losses.OBJECTIVES[view.config['objective']].codebook:
    deviations += ', to the nearest values of its codebook,'
  caption = Markup(
    'Latent traversals, {}. Each row moves one latent from −2 to 2{} and '
    'leaves the others at the code of {}. Latents by {}; pale labels: under '
    '{:g} {}.'
  ).format(
    view.role(role),
    deviations,
    source,
    view.order,
    losses.COLLAPSED,
    view.measure,
  )
  if _knows(view, entry):
    caption += (
      ' The factor is the one of which the latent knows most, with the share '
      f'of its entropy that it knows.{panels.by_bins(view)}'
    )
  caption += categories(view.config['options'], len(carried))
  left_out = len(carried) - len(latents)
  if left_out:
    caption += f' {left_out} more latents are not shown.'
  return markup.figure(markup.join(lines), caption)


def _motion(view: View, drawn: Pictures) -> Markup:
  """All latents of the best member, there and back."""
  latents = shown_latents(view.entries[view.best].carried)
  moving = markup.element(
    'film',
    images.data_uri('gif', drawn.gif),
    images.data_uri('png', drawn.still),
    'traversals in motion',
  )
  return markup.figure(
    moving,
    Markup(
      'The same in motion, {}; in reading order {}. Also in '
      '<code>traversals.gif</code>.'
    ).format(view.role('best'), ', '.join(f'z{d}' for d in latents)),
  )


def section(view: View) -> page.Section:
  """Traversals of the best and the median member, then the animation."""
  title, drawn = 'Traversals', view.pictures
  if drawn is None:
    return page.section(title)
  pixels = images.to_uint8(drawn.source)
  source = markup.image(pixels, 'the image traversed', 'inline')
  walks = (
    _walks(view, role, rows, source) for role, rows in drawn.traversals.items()
  )
  return page.section(title, *walks, _motion(view, drawn))
