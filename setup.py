"""Packaging of bvae_jax: the core is small, everything heavy is an extra.

A wheel carries `configs/` and `launch/` inside the package, as `shipped/`: both
names are too common for the top level of site-packages. An editable install
uses those of the checkout.
"""

import pathlib
import re
import shutil

import setuptools
from setuptools.command import build_py

HERE = pathlib.Path(__file__).parent
SHIPPED = ('configs', 'launch')


class Build(build_py.build_py):
  """Copies what ships beside the package into the built package."""

  def run(self):
    super().run()
    if self.editable_mode:
      return
    target = pathlib.Path(self.build_lib) / 'bvae_jax' / 'shipped'
    shutil.rmtree(target, ignore_errors=True)
    hidden = shutil.ignore_patterns('__pycache__', '.*')
    for name in SHIPPED:
      shutil.copytree(HERE / name, target / name, ignore=hidden)


EXTRAS = {
  'test': [
    'h5py',
    'hypothesis',
    'onnx',
    'onnxruntime',
    'pytest',
    'pytest-xdist',
    'pyyaml',
    'safetensors',
    'scikit-learn',
    'scipy',
    'setuptools',
  ],
  'docs': ['mkdocs-material', 'mkdocstrings[python]'],
  'cuda': ['jax[cuda12]'],
  'tpu': ['jax[tpu]'],
  'hdf5': ['h5py'],
  'export': ['onnx', 'onnxruntime', 'safetensors'],
  'tensorboard': ['tensorboardX'],
  'trackio': ['trackio'],
  'wandb': ['wandb'],
  'sklearn': ['scikit-learn'],
  'slurm': ['submitit'],
  'ray': ['ray'],
  'bench': ['torch', 'scikit-learn'],
  'dev': ['basedpyright', 'ruff'],
}

VERSION = re.search(
  r"__version__ = '([^']+)'",
  (HERE / 'bvae_jax' / '__init__.py').read_text(encoding='utf-8'),
)[1]

setuptools.setup(
  name='bvae_jax',
  version=VERSION,
  description='Populations of disentangled VAEs in JAX: objectives, metrics,'
  ' sweeps.',
  long_description=(HERE / 'README.md').read_text(encoding='utf-8'),
  long_description_content_type='text/markdown',
  license='Apache-2.0',
  python_requires='>=3.11',
  classifiers=[
    'Intended Audience :: Science/Research',
    'Programming Language :: Python :: 3',
    'Programming Language :: Python :: 3.11',
    'Programming Language :: Python :: 3.12',
    'Programming Language :: Python :: 3.13',
    'Topic :: Scientific/Engineering :: Artificial Intelligence',
    'Typing :: Typed',
  ],
  packages=setuptools.find_packages(include=['bvae_jax*']),
  package_data={
    'bvae_jax': [
      'py.typed',
      *(f'**/*.{kind}' for kind in ('css', 'html', 'j2', 'js', 'json')),
    ]
  },
  entry_points={'console_scripts': ['bvae = bvae_jax.__main__:main']},
  cmdclass={'build_py': Build},
  install_requires=[
    'jax>=0.10',
    'flax>=0.12.8',
    'optax>=0.2.8',
    'orbax-checkpoint>=0.12',
    'tensorflow-datasets>=4.9.10',
    'numpy',
    'absl-py',
    'ml-collections>=1.1',
    'rich',
    'pillow>=10.1',
    'altair>=6',
    'vl-convert-python>=1.8',
    'jinja2>=3.1',
  ],
  extras_require=EXTRAS,
)
