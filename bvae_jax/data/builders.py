"""TFDS builders of the prepared sets, which need no TensorFlow.

Records are array_record, images tensors of bytes: TFDS cannot encode its own
`Image` feature without TensorFlow.
"""

import json
import pathlib
from typing import Any

import numpy as np

from bvae_jax.data import prepared


def builder(folder: pathlib.Path, data_dir: pathlib.Path) -> Any:
  """A `tfds.core.GeneratorBasedBuilder` of a prepared set.

  Its records have `image`, uint8 [S, S, C], and one class label a factor, under
  the factor's name (-1 where missing); `download_and_prepare()` writes them,
  `as_data_source()` reads them.

  Args:
    folder: of the prepared set.
    data_dir: where TFDS keeps its sets.

  Raises:
    ImportError: TFDS lacks array_record on this platform.
  """
  import tensorflow_datasets as tfds

  facts = json.loads((folder / 'facts.json').read_text(encoding='utf-8'))

  def info(self: Any) -> Any:
    features = {
      'image': tfds.features.Tensor(
        shape=tuple(facts['image_shape']), dtype=np.uint8
      ),
      **{factor['name']: _label(tfds, factor) for factor in facts['factors']},
    }
    return tfds.core.DatasetInfo(
      builder=self,
      description=facts['description'],
      homepage=facts['page'],
      license=facts['licence'],
      features=tfds.features.FeaturesDict(features),
    )

  def examples(self: Any) -> Any:
    del self
    names = [factor['name'] for factor in facts['factors']]
    classes = np.load(folder / 'factors.npy', allow_pickle=False)
    rows = range(facts['num_images'])
    for i, image in enumerate(prepared.pictures(folder, facts, rows)):
      row = {n: int(k) for n, k in zip(names, classes[i], strict=True)}
      yield i, {'image': image, **row}

  made = type(
    facts['name'],
    (tfds.core.GeneratorBasedBuilder,),
    {
      'name': facts['name'],
      'VERSION': tfds.core.Version('1.0.0'),
      '_info': info,
      '_split_generators': lambda self, _: {'train': self._generate_examples()},
      '_generate_examples': examples,
      # Of a dotted name TFDS asks importlib_resources, which it does not need.
      '__module__': 'prepared_sets',
    },
  )
  return made(data_dir=str(data_dir), file_format='array_record')


def _label(tfds: Any, factor: dict[str, Any]) -> Any:
  if factor['values']:
    return tfds.features.ClassLabel(names=list(factor['values']))
  return tfds.features.ClassLabel(num_classes=factor['size'])
