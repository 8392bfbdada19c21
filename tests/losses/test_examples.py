"""The examples in the docstrings of the losses."""

import doctest
import importlib
import pkgutil

import pytest

from bvae_jax import losses


@pytest.mark.parametrize(
  'name', [module.name for module in pkgutil.iter_modules(losses.__path__)]
)
def test_examples(name):
  module = importlib.import_module(f'bvae_jax.losses.{name}')
  assert doctest.testmod(module).failed == 0
