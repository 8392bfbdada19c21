"""The user's cache, apart for each test."""

import pytest


@pytest.fixture
def cache(tmp_path, monkeypatch):
  """The folder of the package in an empty cache."""
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  return tmp_path / 'cache' / 'bvae_jax'
