"""Every config file, under every preset, loads and can be run."""

import importlib.util
import pathlib

import pytest

from bvae_jax import config as config_lib
from bvae_jax import population
from bvae_jax.report import study as page_lib

ROOT = pathlib.Path(__file__).parent.parent / 'configs'
FILES = sorted(
  path.relative_to(ROOT).with_suffix('').as_posix()
  for path in ROOT.rglob('*.py')
  # own_images has no presets: it is one command for whatever there is.
  if path.name not in ('common.py', '__init__.py', 'own_images.py')
)
EXERCISES = [name for name in FILES if name.startswith('exercises/')]


def load(name):
  spec = importlib.util.spec_from_file_location(
    name.replace('/', '_'), ROOT / f'{name}.py'
  )
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def units(config):
  return config.units.values() if 'units' in config else [config]


@pytest.mark.parametrize('preset', ['', 'quick'])
@pytest.mark.parametrize('name', FILES)
def test_every_config_is_valid_and_names_its_command(name, preset):
  module = load(name)
  config = module.get_config(preset)
  for run in units(config):
    config_lib.validate(run)
    assert (run.num_steps == 300_000) == (not preset)
    for schedule in run.schedules.values():
      assert schedule.steps < run.num_steps
  if 'units' in config:
    page_lib.find_page(config.page)
  assert f'--config=configs/{name}.py:quick' in module.__doc__


@pytest.mark.parametrize('name', FILES)
def test_an_unknown_preset_is_refused(name):
  with pytest.raises(ValueError, match="unknown preset 'slow'; valid: .*quick"):
    load(name).get_config('slow')


def settings(config, *names):
  """What the members of a run have as their values of some names."""
  return {
    tuple(m.hparams[n] for n in names) for m in population.members(config)
  }


def test_the_grid_of_the_2019_study():
  config = load('study_2019').get_config()
  sizes = [len(population.members(run)) for run in config.units.values()]
  assert sum(sizes) == 6 * 6 * 50
  assert all(run.seeds == tuple(range(50)) for run in config.units.values())
  units = config.units
  assert settings(units.annealed_vae, 'gamma', 'capacity') == {
    (1000, c) for c in (5, 10, 25, 50, 75, 100)
  }
  assert units.annealed_vae.schedules.capacity.steps == 100_000
  for kind, ratio in (('i', 10), ('ii', 1)):
    assert settings(units[f'dip_vae_{kind}'], 'lambda_od', 'lambda_d') == {
      (v, ratio * v) for v in (1, 2, 5, 10, 20, 50)
    }


@pytest.mark.parametrize('suffix, small', [('', False), ('-quick', True)])
def test_the_study_takes_a_data_set_by_name(suffix, small):
  config = load('study_2019').get_config(f'npz{suffix}')
  for run in config.units.values():
    assert run.dataset.name == 'npz'
    assert (run.num_steps < 10_000) == small


def test_the_quick_study_has_all_methods_values_and_seeds():
  runs = list(load('study_2019').get_config('quick').units.values())
  members = [(r.objective, m) for r in runs for m in population.members(r)]
  assert len(members) == 3 * 6 * 2 * 3
  sets = {(run.objective, run.dataset.name) for run in runs}
  assert len(sets) == 3 * 6 and len({name for _, name in sets}) == 3
  assert 'udr' in runs[0].metrics


def test_methods_are_tuned_at_one_budget_and_judged_on_other_seeds():
  tuned = load('tuning').get_config('quick').units
  judged = load('methods').get_config('quick').units
  assert {len(population.members(unit)) for unit in tuned.values()} == {8 * 2}
  assert set(tuned) < set(judged)
  for name, unit in tuned.items():
    assert unit.num_steps == judged[name].num_steps
    assert not {*unit.seeds} & {*judged[name].seeds}


@pytest.mark.parametrize('name', EXERCISES)
def test_quick_exercises_fit_in_minutes(name):
  runs = list(units(load(name).get_config('quick')))
  size = lambda run: (run.dataset.image_size / 32) ** 2 * 0.7
  steps = sum(
    len(population.members(run)) * run.num_steps * max(1, size(run))
    for run in runs
  )
  assert steps <= 100_000
  assert all(run.encoder == 'mlp_small' for run in runs)
