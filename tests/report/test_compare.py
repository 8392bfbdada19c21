"""Runs against each other: the tests are right, the page says what differs."""

import json
import re
import shutil

import numpy as np
import pages
import pytest
from scipy import stats

from bvae_jax import run
from bvae_jax.evaluation import inference, statistics
from bvae_jax.report import __main__ as command
from bvae_jax.report import compare
from bvae_jax.report.sections.study import differences
from bvae_jax.training import programs
from bvae_jax.workdir import locks


def by_seed(values, first=0):
  return dict(enumerate(values, first))


@pytest.mark.parametrize('paired', [True, False])
def test_exact_p_values_are_those_of_scipy(paired):
  rng = np.random.default_rng(0)
  a, b = rng.normal(1, 1, 6), rng.normal(0, 1, 6 if paired else 5)
  found = statistics.difference(by_seed(a), by_seed(b, 0 if paired else 10))
  kind = 'samples' if paired else 'independent'
  mean = lambda x, y, axis=-1: x.mean(axis) - y.mean(axis)
  far = lambda x, y, axis=-1: abs(mean(x, y, axis))
  want = stats.permutation_test(
    (a, b), far, permutation_type=kind, alternative='greater'
  )
  t = (
    stats.ttest_rel(a, b) if paired else stats.ttest_ind(a, b, equal_var=False)
  )
  ends = t.confidence_interval(0.95)
  assert found.exact and found.pairs == (6 if paired else 0)
  assert found.p == pytest.approx(want.pvalue)
  np.testing.assert_allclose(found[:3], [mean(a, b), *ends])
  u = stats.mannwhitneyu(a, b).statistic
  assert found.chance == pytest.approx(u / (len(a) * len(b)))


def test_p_values_in_closed_form():
  # All above: two of 2^4 signs, and two of C(6, 3) choices, are as extreme.
  pair = statistics.difference(by_seed([5, 6, 7, 8]), by_seed([1, 2, 3, 4]))
  apart = statistics.difference(by_seed([5, 6, 7]), by_seed([1, 2, 3], 7))
  assert (pair.p, apart.p) == (2 / 16, 2 / 20)
  assert pair.chance == apart.chance == 1
  same = statistics.difference(by_seed([1, 2, 3]), by_seed([1, 2, 3]))
  assert (same.mean, same.p, same.chance) == (0, 1, 0.5)
  many = by_seed(np.arange(20.0))
  drawn = statistics.difference(many, {s: v + 1 for s, v in many.items()})
  assert not drawn.exact and drawn.p == 1 / 20_001
  # A seed that one group lacks is no pair; NaN is none either.
  some = statistics.difference({0: 1.0, 1: 2.0, 2: np.nan}, by_seed([0, 0, 9]))
  assert (some.pairs, some.mean, some.means) == (2, 1.5, (1.5, 0))  # not 3
  none = statistics.difference({0: np.nan}, {0: 1.0})
  assert np.isnan(none.p)


def test_intervals_end_where_no_score_can_be():
  quantile = 12.7062  # of t with one degree of freedom
  mig = inference.estimate('mig', [0.8, 1.0])
  np.testing.assert_allclose(mig[:3], [0.9, 0, 1])
  half = quantile * 0.01
  ends = [0.97 - half, 1.0]
  np.testing.assert_allclose(
    inference.estimate('dci', [0.96, 0.98])[1:3], ends, rtol=1e-5
  )
  # No more than 1, but below 0; no less than 0 nats; any number of nats.
  for score, low, high in (
    ('irs', 0.9 - quantile * 0.1, 1.0),
    ('unsupervised', 0.0, 0.9 + quantile * 0.1),
    ('held_out_kl', 0.0, 0.9 + quantile * 0.1),
    ('kl', 0.0, 0.9 + quantile * 0.1),
    ('elbo', 0.9 - quantile * 0.1, 0.9 + quantile * 0.1),
  ):
    ends = inference.estimate(score, [0.8, 1.0])[1:3]
    np.testing.assert_allclose(ends, [low, high], rtol=1e-5)
  # An estimate may lie beyond what it estimates: the interval holds the mean.
  assert statistics.estimate([1.0, 1.5], statistics.SHARE).high == 1.25
  for second in ({0: 0.05, 1: 0.2}, {7: 0.0, 8: 0.3, 9: 0.1}):  # pairs, or not
    apart = inference.difference('mig', {0: 1.0, 1: 0.9}, second)
    assert apart.low > -1 and apart.high == 1
    wide = statistics.difference({0: 1.0, 1: 0.9}, second)
    assert wide.high > 1 and wide.low == apart.low and wide.p == apart.p


def test_seeds_that_are_scored_together_have_no_interval_and_no_test():
  both = {0: 0.5, 1: 0.7, 2: 0.6}, {0: 0.1, 1: 0.3, 2: 0.1}
  found = inference.difference('udr', *both)
  plain = statistics.difference(*both)
  assert np.isnan([found.low, found.high, found.p]).all()
  assert (found.mean, found.chance) == (plain.mean, plain.chance)
  mean = inference.estimate('udr', both[0].values())
  assert (
    mean.mean == pytest.approx(0.6) and np.isnan([mean.low, mean.high]).all()
  )
  test = differences.Test('udr', ('a', 'b'), found)
  assert test.how == 'no test'


def test_holm():
  found = statistics.holm([0.01, 0.04, float('nan'), 0.03, 0.5])
  np.testing.assert_allclose(found, [0.04, 0.09, np.nan, 0.09, 0.5])


@pytest.fixture
def other_run(small_run, tmp_path):
  """A copy of a run whose MIG is higher by 0.5, on less of other points."""
  folder = tmp_path / 'other'
  shutil.copytree(small_run, folder)
  (folder / 'manifest.json').unlink()
  results = json.loads((folder / 'results.json').read_text())
  for member in results['members']:
    member['metrics']['mig'] += 0.5
  results['evaluation']['num_train'] = 7
  results['provenance']['bvae_jax'] = '0.0.1'
  (folder / 'results.json').write_text(json.dumps(results))
  return folder


def test_two_runs_on_one_page(small_run, other_run, tmp_path):
  out = tmp_path / 'page.html'
  command.main([str(small_run), str(other_run), f'--out={out}'])
  tree = pages.tree(out.read_text())
  assert all(e.get('href').startswith('#') for e in tree.iter('a'))
  sources = [e.get('src') for e in tree.iter('img') if e.get('alt')]
  assert sources and all(s.startswith('data:') for s in sources)
  (answer,) = [e.text for e in tree.iter('p') if e.get('class') == 'answer']
  assert re.fullmatch(
    r'Highest median MIG: 0\.\d+ with other .*; the next method has 0\.\d+ '
    r'with run .*\. Every seed of the first is above every seed of the '
    r'second\.',
    answer,
  )
  titles = [e.text for e in tree.iter('h2')]
  assert titles[:3] == ['Scores', 'Differences', 'What differs in the configs']
  assert 'Traversals' in titles and 'Training' in titles
  found = json.loads(out.with_suffix('.json').read_text())
  (test,) = [t for t in found['tests'] if t['score'] == 'mig']
  assert (test['pairs'], test['p'], test['exact']) == (2, 0.5, True)
  assert test['difference'] == pytest.approx(-0.5)
  assert test['p_holm'] == 1 and test['chance_a_above_b'] == 0
  told = ' '.join(found['warnings'])
  assert 'evaluation.num_train differ' in told and '0.0.1' in told
  header, *rows = out.with_suffix('.csv').read_text().splitlines()
  assert header.startswith('score,a,b,mean_a') and len(rows) == 5
  curves = pages.charts(tree)['ELBO [nats]']
  assert {row['group'] for row in curves} == {'run', 'other'}


def test_what_cannot_be_compared(small_run, other_run, tmp_path, monkeypatch):
  def refused(*arguments):
    with pytest.raises(SystemExit) as error:
      command.main([*map(str, arguments)])
    assert '\n' not in str(error.value)
    return str(error.value)

  assert 'is given twice' in refused(small_run, small_run)
  assert 'holds no run' in refused(small_run, tmp_path)
  monkeypatch.setenv('HOME', str(small_run))
  folders = small_run, '~', '~'
  for folder, name in zip(
    folders, ('report.html', 'results.html', 'config.html')
  ):
    told = refused(small_run, other_run, f'--out={folder}/{name}')
    assert 'is there already, and not of this command' in told
  results = other_run / 'results.json'
  results.write_text(results.read_text().replace('"ok"', '"stopped by a NaN"'))
  assert 'none of its members' in refused(small_run, other_run)
  assert not compare.load(other_run)[1].ok  # its own page can be drawn anew
  results.unlink()
  assert 'is not finished: it is at step 6' in refused(small_run, other_run)
  (other_run / 'error.txt').write_text('Traceback\nValueError: no\n')
  assert 'has failed: ValueError: no' in refused(other_run)
  assert 'two runs or more' in refused(small_run, '--out=a.html')


def test_more_runs_than_pairs_are_compared_with_the_first(small_run, tmp_path):
  runs = [small_run]
  for i in range(6):
    runs.append(tmp_path / f'run_{i}')
    shutil.copytree(small_run, runs[-1])
  study = compare.gather(runs)
  found = compare.figures(study)
  pairs = {(t['a'], t['b']) for t in found['tests']}
  assert pairs == {('run', f'run_{i}') for i in range(6)}
  assert not found['differing_keys'] and not found['warnings']


def test_one_seed_has_a_difference_without_an_interval(monkeypatch):
  apart = statistics.difference({0: 1.0}, {0: 0.5})
  one = differences.Test('mig', ('a', 'b'), apart, 1.0)
  monkeypatch.setattr(differences, 'tests', lambda _: [one])
  drawn = differences.section(None).content
  assert (
    '<td>0.500</td><td>1.00</td>' in drawn
  )  # then the chance, and no [–, –]


def test_a_p_value_is_never_shown_as_0(monkeypatch):
  nine = statistics.difference(by_seed(range(9)), by_seed(range(-9, 0), 20))
  assert nine.exact and nine.p == 2 / 48_620  # of C(18, 9) arrangements
  one = differences.Test('mig', ('a', 'b'), nine, nine.p)
  monkeypatch.setattr(differences, 'tests', lambda _: [one])
  assert '<td>&lt; 0.0001</td>' in differences.section(None).content


def test_the_page_of_one_run_is_drawn_anew(other_run, monkeypatch):
  page = other_run / 'report.html'
  page.unlink()
  monkeypatch.setenv('HOME', str(other_run.parent))
  restore, held = programs.restore, []

  def scored_meanwhile(experiment, folder):
    with pytest.raises(locks.Busy):  # its page would be the old one's
      run.evaluate_again(None, other_run)
    held.append(folder)
    return restore(experiment, folder)

  monkeypatch.setattr(programs, 'restore', scored_meanwhile)
  command.main([f'~/{other_run.name}'])
  assert held and pages.tree(page.read_text()).iter('h2')
