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
from bvae_jax import card as card_lib
from bvae_jax import config as config_lib
from bvae_jax import draws, trained, usage, workdir
from bvae_jax.explore import networks as networks_lib
from bvae_jax.models import onnx_graph

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
    'README.md': card_lib.card(model),
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
