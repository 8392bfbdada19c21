"""What a wheel holds: built for real, used away from the checkout."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope='module')
def built(tmp_path_factory):
  """The folder that a wheel packs."""
  folder = tmp_path_factory.mktemp('built')
  subprocess.run(
    [sys.executable, 'setup.py', '-q', 'egg_info', f'--egg-base={folder}',
     'build_py', f'--build-lib={folder}'],
    cwd=ROOT, check=True, capture_output=True,
  )  # fmt: skip
  return folder


def test_everything_of_the_checkout_is_in_the_wheel(built):
  package = {
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / 'bvae_jax').rglob('*')
    if path.is_file() and '__pycache__' not in path.parts
  }
  shipped = {
    f'bvae_jax/shipped/{path.relative_to(ROOT).as_posix()}'
    for name in ('configs', 'launch')
    for path in (ROOT / name).rglob('*')
    if path.is_file() and '__pycache__' not in path.parts
  }
  found = {
    path.relative_to(built).as_posix()
    for path in (built / 'bvae_jax').rglob('*')
    if path.is_file()
  }
  assert found == package | shipped
  assert 'bvae_jax/py.typed' in found


def test_the_command_lists_what_the_wheel_ships(built, tmp_path):
  def ask(*arguments):
    result = subprocess.run(
      [sys.executable, '-m', 'bvae_jax', *arguments],
      cwd=tmp_path, env={**os.environ, 'PYTHONPATH': str(built)},
      capture_output=True, text=True, check=True,
    )  # fmt: skip
    return result.stdout

  page = ask('--help')
  assert 'tcvae[:quick]' in page and 'launch local' in page
  told = ask('main', '--config=exercises/curve:quick', '--help')
  assert '--config.num_steps=' in told


def test_the_declared_pythons_are_those_of_the_classifiers():
  text = (ROOT / 'setup.py').read_text()
  versions = re.findall(r'Python :: (3\.\d+)', text)
  assert versions == ['3.11', '3.12', '3.13']
  assert f"python_requires='>={versions[0]}'" in text
