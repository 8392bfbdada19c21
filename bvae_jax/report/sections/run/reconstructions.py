"""Inputs above what the best and the median member make of them."""

from bvae_jax.report import images, markup, page
from bvae_jax.report.view import View


def section(view: View) -> page.Section:
  """A row of inputs, then a row a member."""
  title, drawn = 'Reconstructions', view.pictures
  if drawn is None:
    return page.section(title)
  strip = lambda label, pixels, alt: markup.element(
    'strip', label, markup.image(images.grid(pixels[None]), alt)
  )
  rows = [strip('input', drawn.inputs, 'inputs')]
  for role, made in drawn.reconstructions.items():
    label = 'reconstruction' if view.single else role
    rows.append(strip(label, made, f'reconstructions, {role}'))
  figure = markup.figure(
    markup.join(rows),
    'Inputs, drawn at random, above their reconstructions from the '
    f'{"codes" if view.points else "posterior mean"}: '
    f'{" and ".join(map(view.role, view.shown))}.',
  )
  return page.section(title, figure)
