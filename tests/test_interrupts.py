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


def command(folder, *words, of=signal.SIG_DFL):
  (folder / 'jax.py').write_text(_SLOW)
  return subprocess.run(
    [sys.executable, '-m', *words],
    env=os.environ | {'PYTHONPATH': os.pathsep.join([str(folder), str(ROOT)])},
    cwd=ROOT,
    capture_output=True,
    text=True,
    preexec_fn=lambda: signal.signal(signal.SIGINT, of),
  )


@pytest.mark.parametrize(
  'words',
  [
    ['bvae_jax.main', '--config=tcvae:quick'],
    ['bvae_jax', 'main', '--config=tcvae:quick'],
    ['launch.local', '--config=study_2019:quick'],
  ],
)
def test_while_it_imports_a_command_ends_by_the_signal(words, tmp_path):
  ended = command(tmp_path, *words)
  assert (ended.returncode, ended.stdout, ended.stderr) == (-2, '', '')


def test_in_the_background_of_a_script_it_is_ignored(tmp_path):
  ended = command(tmp_path, 'bvae_jax.main', of=signal.SIG_IGN)
  assert ended.returncode == 1 and 'ran on' in ended.stderr


def test_the_library_leaves_it_as_it_is():
  code = (
    'import signal, bvae_jax; '
    'assert signal.getsignal(signal.SIGINT) is signal.default_int_handler'
  )
  subprocess.run([sys.executable, '-c', code], check=True, cwd=ROOT)


class Dying:
  """As a callback of the collector: what it raises, Python prints."""

  def __del__(self):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)


def test_one_that_python_swallows_is_raised_again(capsys):
  told = pytest.raises(SystemExit, match='^error: interrupted; run the same')
  with told, usage.one_line_errors():
    Dying()
    time.sleep(5)
    raise AssertionError('ran on')
  assert capsys.readouterr().err == ''


def test_other_errors_that_python_swallows_are_printed(capsys):
  class Broken:
    def __del__(self):
      raise ValueError('as ever')

  with interrupts.told():
    Broken()
  assert 'as ever' in capsys.readouterr().err
