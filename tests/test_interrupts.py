"""Ctrl-C at any moment of a command."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from bvae_jax import interrupts, usage

ROOT = pathlib.Path(__file__).parent.parent
# A library that takes long to import, and Ctrl-C meanwhile.
_SLOW = """
import os, signal, time
os.kill(os.getpid(), signal.SIGINT)
time.sleep(0.2)
raise ImportError('ran on')
"""


# The tests may themselves be where Ctrl-C is ignored.
_WITH = 'import os, signal, sys; signal.signal(signal.SIGINT, signal.{0}); '
_WITH += 'os.execv(sys.executable, [sys.executable, *sys.argv[1:]])'


def python(*words, of='SIG_DFL', **kwargs):
  return subprocess.run(
    [sys.executable, '-c', _WITH.format(of), *words],
    cwd=ROOT,
    capture_output=True,
    text=True,
    **kwargs,
  )


@pytest.fixture
def slow(tmp_path):
  (tmp_path / 'jax.py').write_text(_SLOW)
  return os.environ | {'PYTHONPATH': f'{tmp_path}:{ROOT}'}


@pytest.mark.parametrize(
  'words',
  [
    ['-m', 'bvae_jax.main', '--config=tcvae:quick'],
    ['-umbvae_jax', 'main', '--config=tcvae:quick'],
    ['-um', 'launch.local', '--config=study_2019:quick'],
  ],
)
def test_while_it_imports_a_command_ends_by_the_signal(words, slow):
  ended = python(*words, env=slow)
  assert (ended.returncode, ended.stdout, ended.stderr) == (-2, '', '')


def test_in_the_background_of_a_script_it_is_ignored(slow):
  ended = python('-m', 'bvae_jax.main', of='SIG_IGN', env=slow)
  assert ended.returncode == 1 and 'ran on' in ended.stderr


def test_the_library_leaves_it_as_it_is(tmp_path):
  code = (
    'import signal, bvae_jax; '
    'assert signal.getsignal(signal.SIGINT) is signal.default_int_handler'
  )
  assert python('-c', code).returncode == 0
  package = tmp_path / 'mine'
  package.mkdir()
  (package / '__init__.py').write_text(code)
  (package / '__main__.py').touch()
  path = os.environ | {'PYTHONPATH': f'{tmp_path}:{ROOT}'}
  ended = python('-um', 'mine', 'launch', '-m', 'bvae_jax.main', env=path)
  assert ended.returncode == 0, ended.stderr


class Dying:
  """As a callback of the collector: what it raises, Python prints."""

  def __del__(self):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)


def test_one_that_python_swallows_is_raised_again(capsys):
  old = signal.signal(signal.SIGINT, signal.default_int_handler)
  told = pytest.raises(SystemExit, match='^error: interrupted; run the same')
  with told, usage.one_line_errors():
    Dying()
    time.sleep(5)
    raise AssertionError('ran on')
  signal.signal(signal.SIGINT, old)
  assert capsys.readouterr().err == ''


def test_other_errors_that_python_swallows_are_printed(capsys):
  class Broken:
    def __del__(self):
      raise ValueError('as ever')

  with interrupts.told():
    Broken()
  assert 'as ever' in capsys.readouterr().err
