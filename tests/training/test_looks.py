"""Scores while training, early stops, and traces of a few steps."""

import helpers
import numpy as np
import pytest

from bvae_jax import config as config_lib
from bvae_jax import parallel, run
from bvae_jax.parallel import maps
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import stopping
from bvae_jax.workdir import metrics_log


def test_patience_counts_lines_that_have_the_quantity():
  alive = np.ones(3, bool)
  stops = stopping.Stops(('mig', 'max', 2), alive, np.full(3, 4), 4)
  values = [[1.0, 3, 1], [2, 3, 2], [2, np.nan, 3], [5, 9, 2], [1, 1, 3]]
  held = []
  for value in values:
    stops.see({'nll': np.zeros(3)}, alive)
    stops.see({'mig': np.array(value, np.float32)}, alive)
    held.append(stops.held.tolist())
  off, second, both = [False] * 3, [False, True, False], [False, True, True]
  assert held == [off, off, second, second, both]
  # One that is alive and behind had stopped before.
  behind = stopping.Stops((), alive, np.array([4, 2, 4]), 4)
  assert behind.held.tolist() == second
  # Lines behind the checkpoint, which the first host is about to drop.
  again = stopping.Stops(('mig', 'max', 2), alive, np.full(3, 3), 3)
  lines = [
    {'step': n, 'members': [{'mig': x} for x in value]}
    for n, value in enumerate(values, 1)
  ]
  again.replay(lines, 3)
  assert again.held.tolist() == second


def test_images_stay_on_all_hosts_or_on_none(tmp_path, monkeypatch):
  np.save(tmp_path / 'a.npy', np.zeros((9, 16, 16, 1), np.uint8))
  config = helpers.small_config(metrics=())
  config.dataset.update(
    name='images', path=str(tmp_path / 'a.npy'), factor_stride=()
  )
  assert experiment_lib.dataset(config.dataset).rows is None
  monkeypatch.setattr(parallel, 'any_host', lambda flag: True)
  assert experiment_lib.dataset(config.dataset).rows is not None
  assert config.dataset.storage == 'auto'


def test_each_member_stops_by_itself_and_scores_are_those_of_the_end(
  tmp_path, no_pages
):
  config = helpers.small_config(
    grid={'learning_rate': (1e-3, 1e-9)}, log_every=1, num_steps=7
  )
  run.train_part(config, tmp_path / 'plain', 0)
  lines = metrics_log.lines(tmp_path / 'plain' / 'metrics.jsonl')
  expected = []
  for m in range(2):
    nll = [line['members'][m]['nll'] for line in lines]
    worse = [i for i in range(1, 7) if nll[i] >= min(nll[:i])]
    expected.append(worse[0] + 1 if worse else 7)
  assert expected[1] < expected[0] == 7

  config.update(stop_when=('nll', 'min', 1), evaluate_every=7)
  found = run.train_and_evaluate(config, tmp_path / 'early')
  assert [m.steps for m in found.members] == expected
  assert {m.status for m in found.members} == {'ok'}
  early = metrics_log.lines(tmp_path / 'early' / 'metrics.jsonl')
  for line, other in zip(early, lines, strict=True):
    for m, entry in enumerate(line['members']):
      trained = line['step'] <= expected[m]
      assert entry['alive'] and ('mig' in entry) == (line['step'] == 7)
      assert entry['nll'] == (other['members'][m]['nll'] if trained else None)
  last = early[-1]['members'][0]['mig']
  assert last == pytest.approx(found.members[0].metrics['mig'], rel=1e-6)


def test_loops_of_known_trips_train_alike(monkeypatch, tmp_path, small_run):
  """As accelerators run them: together, here in blocks of three trips."""
  monkeypatch.setattr(maps, '_known_trips', lambda: 3)
  config = helpers.small_config(seeds=(0, 1), member_batch=2)
  run.train_part(config, tmp_path, 0)
  found = []
  for folder in (tmp_path, small_run):
    lines = metrics_log.lines(folder / 'metrics.jsonl')
    members = [entry for line in lines for entry in line['members']]
    found.append([[m['nll'], *m['kl_per_latent']] for m in members])
  np.testing.assert_allclose(*found, rtol=1e-4)


STEPS = ('num_steps', 'log_every', 'checkpoint_every')


def test_a_trace_of_a_few_steps(tmp_path):
  config = helpers.small_config(**dict.fromkeys(STEPS, 4), profile=True)
  run.train_part(config, tmp_path, 0)
  assert list((tmp_path / 'profile').rglob('*.xplane.pb'))


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'evaluate_every': 3}, 'multiple of log_every=2'),
    ({'evaluate_metrics': ('nll',)}, 'evaluate_metrics names nll'),
    (
      {'stop_when': ('nll', 'least', 5)},
      "must be () or like ('nll', 'min', 5)",
    ),
    ({'stop_when': ('nll', 'min', 0)}, 'patience=0 must be at least 1'),
  ],
)
def test_refused(changes, message):
  with pytest.raises(config_lib.ConfigError) as error:
    config_lib.validate(helpers.small_config(**changes))
  assert message in str(error.value)


def test_a_quantity_that_no_line_has_is_refused(tmp_path):
  config = helpers.small_config(stop_when=('mig', 'max', 2))
  with pytest.raises(ValueError, match='valid: .*evaluate_every'):
    run.train_and_evaluate(config, tmp_path)
  assert not list(tmp_path.iterdir())
