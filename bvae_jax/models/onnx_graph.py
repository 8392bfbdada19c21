"""Networks as ONNX: lists of layers, written and run."""

import os
from typing import Any

import numpy as np

from bvae_jax.models import dense, graph

EXTRA = 'needs an extra: pip install "bvae_jax[export]"'
_OPSET, _IR = 17, 8  # read by ONNX runtimes since 2022


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


# gelu(x) = x sigmoid(_GELU (x + 0.044715 x^3))
_GELU = 2 * (2 / np.pi) ** 0.5


def _add_layer(built: _Graph, layer: graph.Layer, inputs: list[str]) -> None:
  """Appends the nodes of a layer; images stay [B, H, W, C] between layers."""
  built.value = inputs[0] if inputs else ''
  ints = lambda values: built.weight(np.array(values, np.int64))
  number = lambda value: built.weight(np.array(value, np.float32))
  weights = [np.asarray(w, np.float32) for w in layer.weights]
  match layer.operation:
    case 'relu' | 'tanh' | 'sigmoid' as kind:
      built.add(kind.capitalize())
    case 'leaky_relu':
      built.add('LeakyRelu', alpha=0.2)
    case 'gelu':
      x = built.value
      built.add('Mul', x)
      built.add('Mul', number(0.044715 * _GELU))
      built.add('Add', number(_GELU))
      built.add('Mul', x)
      built.add('Sigmoid')
      built.add('Mul', x)
    case 'add' | 'multiply' as kind:
      other = inputs[1] if inputs[1:] else built.weight(*weights)
      built.add({'add': 'Add', 'multiply': 'Mul'}[kind], other)
    case 'constant':
      built.value = built.weight(weights[0][None])
    case 'mean':
      built.add('ReduceMean', axes=(1, 2), keepdims=0)
    case 'instance_norm':
      built.add('Transpose', perm=(0, 3, 1, 2))
      scale, bias = map(built.weight, weights)
      built.add('InstanceNormalization', scale, bias, epsilon=dense.EPSILON)
      built.add('Transpose', perm=(0, 2, 3, 1))
    case 'normalize':
      one = built.weight(np.ones(1, np.float32))
      built.add('LayerNormalization', one, axis=-1, epsilon=dense.EPSILON)
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
      size = len(kernel)
      transposed = kind == 'conv_transpose'
      # [k, k, C, F] as [F, C, k, k]; the transpose reads it backwards.
      axes = (2, 3, 0, 1) if transposed else (3, 2, 0, 1)
      kernel = kernel[::-1, ::-1] if transposed else kernel
      kernel = np.ascontiguousarray(kernel.transpose(axes))
      pads = [(size - 1) // 2] * 4
      built.add('Transpose', perm=(0, 3, 1, 2))
      built.add(
        'ConvTranspose' if transposed else 'Conv',
        built.weight(kernel),
        built.weight(bias),
        strides=(2 - size % 2,) * 2,
        pads=pads,
      )
      built.add('Transpose', perm=(0, 2, 3, 1))
    case 'nearest':
      (values,) = weights
      known = built.weight(values)
      built.add('Unsqueeze', ints((2,)))
      built.add('Sub', known)
      built.add('Abs')
      built.add('ArgMin', axis=2, keepdims=0)
      depth = built.weight(np.array(values.shape[1], np.int64))
      built.add('OneHot', depth, built.weight(np.array([0, 1], np.float32)))
      built.add('Mul', known)
      built.add('ReduceSum', ints((2,)), keepdims=0)
    case 'category':
      (count,), whole = layer.shape, built.value
      column = lambda first, last: (ints((first,)), ints((last,)), ints((1,)))
      built.add('Slice', *column(-count, np.iinfo(np.int64).max))
      built.add('ArgMax', axis=1, keepdims=0)
      depth = built.weight(np.array(count, np.int64))
      built.add('OneHot', depth, built.weight(np.array([0, 1], np.float32)))
      one_hot, built.value = built.value, whole
      built.add('Slice', *column(0, -count))
      built.add('Concat', one_hot, axis=1)
    case unknown:
      raise ValueError(f'layer {unknown} has no form in ONNX')


def model_of(
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
    width: of each output [B, width]; 0 where it is images.

  Raises:
    ImportError: the extra `export` is not installed.
    ValueError: a layer has no form in ONNX.
  """
  try:
    import onnx
    import onnx.helper
    import onnx.numpy_helper
  except ImportError as error:
    raise ImportError(f'onnx {EXTRA}') from error
  built = _Graph(onnx, name)
  values = [name]
  for layer in layers:
    _add_layer(built, layer, [values[place] for place in layer.inputs])
    values.append(built.value)
  final = ('B', width) if width else (None,) * 4
  if len(outputs) == 1:
    built.nodes[-1].output[0] = outputs[0]
  else:
    sizes = built.weight(np.array([width] * len(outputs), np.int64))
    built.nodes.append(
      onnx.helper.make_node('Split', [built.value, sizes], outputs, axis=1)
    )
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


def run(model: bytes, x: np.ndarray) -> list[np.ndarray]:
  """The outputs of an ONNX model for x.

  ONNX Runtime from 1.32 on sends what it does to its maker, and keeps an id for
  that in the user's cache, unless ORT_DISABLE_TELEMETRY is set: it is here.

  Raises:
    ImportError: the extra `export` is not installed.
  """
  os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')  # read when imported
  try:
    import onnxruntime
  except ImportError as error:
    raise ImportError(f'onnxruntime {EXTRA}') from error
  session = onnxruntime.InferenceSession(
    model, providers=['CPUExecutionProvider']
  )
  (given,) = session.get_inputs()
  outputs = session.run(None, {given.name: x.astype(np.float32)})
  return [np.asarray(output) for output in outputs]
