"""The trial of the scores: codes of known quality, and what is said of them."""

import json
import re

import numpy as np
import pages
import pytest

from bvae_jax import metrics
from bvae_jax.evidence import __main__ as command
from bvae_jax.evidence import charts, representations, trial, trial_page
from bvae_jax.report import charts as report_charts

UNITS = representations.units()


def active(name, level=0.0, seed=3):
  """The latents that carry something [R, L]."""
  drawn = representations.draw(name, level, seed)
  return drawn.mean[:, drawn.kl > 0]


def correlation(codes):
  """Of latents with factors [L, K], absolute."""
  size = codes.shape[1]
  return np.abs(np.corrcoef(codes.T, UNITS.T))[:size, size:]


@pytest.mark.parametrize('name', representations.KINDS)
def test_every_kind_has_its_latents_and_its_seeds(name):
  level = representations.KINDS[name].levels[-1]
  first, again, other = (
    representations.draw(name, level, seed) for seed in (0, 0, 1)
  )
  shape = len(representations.GRID), representations.NUM_LATENTS
  assert first.mean.shape == first.logvar.shape == shape
  np.testing.assert_array_equal(first.mean, again.mean)
  assert not np.array_equal(first.mean, other.mean)
  silent = first.mean[:, first.kl == 0]
  np.testing.assert_allclose(silent.std(0), representations.SILENT, rtol=0.1)
  expected = np.where(first.kl > 0, 2 * np.log(0.1), 0)
  np.testing.assert_allclose(first.logvar[0], expected, rtol=1e-6)


def test_a_turned_pair_shares_its_factors_by_the_angle():
  for degrees in (0, 25, 90):
    squared = np.sort(correlation(active('rotated', degrees)) ** 2, 1)[:, ::-1]
    share = np.cos(np.deg2rad(degrees)) ** 2
    ends = [max(share, 1 - share), min(share, 1 - share), 0, 0]
    np.testing.assert_allclose(squared, np.tile(ends, (4, 1)), atol=1e-5)
  np.testing.assert_allclose(
    (correlation(active('mixed')) ** 2).sum(1), 1, rtol=1e-5
  )


def test_kinds_keep_or_lose_what_they_say():
  states = lambda name, level=0.0: len(np.unique(active(name, level), axis=0))
  everything = len(UNITS)
  for name in ('perfect', 'duplicated', 'split', 'merged', 'shuffled'):
    assert states(name) == everything, name
  assert active('merged').shape[1] == 2
  assert active('duplicated').shape[1] == 8
  assert states('warped', 5.0) == everything
  assert states('fewer latents', 1) == everything / 8
  assert states('folded') == everything / 2**4
  assert active('random').shape[1] == 10 and active('silent').shape[1] == 0
  noise = active('noisy', 3.0).var(0)
  np.testing.assert_allclose(noise, 1 + 9, rtol=0.1)
  copied = representations.factors('redundant factors')
  np.testing.assert_array_equal(copied[:, 2], copied[:, 3])


@pytest.fixture(scope='module')
def results():
  kinds = ('perfect', 'rotated', 'redundant factors', 'random')
  return trial.run(kinds, ('factor_vae_score', 'mig', 'udr'), (0, 1))


def test_scores_are_those_of_the_metrics(results):
  order = np.random.default_rng(0).permutation(len(UNITS))
  train = order[: trial.NUM_TRAIN]
  for member in results['rotated'].members[::5]:
    drawn = representations.draw(
      'rotated', member.hparams['degrees'], member.seed
    )
    expected = metrics.mig(drawn.mean[train], representations.GRID[train])
    for k in range(4):
      np.testing.assert_allclose(
        member.metrics[f'mig/factor {k + 1}'], expected[f'mig/{k}'], rtol=1e-5
      )
  assert 'factor_vae_score' not in results['redundant factors'].metrics
  with pytest.raises(ValueError, match='unknown metric.*magic'):
    trial.run(names=('magic',))


def test_what_is_seen_is_a_share_of_the_way_to_random_codes(results):
  cells = trial.cells(results)
  assert cells['perfect', 0.0]['mig'].seen == 0
  assert cells['random', 0.0]['mig'].seen == 1
  top, floor, turned = (
    cells[who]['mig'].mean
    for who in (('perfect', 0.0), ('random', 0.0), ('rotated', 10))
  )
  seen = cells['rotated', 10]['mig'].seen
  assert seen == pytest.approx((top - turned) / (top - floor))
  # Turned by a right angle, codes are as they were but for names and signs.
  assert cells['rotated', 90]['mig'].mean == pytest.approx(top, abs=0.01)
  # All seeds are turned alike, so that they agree.
  assert cells['rotated', 45]['udr'].mean > 0.8 > 0.1 > cells[
    'random', 0.0
  ]['udr'].mean  # fmt: skip
  first, second = (m.metrics['mig'] for m in results['perfect'].members)
  cell = cells['perfect', 0.0]['mig']
  assert cell.mean == pytest.approx((first + second) / 2)
  low = cell.mean - 12.706 * abs(first - second) / 2
  assert cell.low == pytest.approx(low, rel=1e-3) and cell.high <= 1
  assert np.isnan(cells['perfect', 0.0]['udr'].low)  # seeds scored together


def test_the_page_shows_every_cell(results):
  page = trial_page.document(results, (0, 1))
  drawn = pages.charts(pages.tree(page))
  rows = drawn['Scores of codes of known quality']
  assert {row['column'] for row in rows} == {'FactorVAE score', 'MIG', 'UDR'}
  # Ten representations; the copied factor is no grid.
  assert len(rows) == 3 * 10 - 1
  assert '<script src' not in page and 'one seed' not in page
  assert max(row['x'] for row in drawn['UDR']) == 45  # beyond, codes turn back
  # What is perfect is no fault that a score could be blind to.
  assert '<b>Blind to</b> rotated, degrees 5; rotated, degrees 10;' in page
  assert 'degrees 90.' not in page and '<b>Falls without' not in page


def test_a_score_that_cannot_tell_is_grey_and_not_pale():
  row = {'row': 'silent', 'column': 'MIG', 'words': '0.02'}
  rows = [{**row, 'share': None}, {**row, 'row': 'perfect', 'share': 0.0}]
  svg = report_charts.svg(charts.labelled_map(rows, title='t'))
  cells = re.findall(r'rect mark.*?fill="(.*?)" opacity="(.*?)"', svg)
  assert cells == [('#3d83c4', '0.05'), ('#8793a0', '0.5')]


def test_codes_that_are_perfect_but_for_their_scale_have_no_fault():
  sound = [
    (kind, level)
    for kind, found in representations.KINDS.items()
    for level in found.levels
    if not representations.faulty(kind, level)
  ]
  assert sound == [
    ('perfect', 0.0), ('rotated', 0), ('rotated', 90), ('warped', 5.0),
    ('shuffled', 0.0), ('scaled', 0.03),
  ]  # fmt: skip


def test_the_command(tmp_path, monkeypatch, capfd):
  with pytest.raises(SystemExit, match='error: --seeds must be 2 or more'):
    command.main(['scores', f'--out={tmp_path}', '--seeds=1'])
  with pytest.raises(SystemExit, match='error: unknown metric'):
    command.main(['scores', f'--out={tmp_path}', '--metrics=magic'])
  for name, what in (('plan.json', 'a study'), ('config.json', 'a run')):
    (tmp_path / name).write_text('{}')
    with pytest.raises(SystemExit, match=f'holds {what}; give another'):
      command.main(['scores', f'--out={tmp_path}', '--seeds=2'])
  command.main(
    ['scores', f'--out={tmp_path}/new', '--metrics=udr', '--seeds=2']
  )
  found = json.loads((tmp_path / 'new' / 'results.json').read_text())
  assert list(found) == list(representations.KINDS)
  head, *rows = (tmp_path / 'new' / 'results.csv').read_text().splitlines()
  assert head.startswith('unit,objective,seed,degrees') and rows
  capfd.readouterr()

  def full(*_):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(trial_page, 'document', full)
  with pytest.raises(SystemExit, match='No space left'):
    command.main(
      ['scores', f'--out={tmp_path}/full', '--metrics=udr', '--seeds=2']
    )
  told = capfd.readouterr().err.splitlines()
  at = next(i for i, line in enumerate(told) if line.split()[-1:] == ['udr'])
  lines = [line.split() for line in told[at + 1 :]]
  means = {' '.join(line[:-1]): float(line[-1]) for line in lines if line}
  assert len(means) == sum(
    len(k.levels) for k in representations.KINDS.values()
  )
  assert means['perfect 0'] > 0.9
