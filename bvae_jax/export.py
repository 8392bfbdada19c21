"""Writes a trained model as safetensors and ONNX, with a model card.

python -m bvae_jax.export --workdir=RUN --out=DIR [--member=best]
"""

import argparse
import json
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
from bvae_jax import trained, workdir
from bvae_jax.data import sets
from bvae_jax.evaluation import results as results_lib
from bvae_jax.explore import networks as networks_lib
from bvae_jax.models import graph

TOLERANCE = 1e-5  # between ONNX and Flax, of images and codes
_OPSET, _IR = 17, 8  # read by ONNX runtimes since 2022
_EXTRA = 'needs an extra: pip install "bvae_jax[export]"'


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
    OSError: a file cannot be written.
    ValueError: the networks have no list of layers, codes are points, or ONNX
      differs.
  """
  try:
    import safetensors.numpy
  except ImportError as error:
    raise ImportError(f'safetensors {_EXTRA}') from error
  if model.experiment.objective.points:
    raise ValueError(
      f'export writes encoders with a mean and a variance; the codes of '
      f'{model.config.objective} are points'
    )
  networks = networks_lib.networks(model.experiment, model.params)
  files = {
    'model.safetensors': safetensors.numpy.save(_tensors(networks)),
    'config.json': json.dumps(_config(model, networks), indent=2) + '\n',
    'README.md': card(model),
    **onnx_files(model, networks),
  }
  folder = pathlib.Path(folder).expanduser()
  folder.mkdir(parents=True, exist_ok=True)
  for name, content in files.items():
    workdir.replace_file(folder / name, content)
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
  layers = lambda part: [
    {'operation': layer.operation, 'shape': list(layer.shape)} for layer in part
  ]
  result = model.result
  return config_lib.plain(
    {
      'format': 'bvae_jax',
      'version': bvae_jax.__version__,
      'image_shape': model.image_shape,
      'num_latents': model.num_latents,
      'seed': model.seed,
      'hparams': model.hparams,
      'step': model.step,
      'kl_per_latent': None if result is None else result.elbo['kl_per_latent'],
      'encoder': layers(networks.encoder),
      'decoder': layers(networks.decoder),
      'config': model.config.to_dict(),
    }
  )


def onnx_files(
  model: trained.Model, networks: networks_lib.Networks
) -> dict[str, bytes]:
  """encoder.onnx (images -> mean, logvar) and decoder.onnx (z -> images).

  Raises:
    ImportError: the extra `export` is not installed.
    ValueError: a network of ONNX differs from that of Flax.
  """
  latents = model.num_latents
  encoder = _onnx(
    networks.encoder, 'images', model.image_shape, ('mean', 'logvar'), latents
  )
  decoder = _onnx(networks.decoder, 'z', (latents,), ('images',), 0)
  z = np.asarray(jax.random.normal(jax.random.key(0), (5, latents)))
  images = np.asarray(model.decode(z))
  _compare('decoder', _run(decoder, z), [images])
  _compare('encoder', _run(encoder, images), model.encode(images))
  return {'encoder.onnx': encoder, 'decoder.onnx': decoder}


def _run(model: bytes, x: np.ndarray) -> list[np.ndarray]:
  """The outputs of an ONNX model for x."""
  try:
    import onnxruntime
  except ImportError as error:
    raise ImportError(f'onnxruntime {_EXTRA}') from error
  session = onnxruntime.InferenceSession(
    model, providers=['CPUExecutionProvider']
  )
  (given,) = session.get_inputs()
  outputs = session.run(None, {given.name: x.astype(np.float32)})
  return [np.asarray(output) for output in outputs]


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


class _Graph:
  """The nodes and weights of an ONNX graph that is being built."""

  def __init__(self, onnx: Any, name: str) -> None:
    self._onnx, self.value = onnx, name
    self.nodes: list[Any] = []
    self.weights: list[Any] = []

  def weight(self, array: np.ndarray) -> str:
    """Keeps an array; returns its name."""
    name = f'w{len(self.weights)}'
    self.weights.append(self._onnx.numpy_helper.from_array(array, name))
    return name

  def add(self, kind: str, *inputs: str, **attributes: Any) -> None:
    """Appends a node that reads the last value and these inputs."""
    name = f'x{len(self.nodes)}'
    made = self._onnx.helper.make_node(
      kind, [self.value, *inputs], [name], **attributes
    )
    self.nodes.append(made)
    self.value = name


def _add_layer(built: _Graph, layer: graph.Layer) -> None:
  """Appends the nodes of a layer; images stay [B, H, W, C] between layers."""
  ints = lambda values: built.weight(np.array(values, np.int64))
  weights = [np.asarray(w, np.float32) for w in layer.weights]
  match layer.operation:
    case 'relu' | 'tanh' | 'sigmoid' as kind:
      built.add(kind.capitalize())
    case 'dense':
      built.add('MatMul', built.weight(weights[0]))
      built.add('Add', built.weight(weights[1]))
    case 'reshape':
      built.add('Reshape', ints((-1, *layer.shape)))
    case 'pad':
      top, bottom, left, right = layer.shape
      built.add('Pad', ints((0, top, left, 0, 0, bottom, right, 0)))
    case 'crop':
      top, left, height, width = layer.shape
      ends = (top + height, left + width)
      built.add('Slice', ints((top, left)), ints(ends), ints((1, 2)))
    case 'conv' | 'conv_transpose' as kind:
      kernel, bias = weights
      transposed = kind == 'conv_transpose'
      # [k, k, C, F] as [F, C, k, k]; the transpose reads it backwards.
      axes = (2, 3, 0, 1) if transposed else (3, 2, 0, 1)
      kernel = kernel[::-1, ::-1] if transposed else kernel
      kernel = np.ascontiguousarray(kernel.transpose(axes))
      pads = [kernel.shape[-1] // 2 - 1] * 4
      built.add('Transpose', perm=(0, 3, 1, 2))
      built.add(
        'ConvTranspose' if transposed else 'Conv',
        built.weight(kernel), built.weight(bias), strides=(2, 2), pads=pads,
      )  # fmt: skip
      built.add('Transpose', perm=(0, 2, 3, 1))
    case unknown:
      raise ValueError(f'layer {unknown} has no form in ONNX')


def _onnx(
  layers: graph.Layers,
  name: str,
  shape: tuple[int, ...],
  outputs: tuple[str, ...],
  width: int,
) -> bytes:
  """An ONNX model of layers, of any batch size.

  Args:
    layers: of the network.
    name: of its input.
    shape: of one example.
    outputs: names of what it gives; several share its last axis.
    width: of each of several outputs.
  """
  try:
    import onnx
    import onnx.helper
    import onnx.numpy_helper
  except ImportError as error:
    raise ImportError(f'onnx {_EXTRA}') from error
  built = _Graph(onnx, name)
  for layer in layers:
    _add_layer(built, layer)
  if len(outputs) == 1:
    built.nodes[-1].output[0] = outputs[0]
    final: tuple[Any, ...] = (None,) * 4
  else:
    sizes = built.weight(np.array([width] * len(outputs), np.int64))
    built.nodes.append(
      onnx.helper.make_node('Split', [built.value, sizes], outputs, axis=1)
    )
    final = ('B', width)
  value = lambda name, shape: onnx.helper.make_tensor_value_info(
    name, onnx.TensorProto.FLOAT, shape
  )
  made = onnx.helper.make_model(
    onnx.helper.make_graph(
      built.nodes,
      'bvae_jax',
      [value(name, ('B', *shape))],
      [value(output, final) for output in outputs],
      built.weights,
    ),
    opset_imports=[onnx.helper.make_opsetid('', _OPSET)],
    ir_version=_IR,
    producer_name='bvae_jax',
  )
  onnx.checker.check_model(made)
  return made.SerializeToString()


def card(model: trained.Model) -> str:
  """The model card, Markdown: data, scores beside the population's, limits."""
  results, result = model.results, model.result
  hparams = ', '.join(f'{k} {v:g}' for k, v in model.hparams.items())
  lines = [
    f'# {model.config.objective}, seed {model.seed}',
    '',
    f'A model of {model.num_latents} latents, trained by bvae_jax '
    f'{bvae_jax.__version__} for {model.step:,} steps ({hparams}).',
    '',
  ]
  if results is None or result is None:
    lines += ['Its run was not scored when this was written.', '']
  else:
    lines += _scores(results, result)
  height, width, channels = model.image_shape
  lines += [
    '## Use',
    '',
    f'`encoder.onnx` takes images [B, {height}, {width}, {channels}] in [0, 1] '
    'and gives `mean` and `logvar` of the posterior, [B, '
    f'{model.num_latents}]; `decoder.onnx` takes `z` and gives mean images. '
    '`model.safetensors` holds the same weights under the layers of '
    '`config.json`.',
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
    f'| {name} | {show(result.scores.get(name))} | {show(found["median"])} | '
    f'{show(found["mean"])} ± {show(found["std"])} |'
    for part in ('elbo', 'metrics')
    for name, found in summary[part].items()
    if '/' not in name
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
    f'{result.status}.',
    '',
    '| score | this model | median | mean ± std |',
    '|---|---|---|---|',
    *rows,
    '',
  ]


def _parse(argv: list[str]) -> Any:
  parser = argparse.ArgumentParser(
    prog='python -m bvae_jax.export', description=__doc__, allow_abbrev=False
  )
  parser.add_argument('--workdir', required=True, help='folder of the run')
  parser.add_argument('--out', required=True, help='folder to write')
  parser.add_argument(
    '--member', default='best', help='a number from 0, best, median or udr'
  )
  return parser.parse_args(argv)


def main(argv: list[str]) -> None:
  """Exports what the command line names."""
  logging.basicConfig(level=logging.WARNING, format='%(message)s')
  args = _parse(argv)
  try:
    model = trained.load(args.workdir, member=args.member)
    print(export(model, args.out))
  except (ValueError, OSError, ImportError) as error:
    sys.exit('error: ' + ' '.join(str(error).split()))


if __name__ == '__main__':
  main(sys.argv[1:])
