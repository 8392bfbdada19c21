"""Traversals of several models of a study next to each other."""

from collections.abc import Iterable

from markupsafe import Markup

from bvae_jax import population, workdir
from bvae_jax.report import images, markup, names, page, pictures
from bvae_jax.report import traversals as traversal_lib
from bvae_jax.report.markup import number
from bvae_jax.report.sections.run import traversals as run_traversals
from bvae_jax.report.study_view import Study
from bvae_jax.report.view import View
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import programs as programs_lib


def _column(view: View, m: int, title: str, experiment, params) -> Markup:
  """One model: its name and score, then a strip a latent."""
  entry = view.entries[m]
  score = number(view.values(view.criterion)[m], 2)
  about = (
    f'{names.name(view.criterion)} {score}, '
    f'{markup.count(entry.active_latents, "active latent")}'
  )
  strips = []
  source = traversal_lib.reference_images(experiment)[0]
  rows = traversal_lib.traverse(experiment, params, source)
  for d in pictures.shown_latents(entry.carried):
    label = f'z{d}, {number(entry.carried[d], 2)} {view.measure}'
    known = run_traversals.factor(view, entry, d)
    strip = images.grid(rows[d][None])
    picture = markup.image(strip, f'{title}: traversal of z{d}')
    strips.append((f'{label}, {known}' if known else label, picture))
  return markup.element('model', title, about, strips)


def _figure(
  study: Study, chosen: Iterable[tuple[str, str, int]], of: str
) -> page.Section:
  """A column a model; chosen: its method, title, and place in the method."""
  restored, columns = {}, []
  for method, title, m in chosen:
    unit, index = study.sources[method][m]
    try:
      if unit not in restored:
        folder = workdir.Workdir(study.folders[unit])
        experiment = experiment_lib.build(study.units[unit])
        restored[unit] = experiment, programs_lib.restore(experiment, folder)
    except (OSError, ValueError) as error:  # data or checkpoints are gone
      columns.append(markup.element('model', title, str(error), ()))
      continue
    experiment, states = restored[unit]
    params = population.select(states.params, index)
    columns.append(_column(study.methods[method], m, title, experiment, params))
  orders = dict.fromkeys(view.order for view in study.methods.values())
  figure = markup.figure(
    markup.element('columns', columns),
    'Latent traversals from one image of each data set: each strip moves one '
    'latent from −2 to 2 and leaves the others at their posterior means. '
    f'Latents by {" or ".join(orders)}, with the factor of which each knows '
    'most and the share of its entropy that it knows. The best member of each '
    f'{of}, by {names.name(study.everyone.criterion)}.',
  )
  return page.section('Traversals', figure)


def of_settings(study: Study) -> page.Section:
  """The best member of every setting, side by side."""

  def best(view: View, members: list[int]) -> int:
    values = view.values(view.criterion)
    return max(members, key=lambda m: (values[m] == values[m], values[m]))

  chosen = (
    (c.method, c.name, best(study.methods[c.method], c.members))
    for c in study.columns
  )
  return _figure(study, chosen, 'setting')


def of_runs(study: Study) -> page.Section:
  """The best member of every run, side by side."""
  chosen = ((run, run, view.best) for run, view in study.methods.items())
  return _figure(study, chosen, 'run')
