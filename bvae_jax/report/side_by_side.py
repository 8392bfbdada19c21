"""Traversals of several models of a study next to each other."""

from bvae_jax import population, workdir
from bvae_jax.report import images as image_lib
from bvae_jax.report import markup, pictures, scores, traversals
from bvae_jax.report import view as view_lib
from bvae_jax.report.markup import number, text
from bvae_jax.report.study_view import Study
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import program


def _best(view: view_lib.View, chosen: list[int]) -> int:
  """The best of some members by the view's criterion."""
  values = view.values(view.criterion)
  return max(chosen, key=lambda m: (values[m] == values[m], values[m]))


def _column(view, m: int, title: str, experiment, params) -> str:
  """One model: its name and score, then a strip a latent."""
  entry = view.entries[m]
  kl = entry.carried
  score = number(float(view.values(view.criterion)[m]), 2)
  about = (
    f'{view_lib.name(view.criterion)} {score}, '
    f'{markup.count(entry["active_latents"], "active latent")}'
  )
  strips = []
  source = traversals.reference_images(experiment)[0]
  rows = traversals.traverse(experiment, params, source)
  for d in pictures.shown_latents(kl):
    label = f'z{d}, {number(kl[d], 2)} {view.measure}'
    known = pictures.factor(view, entry, d)
    strip = image_lib.grid(rows[d][None])
    picture = image_lib.element(strip, f'{title}: traversal of z{d}')
    strips.append((f'{label}, {known}' if known else label, picture))
  return markup.element('model', title, about, strips)


def _figure(study: Study, chosen: list[tuple[str, str, int]], of: str) -> str:
  """A column a model; chosen: its method, title, and place in the method."""
  restored, columns = {}, []
  for method, title, m in chosen:
    unit, index = study.sources[method][m]
    try:
      if unit not in restored:
        folder = workdir.Workdir(study.folders[unit])
        experiment = experiment_lib.build(study.units[unit])
        restored[unit] = experiment, program.restore(experiment, folder)
    except (OSError, ValueError) as error:  # data or checkpoints are gone
      columns.append(markup.element('model', title, str(error), ()))
      continue
    experiment, states = restored[unit]
    params = population.select(states.params, index)
    view = study.methods[method]
    columns.append(_column(view, m, title, experiment, params))
  return markup.figure(
    markup.element('columns', columns),
    'Latent traversals from one image of each data set: each strip moves one '
    'latent from −2 to 2 and leaves the others at their posterior means. '
    'Latents by falling KL, with the factor of which each knows most and the '
    f'share of its entropy that it knows. The best member of each {of}, by '
    f'{text(view_lib.name(study.everyone.criterion))}.',
  )


def traversals_of_settings(study: Study) -> str:
  """The best member of every setting, side by side."""
  chosen = [
    (method, study.name(method, setting), _best(view, members))
    for method, view in study.methods.items()
    for setting, members in scores.setting_groups(view).items()
  ]
  return _figure(study, chosen, 'setting')


def traversals_of_methods(study: Study) -> str:
  """The best member of every method, side by side."""
  chosen = [
    (method, method, view.best) for method, view in study.methods.items()
  ]
  return _figure(study, chosen, 'run')
