"""Every command, block and link of the README, the docs and the configs."""

import contextlib
import importlib.util
import json
import pathlib
import re
import shlex
import shutil
import sys

import helpers
import numpy as np
import pytest
from absl import flags
from ml_collections import config_flags

import bvae_jax
from bvae_jax import catalogue, data, export, losses, metrics, models
from bvae_jax import config as config_lib
from bvae_jax import run as run_lib
from bvae_jax.config import keys, own
from bvae_jax.data import prepare
from bvae_jax.studies import plan

ROOT = pathlib.Path(__file__).parents[2]
PAGES = sorted([ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')])
HEADERS = sorted((ROOT / 'configs').rglob('*.py'))
START = re.compile(r'(?:bvae|python -m (?:bvae_jax|launch|docs)[\w.]*) .*')
HOLE = re.compile(r'\b(FILE|NAME|RUN)\b|\.\.\.')  # the reader's own


def name_of(path):
  return path.relative_to(ROOT).as_posix()


def commands(path):
  """The commands of a page or a docstring: in blocks, and in backticks."""
  text = path.read_text()
  text = re.sub(r'\\\\?\n\s*', '', text)
  inline = re.findall(r'`([^`\n]+)`', text)
  lines = [line.strip() for line in text.splitlines() if line[:1] == ' ']
  for _, block in helpers.FENCE.findall(text):
    lines += block.splitlines()
  for line in [*lines, *inline]:
    for part in line.split('#')[0].split('&&'):
      if START.fullmatch(part.strip()):
        yield shlex.split(re.sub(r'\[--.*?\]', '', part))


def own_flags(module, argv):
  """The flags of a command, in a set of their own."""
  values = flags.FlagValues()
  config_flags.DEFINE_config_file(
    'config', None, flag_values=values, sys_argv=argv
  )
  found = set(sys.modules) & {'bvae_jax.cli', 'bvae_jax.main', 'launch.common'}
  for name in {*found, module}:
    for flag in flags.FLAGS.get_flags_for_module(name):
      if flag.name != 'config':
        flags.DEFINE_flag(flag, flag_values=values)
  return values


def check_run(module, arguments):
  """Parses the flags, and builds and checks the config, as the command does."""
  importlib.import_module(module)
  argv = [module]
  for argument in arguments:
    flag, _, value = argument.partition('=')
    if flag == '--config':
      if value == 'list' or HOLE.search(value):
        return
      argument = f'{flag}={catalogue.find_config(value)}'
    if flag not in ('--config.KEY', '--help'):
      argv.append(argument)
  argv, every = keys.split_every(argv)
  values = own_flags(module, argv)
  values(argv)
  if values.config is not None:
    keys.override_units(values.config, every)
    keys.check_swept(values.config, argv)
    for unit in plan.as_study(values.config, 'x').units.values():
      config_lib.validate(unit)


def check(words):
  """One command: the module is there, and takes these words."""
  if words[0] == 'bvae':
    words = words[1:]
    if words[0].startswith('-') or words[0] == 'COMMAND':
      return
    count = 2 if words[0] == 'launch' else 1
    module = catalogue.commands()[' '.join(words[:count])]
    arguments = words[count:]
  else:
    module, arguments = words[2], words[3:]
  if module in ('bvae_jax.main', 'launch.local', 'launch.slurm', 'launch.ray',
                'launch.unit'):  # fmt: skip
    check_run(module, arguments)
  elif module == 'bvae_jax.data.prepare':
    if not HOLE.search(arguments[0]):
      prepare._parse(arguments)
  elif module != 'bvae_jax':
    assert importlib.util.find_spec(module), module


@pytest.mark.parametrize('path', [*PAGES, *HEADERS], ids=name_of)
def test_every_command_is_understood(path, monkeypatch):
  monkeypatch.chdir(ROOT)
  monkeypatch.syspath_prepend(str(ROOT))
  found = list(commands(path))
  if path in HEADERS and path.name != 'common.py':
    assert found, f'{path} names no command'
  for words in found:
    try:
      check(words)
    except (Exception, SystemExit) as error:
      raise AssertionError(f'{shlex.join(words)}: {error!r}') from error


def anchors(path):
  """What a page's headings are called in links."""
  text = helpers.FENCE.sub('', path.read_text())
  for heading in re.findall(r'^#+ (.+)$', text, re.M):
    yield re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


@pytest.mark.parametrize('path', PAGES, ids=name_of)
def test_every_link_leads_to_a_file_and_a_heading(path):
  for link in re.findall(r'\]\(([^)\s]+)\)', path.read_text()):
    if '://' not in link:
      name, _, heading = link.partition('#')
      target = path.parent / name if name else path
      assert target.exists(), link
      assert not heading or heading in anchors(target), link


def test_the_site_has_every_page():
  listed = re.findall(r': (\w+\.md)$', (ROOT / 'mkdocs.yml').read_text(), re.M)
  assert sorted(listed) == sorted(p.name for p in (ROOT / 'docs').glob('*.md'))


@pytest.fixture(scope='module')
def desk(tmp_path_factory):
  """A folder with what the blocks read: a tiny run, codes and factors."""
  folder = tmp_path_factory.mktemp('desk')
  *_, train = helpers.blocks(ROOT / 'docs' / 'library.md')
  with contextlib.chdir(folder):
    exec(compile(train, 'library.md', 'exec'), {'__name__': 'block'})
  runs = folder / 'runs'
  shutil.copytree(runs / 'from_python', runs / 'tcvae_quick')
  export.export(bvae_jax.load(runs / 'from_python'), folder / 'exported')
  rng = np.random.default_rng(0)
  factors = np.tile(np.stack(np.divmod(np.arange(12), 4), 1), (20, 1))
  np.save(folder / 'factors.npy', factors)
  np.save(folder / 'codes.npy', factors + 0.1 * rng.normal(size=factors.shape))
  return folder


@pytest.mark.parametrize(
  'path',
  [p for p in PAGES if p.name != 'extending.md' and list(helpers.blocks(p))],
  ids=name_of,
)
def test_every_block_of_python_runs(path, desk, monkeypatch):
  monkeypatch.chdir(desk)
  for code in helpers.blocks(path):
    found = {'__name__': 'block'}
    exec(compile(code, path.name, 'exec'), found)
    if 'get_config' in found:
      for unit in found['get_config']().units.values():
        config_lib.validate(unit)


def test_what_the_pages_add_trains_and_is_scored(tmp_path, monkeypatch):
  tables = (losses.OBJECTIVES, losses.LIKELIHOODS, metrics.METRICS,
            data.DATASETS, models.ENCODERS, models.DECODERS)  # fmt: skip
  before = [dict(table) for table in tables]
  code = '\n'.join(helpers.blocks(ROOT / 'docs' / 'extending.md'))
  (tmp_path / 'blocks_of_extending.py').write_text(code)
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.setenv(own.VARIABLE, 'math,blocks_of_extending')
  try:
    own.load()
    added = [sorted(set(new) - set(old)) for new, old in zip(tables, before)]
    assert added == [
      ['squared_vae'], ['laplace'], ['spread'], ['cross'], ['edges'], ['linear']
    ]  # fmt: skip
    for make in (models.make_coder, models.make_critic):
      assert type(make('edges', 3, (8, 8, 1)).trunk).__name__ == 'Edges'
    config = helpers.small_config(
      'squared_vae', metrics=('spread',), num_steps=2
    )
    config.update({'encoder': 'edges', 'decoder': 'linear'})
    config.likelihood = 'laplace'
    config.dataset.update(
      {'name': 'cross', 'image_size': 8, 'factor_stride': ()}
    )
    run_lib.train_and_evaluate(config, tmp_path / 'run')
    model = bvae_jax.load(tmp_path / 'run')
    images = model.dataset.images(np.arange(64))
    shown = model.decode(model.encode(images)[0])
  finally:
    for table, old in zip(tables, before):
      table.clear()
      table.update(old)
  found = json.loads((tmp_path / 'run' / 'results.json').read_text())
  (member,) = found['members']
  assert member['metrics']['spread'] > 0
  assert member['hparams']['weight'] == 0.1
  nll = (abs(images - shown) / 0.1 + np.log(0.2)).sum((1, 2, 3)).mean()
  assert member['elbo']['nll'] == pytest.approx(float(nll), rel=0.05)
  assert found['dataset']['description'] == 'crosses'
