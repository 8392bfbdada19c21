"""What the command line lists, suggests and says of itself."""

import functools
import logging
import os
import pathlib
import re
import runpy
import signal
import subprocess
import sys
import types

import helpers
import ml_collections
import pytest

from bvae_jax import __main__ as front
from bvae_jax import catalogue, cli, usage, workdir
from bvae_jax import config as config_lib
from bvae_jax.config import keys, meanings, own

ROOT = pathlib.Path(__file__).parent.parent


def ask(monkeypatch, *argv):
  monkeypatch.setattr(sys, 'argv', ['bvae', *argv])
  front.main()


def test_help_lists_every_command_and_config_with_a_line_each(
  monkeypatch, capsys
):
  ask(monkeypatch, '--help')
  page = capsys.readouterr().out
  for name in ('main', 'prepare', 'launch local'):
    assert re.search(rf'^  {name} +\S+', page, re.MULTILINE), name
  for path in (ROOT / 'configs').rglob('*.py'):
    if path.name != 'common.py':
      assert re.search(rf'^  \S*{path.stem}\S* +\S+', page, re.MULTILINE), path
  ask(monkeypatch)
  assert capsys.readouterr().out == page


@pytest.mark.parametrize(
  'words', ['bvae_jax --help', 'bvae_jax.main --config=list']
)
def test_a_reader_that_has_enough_is_no_error(words):
  command = [sys.executable, '-um', *words.split()]
  with subprocess.Popen(
    command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
  ) as process:
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b'', 0)


def test_a_user_without_a_home_is_told_so():
  told = pytest.raises(SystemExit, match='no home folder is known .*set HOME')
  with told, usage.one_line_errors():
    pathlib.Path('~nobody_of_this_name/codes.npy').expanduser()


def test_without_file_locks_the_pure_parts_work_and_the_rest_says_why():
  """Windows has no fcntl."""
  code = """
import sys
sys.modules['fcntl'] = None
from bvae_jax import losses, metrics, models
import bvae_jax.main
"""
  found = subprocess.run(
    [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True
  )
  lines = found.stderr.splitlines()
  assert lines[-1].startswith('ImportError: data sets and runs need')
  assert '"<string>", line 5' in found.stderr  # not line 4


def test_pages_without_docstrings_say_why_not_when_imported():
  """A run imports them before it trains."""
  found = subprocess.run(
    [sys.executable, '-OOc', 'import bvae_jax.report'],
    cwd=ROOT, capture_output=True, text=True,
  )  # fmt: skip
  last = found.stderr.splitlines()[-1]
  assert last.startswith('ImportError: pages are drawn by Altair, which reads')


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='as macOS')
def test_a_log_that_cannot_be_written_says_so_once(monkeypatch, capsys):
  logger = logging.getLogger('bvae_jax')
  with monkeypatch.context() as patched:
    for name in ('handlers', 'propagate', 'level'):
      patched.setattr(logger, name, getattr(logger, name))
    cli.log_to_stderr(log_file='/dev/full')
    for line in ('one', 'two'):
      logger.info(line)
    with pytest.raises(OSError, match='No space'):
      logger.handlers[1].close()
  told = [
    line.partition(' ')[2] for line in capsys.readouterr().err.split('\n')
  ]
  full = '/dev/full lacks lines ([Errno 28] No space left on device)'
  assert told == ['one', full, 'two', '']


def test_every_listed_preset_is_one():
  for name, path in catalogue.configs().items():
    wanted = [] if name == 'own_images' else ['quick']
    assert catalogue.presets(path)[: len(wanted)] == wanted, name


def test_the_version_names_what_a_bug_report_needs(monkeypatch, capsys):
  ask(monkeypatch, '--version')
  line = capsys.readouterr().out
  assert re.fullmatch(
    r'bvae_jax \S+ \(jax \S+, flax \S+, optax \S+, numpy \S+, Python \S+\)\n',
    line,
  )


@pytest.mark.parametrize(
  'argv, answer',
  [
    ('mian', "no command 'mian'; did you mean main?"),
    ('xyzzy', "no command 'xyzzy'; see bvae --help"),
    ('launch lokal', 'one of: local, slurm, ray, unit; did you mean local?'),
    ('launch', 'one of: local, slurm, ray, unit'),
  ],
)
def test_a_misspelt_command_gets_a_suggestion(monkeypatch, argv, answer):
  with pytest.raises(SystemExit, match=re.escape(answer)):
    ask(monkeypatch, *argv.split())


def flat(config, prefix=''):
  """The keys that the help explains: sections of fixed keys are opened."""
  for key, value in config.items():
    if key in ('dataset', 'evaluation'):
      yield from flat(value, f'{key}.')
    else:
      yield prefix + key


def test_each_config_key_has_a_meaning():
  assert sorted(meanings.MEANINGS) == sorted(
    flat(config_lib.default_config('beta_vae'))
  )


def test_keys_are_shown_with_their_values():
  config = config_lib.default_config('beta_tcvae')
  config.dataset.holdout = 0.25
  text = usage.keys_text(config)
  assert '--config.dataset.holdout=0.25\n' in text
  assert "'gamma': 1.0" in text
  assert 'data.DATASETS, or tfds:NAME (blob, cars3d' in text
  assert 'OPTIMIZERS, with its defaults (adam, ' in ' '.join(text.split())
  assert isinstance(config.hparams, ml_collections.ConfigDict)


def test_the_help_of_a_study_is_of_one_of_its_units(monkeypatch):
  units = {name: helpers.small_config(name) for name in ('vae', 'beta_vae')}
  study = ml_collections.ConfigDict({'units': units})
  monkeypatch.setattr(cli, 'CONFIG', types.SimpleNamespace(value=study))
  page = ' '.join(cli._help().split())
  assert 'of beta_vae, one of the 2 units of this study (beta_vae, vae)' in page
  assert "--config.objective='beta_vae'" in page
  assert '--config.units.beta_vae.KEY' in page


@pytest.mark.parametrize(
  'value, found',
  [
    ('tcvae:quick', 'configs/tcvae.py:quick'),
    ('configs/tcvae.py', 'configs/tcvae.py'),
    ('exercises/curve:quick', 'configs/exercises/curve.py:quick'),
  ],
)
def test_a_config_that_ships_is_found_from_any_folder(
  tmp_path, monkeypatch, value, found
):
  monkeypatch.chdir(tmp_path)
  assert catalogue.find_config(value) == str(ROOT / found)
  own = tmp_path / 'tcvae'
  own.write_text('')
  assert catalogue.find_config('tcvae:a') == 'tcvae:a'  # the user's own first


def test_the_config_of_a_run_is_a_config(tmp_path):
  folder = workdir.Workdir(tmp_path / 'run')
  folder.open(helpers.small_config(seeds=(0, 3)))
  found = catalogue.find_config(str(folder.path / 'config.json'))
  assert cli.default_workdir(found) == str(folder.path)
  path, _, preset = found.partition(':')
  again = runpy.run_path(path)['get_config'](preset)
  assert config_lib.plain(again.to_dict()) == config_lib.plain(
    helpers.small_config(seeds=(0, 3)).to_dict()
  )
  (tmp_path / 'plan.json').write_text('{}')
  for value, line in (
    (tmp_path / 'plan.json', 'a run has it in config.json'),
    (f'{folder.path}/config.json:quick', 'config.json has no preset'),
  ):
    with pytest.raises(ValueError, match=line):
      catalogue.find_config(str(value))


def test_what_is_ones_own_lies_beside_a_config_or_is_named(tmp_path):
  """A config has the files beside it; other commands import BVAE_IMPORT."""
  (tmp_path / 'mine.py').write_text(
    'from bvae_jax import losses\n'
    "losses.OBJECTIVES['mine'] = losses.OBJECTIVES['vae']\n"
  )
  (tmp_path / 'of_mine.py').write_text(
    'import mine\nfrom bvae_jax import config\n'
    "def get_config():\n  return config.default_config('mine')\n"
  )
  asked = [sys.executable, '-m', 'bvae_jax', 'main', '--help']
  run = functools.partial(
    subprocess.run, cwd=ROOT, capture_output=True, text=True
  )
  page = run([*asked, f'--config={tmp_path / "of_mine.py"}']).stdout
  assert "--config.objective='mine'\n" in page
  for command in (asked, [sys.executable, '-m', 'bvae_jax.main', '--help']):
    told = run(command, env={**os.environ, own.VARIABLE: 'mine'})
    assert told.returncode == 1
    assert told.stderr == (
      "error: BVAE_IMPORT names 'mine', which cannot be imported "
      "(ModuleNotFoundError: No module named 'mine'); mend it, or put its "
      'folder into PYTHONPATH\n'
    )
  (tmp_path / 'stopped.py').write_text('raise KeyboardInterrupt')
  named = {own.VARIABLE: 'stopped', 'PYTHONPATH': f'{tmp_path}:{ROOT}'}
  told = run(asked, env={**os.environ, **named})
  assert told.returncode == -signal.SIGINT  # so that a shell's loop ends too
  assert told.stderr == 'error: interrupted; run the same command again\n'
  known = 'from bvae_jax import config; config.default_config("mine")'
  named = {own.VARIABLE: 'mine', 'PYTHONPATH': f'{tmp_path}:{ROOT}'}
  result = run([sys.executable, '-c', known], env={**os.environ, **named})
  assert result.returncode == 0, result.stderr


def test_the_commands_help_shows_flags_and_the_keys_of_the_config(tmp_path):
  result = subprocess.run(
    [sys.executable, '-m', 'bvae_jax', 'launch', 'local',
     '--config=tcvae:quick', '--config.seeds=(7,)', '--help'],
    cwd=tmp_path, env={**os.environ, 'PYTHONPATH': str(ROOT)},
    capture_output=True, text=True, check=True,
  )  # fmt: skip
  for text in ('A study over processes', '--workers\n', '--gpus_per_unit\n',
               '--quiet\n', '--log_file\n', '--config.num_steps=8000\n',
               '--config.seeds=(7,)\n'):  # fmt: skip
    assert text in result.stdout
  assert 'orbax' not in result.stdout


def test_quiet_leaves_warnings_and_the_log_file_has_all(tmp_path, capsys):
  logger = logging.getLogger('bvae_jax')
  before = logger.handlers, logger.propagate, logger.level
  try:
    cli.log_to_stderr(quiet=True, log_file=str(tmp_path / 'logs' / 'run.log'))
    logger.info('a step')
    logger.warning('a collapse')
    for handler in logger.handlers:
      handler.close()
  finally:
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])
  shown = capsys.readouterr().err
  assert 'a collapse' in shown and 'a step' not in shown
  lines = (tmp_path / 'logs' / 'run.log').read_text().splitlines()
  assert [line[9:] for line in lines] == ['a step', 'a collapse']


def test_a_key_of_every_unit_is_set_in_all():
  unit = config_lib.default_config('vae')
  units = {'a': unit, 'b': config_lib.default_config('dip_vae_i')}
  config = ml_collections.ConfigDict({'units': units})
  words = ['main', '--config.every.num_steps=7', '--config.every.seeds=(3,)']
  rest, every = keys.split_every([*words, '--config.every.dataset.holdout=.5'])
  assert rest == ['main']
  keys.override_units(config, every)
  for unit in config.units.values():
    assert (unit.num_steps, unit.seeds) == (7, (3,))
    assert unit.dataset.holdout == 0.5
