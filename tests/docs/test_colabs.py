"""The notebooks run from top to bottom, in a small setting."""

import importlib.util
import json
import logging
import pathlib
import subprocess
import sys
import types

import jax
import numpy as np
import pytest

FOLDER = pathlib.Path(__file__).parents[2] / 'colabs'
NAMES = sorted(path.stem for path in FOLDER.glob('*.ipynb'))
_SMALL = {
  'num_devices': 1,
  'num_steps': 2,
  'batch_size': 8,
  'log_every': 1,
  'checkpoint_every': 2,
  'num_latents': 6,
  'evaluation.num_train': 60,
  'evaluation.num_test': 40,
  'evaluation.num_elbo': 16,
}
_DSPRITES = {
  'dataset.image_size': 16,
  'dataset.factor_stride': (1, 3, 10, 11, 11),
  'encoder': 'mlp_small',
  'decoder': 'mlp_small',
}
# What the cell of parameters of a notebook is followed by.
_INJECTED = {
  'metrics': {'NUM_POINTS': 200},
  'own_images': {
    'CHANGES': {
      **_SMALL,
      'dataset.image_size': 16,
      'encoder': 'mlp_small',
      'decoder': 'mlp_small',
      'seeds': (0, 1),
    }
  },
}


def at_beta_1_both_are_the_vae(space):
  kl = [
    [m.elbo['kl'] for m in results.members if m.hparams['beta'] == 1]
    for results in space['both']
  ]
  np.testing.assert_allclose(*kl, rtol=1e-5)


def a_mixture_of_what_is_not_gaussian_is_turned_back(space):
  metrics, z = space['metrics'], space['codes']['rotated']
  components = metrics.ica(z, jax.random.key(0))(z)
  rotated, found = (
    metrics.mig(x, space['factors'])['mig'] for x in (z, components)
  )
  assert rotated < 0.4 and found > 0.8


# What the text of a notebook says of what its cells have made.
_SAID = {
  'exercises': at_beta_1_both_are_the_vae,
  'metrics': a_mixture_of_what_is_not_gaussian_is_turned_back,
}


def cells(name):
  found = json.loads((FOLDER / f'{name}.ipynb').read_text())['cells']
  return [{**cell, 'source': ''.join(cell['source'])} for cell in found]


@pytest.fixture(scope='module')
def desk(tmp_path_factory):
  """One folder for all notebooks: what one has trained, another finds."""
  return tmp_path_factory.mktemp('desk')


@pytest.mark.parametrize('name', NAMES)
def test_a_notebook_runs(name, desk, monkeypatch):
  monkeypatch.chdir(desk)
  monkeypatch.setattr(sys, 'path', [*sys.path])
  monkeypatch.setattr(logging, 'basicConfig', lambda **_: None)
  shown = []
  display = types.ModuleType('IPython.display')
  monkeypatch.setattr(
    display, 'HTML', lambda filename: shown.append(filename), raising=False
  )
  monkeypatch.setitem(sys.modules, 'IPython.display', display)
  monkeypatch.setitem(sys.modules, 'IPython', types.ModuleType('IPython'))
  space = {'__name__': 'notebook'}
  for cell in cells(name):
    if cell['cell_type'] == 'code':
      exec(compile(cell['source'], cell['id'], 'exec'), space)
      if 'parameters' in cell['metadata'].get('tags', ()):
        space |= _INJECTED.get(name, {'CHANGES': {**_SMALL, **_DSPRITES}})
  assert all(pathlib.Path(path).exists() for path in shown)
  _SAID.get(name, lambda space: None)(space)


def install_cell(name):
  """The first cell of code, up to the imports of what it installs."""
  return cells(name)[1]['source'].partition('import jax\n')[0]


def test_a_notebook_installs_its_clone_or_what_it_is_told(
  monkeypatch, tmp_path
):
  run, code = [], install_cell('metrics')
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  monkeypatch.setattr(
    subprocess, 'run', lambda command, check: run.append(command[-1])
  )
  monkeypatch.chdir(FOLDER)
  exec(code, {})
  monkeypatch.chdir(tmp_path)
  exec(code.replace("SOURCE = ''", "SOURCE = 'git+https://example'"), {})
  assert run == [str(FOLDER.parent), 'git+https://example']
  with pytest.raises(SystemExit, match='SOURCE'):
    exec(code, {})


@pytest.mark.parametrize('name', NAMES)
def test_a_notebook_is_a_lesson_without_outputs(name):
  """It installs as the others do, asks, and keeps no outputs."""
  found = cells(name)
  code = [cell for cell in found if cell['cell_type'] == 'code']
  assert code[0]['source'].startswith(install_cell('metrics'))
  assert not any(cell['outputs'] or cell['execution_count'] for cell in code)
  prose = ' '.join(c['source'] for c in found if c['cell_type'] == 'markdown')
  assert '?' in prose and len(prose.split()) > 80
  if name == 'exercises':
    assert prose.count('**Predict**') == 5
