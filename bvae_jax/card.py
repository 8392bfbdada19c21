"""The model card of an exported model."""

import bvae_jax
from bvae_jax import trained
from bvae_jax.data import sets
from bvae_jax.evaluation import results as results_lib
from bvae_jax.report import names
from bvae_jax.training import schedules


def card(model: trained.Model) -> str:
  """The model card, Markdown: data, scores beside the population's, limits."""
  results, result = model.results, model.result
  hparams = ''.join(f', {k} {v:g}' for k, v in model.hparams.items())
  config = model.config
  moved = names.schedules(config.schedules)
  scheduled = [f'Schedules: {moved}'] if moved else []
  lines = [
    f'# {config.objective}, seed {model.seed}',
    '',
    f'A model of {model.num_latents} latents, trained by bvae_jax '
    f'{bvae_jax.__version__} for {model.step:,} steps{hparams}.',
    *(f'{line}.' for line in (*scheduled, *schedules.unfinished(config))),
    '',
  ]
  if results is None or result is None:
    lines += ['Its run was not scored when this was written.', '']
  else:
    lines += _scores(results, result)
  height, width, channels = model.image_shape
  points = model.experiment.objective.points
  codes = (
    'the codes (`mean`)' if points else '`mean` and `logvar` of the posterior'
  )
  lines += [
    '## Use',
    '',
    f'`encoder.onnx` takes images [B, {height}, {width}, {channels}] in [0, 1] '
    f'and gives {codes}, [B, {model.num_latents}]; `decoder.onnx` takes `z` '
    'and gives mean images. `model.safetensors` holds the same weights under '
    'the layers of `config.json`.',
    '',
    '## Limits',
    '',
    'Latents have no meaning beyond this data. Scores differ between seeds: '
    'compare methods by populations, not by this model. Without labels or '
    'weak supervision nothing guarantees that a latent is one factor '
    '(Locatello et al. 2019).',
    '',
  ]
  return '\n'.join(lines)


def _scores(
  results: results_lib.Results, result: results_lib.Member
) -> list[str]:
  """The parts of the card that a scored run has."""
  facts, summary = results.dataset, results.summary
  known = {sets.dataset_name(name): spec for name, spec in sets.SETS.items()}
  licence = (
    f' Licence of the data: {known[facts.name].licence}.'
    if facts.name in known
    else ''
  )
  show = lambda x: '-' if x is None else f'{x:.3f}'
  rows = [
    f'| {names.name(key)} | {show(result.scores.get(key))} | '
    f'{show(found["median"])} | {show(found["mean"])} ± {show(found["std"])} |'
    for key, found in (summary['elbo'] | summary['metrics']).items()
    if '/' not in key
  ]
  return [
    '## Data',
    '',
    f'{facts.description}; {facts.num_images:,} images.{licence}',
    '',
    '## Scores',
    '',
    f'Beside those of the {summary["members"]} models of its population '
    '(standard deviations with ddof 1). Status of this one: '
    f'{result.status}. One chosen by a score is above its method by that score.'
    + names.directions(summary['elbo'] | summary['metrics']),
    '',
    '| score | this model | median | mean ± std |',
    '|---|---|---|---|',
    *rows,
    '',
  ]
