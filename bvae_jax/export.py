"""Writes a trained model as safetensors and ONNX, with a model card.

python -m bvae_jax.export --workdir=RUN --out=DIR [--member=best]
"""

import logging
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

import bvae_jax
from bvae_jax import config as config_lib
from bvae_jax import draws, trained, usage, workdir
from bvae_jax.data import sets
from bvae_jax.evaluation import results as results_lib
from bvae_jax.explore import networks as networks_lib
from bvae_jax.models import onnx_graph
from bvae_jax.report import names

TOLERANCE = 1e-5  # between ONNX and Flax, of images and codes


def export(model: trained.Model, folder: str | os.PathLike) -> pathlib.Path:
  """Writes model.safetensors, config.json, *.onnx and README.md.

  The weights lie under `encoder.I.w` and `encoder.I.b` (`decoder...`) of the
  layers that config.json lists; what a layer does is said in `models.graph`.
  The ONNX models are compared with the Flax networks before they are kept.

  Args:
    model: as `bvae_jax.load` gives it.
    folder: where to; made when missing.

  Returns:
    The folder.

  Raises:
    ImportError: the extra `export` is not installed.
    OSError: a file cannot be written, or the folder holds a run or
      some other file of these names.
    ValueError: the networks have no list of layers, or ONNX differs.
  """
  try:
    import safetensors.numpy
  except ImportError as error:
    raise ImportError(f'safetensors {onnx_graph.EXTRA}') from error
  target = workdir.Workdir(folder)
  if (target.started or target.holds_study) and not target.is_export:
    raise workdir.WorkdirError(
      f'{target.path} holds a study, or a config.json that is not of an '
      'export, as a run does; give another folder'
    )
  target.check_writable()
  networks = networks_lib.networks(model.experiment, model.params)
  files = {
    'model.safetensors': safetensors.numpy.save(_tensors(networks)),
    'config.json': workdir.json_text(_config(model, networks)),
    'README.md': card(model),
    **onnx_files(model, networks),
  }
  folder = target.path
  workdir.check_replaceable(*(folder / name for name in files))
  workdir.replace_files({folder / n: content for n, content in files.items()})
  return folder


def _tensors(networks: networks_lib.Networks) -> dict[str, np.ndarray]:
  return {
    f'{part}.{i}.{name}': np.ascontiguousarray(value, np.float32)
    for part, layers in networks._asdict().items()
    for i, layer in enumerate(layers)
    for name, value in zip('wb', layer.weights)
  }


def _config(
  model: trained.Model, networks: networks_lib.Networks
) -> dict[str, Any]:
  elbo = {} if model.result is None else model.result.elbo
  layers = lambda part: [
    {
      'operation': layer.operation,
      'inputs': list(layer.inputs),
      'shape': list(layer.shape),
    }
    for layer in part
  ]
  return config_lib.plain(
    {
      'format': 'bvae_jax',
      'version': bvae_jax.__version__,
      'image_shape': model.image_shape,
      'num_latents': model.num_latents,
      'seed': model.seed,
      'hparams': model.hparams,
      'step': model.step,
      'kl_per_latent': elbo.get('kl_per_latent'),
      'encoder': layers(networks.encoder),
      'decoder': layers(networks.decoder),
      'config': model.config.to_dict(),
    }
  )


def onnx_files(
  model: trained.Model, networks: networks_lib.Networks
) -> dict[str, bytes]:
  """encoder.onnx (images -> mean, logvar) and decoder.onnx (z -> images).

  Codes that are points have no logvar.

  Raises:
    ImportError: the extra `export` is not installed.
    ValueError: a network of ONNX differs from that of Flax.
  """
  latents = model.num_latents
  parts = ('mean',) if model.experiment.objective.points else ('mean', 'logvar')
  encoder = onnx_graph.model_of(
    networks.encoder, 'images', model.image_shape, parts, latents
  )
  decoder = onnx_graph.model_of(
    networks.decoder, 'z', (latents,), ('images',), 0
  )
  z = np.asarray(jax.random.normal(draws.key(0), (5, latents)))
  images = np.asarray(model.decode(z))
  _compare('decoder', onnx_graph.run(decoder, z), [images])
  codes = model.encode(images)[: len(parts)]
  _compare('encoder', onnx_graph.run(encoder, images), codes)
  return {'encoder.onnx': encoder, 'decoder.onnx': decoder}


def _compare(name: str, found: Sequence, expected: Sequence) -> None:
  for one, other in zip(found, expected, strict=True):
    other = np.asarray(other)
    scale = max(1.0, float(np.abs(other).max()))
    worst = float(np.abs(one - other).max()) / scale
    if not worst <= TOLERANCE:
      raise ValueError(
        f'the {name} of ONNX differs from that of Flax by {worst:.2g}; '
        'nothing is written'
      )


def card(model: trained.Model) -> str:
  """The model card, Markdown: data, scores beside the population's, limits."""
  results, result = model.results, model.result
  hparams = ''.join(f', {k} {v:g}' for k, v in model.hparams.items())
  lines = [
    f'# {model.config.objective}, seed {model.seed}',
    '',
    f'A model of {model.num_latents} latents, trained by bvae_jax '
    f'{bvae_jax.__version__} for {model.step:,} steps{hparams}.',
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


def _parse(argv: list[str]) -> Any:
  parser = usage.Parser(
    prog='python -m bvae_jax.export', description=__doc__, allow_abbrev=False
  )
  for name, text in (('--workdir', 'of the run'), ('--out', 'to write')):
    parser.add_argument(
      name, type=usage.folder, required=True, help=f'folder {text}'
    )
  parser.add_argument(
    '--member', default='best', help='a number from 0, best, median or udr'
  )
  return parser.parse_args(argv)


def main(argv: list[str]) -> None:
  """Exports what the command line names."""
  logging.basicConfig(level=logging.WARNING, format='%(message)s')
  args = _parse(argv)
  with usage.one_line_errors():
    model = trained.load(args.workdir, member=args.member)
    print(export(model, args.out))


if __name__ == '__main__':
  main(sys.argv[1:])
