"""Packaging of bvae_jax: the core is small, everything heavy is an extra."""

import pathlib
import re

import setuptools

EXTRAS = {
  'test': [
    'h5py',
    'hypothesis',
    'pytest',
    'pytest-xdist',
    'pyyaml',
    'scikit-learn',
    'scipy',
  ],
  'hdf5': ['h5py'],
  'tensorboard': ['tensorboardX'],
  'sklearn': ['scikit-learn'],
  'slurm': ['submitit'],
  'ray': ['ray'],
  'bench': ['torch', 'scikit-learn'],
  'dev': ['basedpyright', 'ruff'],
}

VERSION = re.search(
  r"__version__ = '([^']+)'",
  pathlib.Path(__file__)
  .with_name('bvae_jax')
  .joinpath('__init__.py')
  .read_text(encoding='utf-8'),
)[1]

setuptools.setup(
  name='bvae_jax',
  version=VERSION,
  description='Populations of disentangled VAEs in JAX: objectives, metrics,'
  ' sweeps.',
  long_description=pathlib.Path(__file__)
  .with_name('README.md')
  .read_text(encoding='utf-8'),
  long_description_content_type='text/markdown',
  license='Apache-2.0',
  python_requires='>=3.11',
  packages=setuptools.find_packages(include=['bvae_jax*']),
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
  package_data={'bvae_jax.report': ['templates/*']},
  extras_require=EXTRAS,
)
