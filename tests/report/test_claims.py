"""The claims' sections: three data sets, two methods, made-up scores."""

import dataclasses
import re

import numpy as np
import pages
import pytest

from bvae_jax import losses
from bvae_jax.evaluation import records
from bvae_jax.evaluation import results as results_lib
from bvae_jax.report import study as study_page
from bvae_jax.report import study_view
from bvae_jax.report.sections.study import claims, head, scores
from configs import common

SETS = ('dsprites', 'scene3d')
METHODS = {'beta_vae': 0.0, 'beta_tcvae': 0.4}


def member(seed, beta, base):
  """MIG tells the method and beta, SAP the seed; TCs part with beta."""
  return results_lib.Member(
    seed=seed,
    hparams={'beta': beta},
    status=records.OK,
    steps=1,
    elbo={'elbo': -3.0, 'nll': 2.0, 'kl': 1.0},
    active_latents=2,
    metrics={
      'mig': base + 0.1 * beta,
      'sap': 0.1 * seed,
      'unsupervised': 0.2 * beta,
      'downstream': 0.3 + 0.1 * beta + base,
      losses.SHOWN_TC: 1 / beta,
    },
  )


@pytest.fixture(scope='module')
def study(tmp_path_factory):
  units, results = {}, {}
  for name in SETS:
    for objective, base in METHODS.items():
      unit = f'{objective}_{name}'
      config = units[unit] = common.get(objective, 'quick')
      config.dataset.name = name
      if name == 'scene3d':
        config.dataset.factor_stride = (2, 2, 2, 1, 1, 1)
      config.metrics = ('mig', 'sap', 'unsupervised', 'downstream')
      config.grid = {'beta': (1.0, 2.0)}
      results[unit] = results_lib.Results(
        objective=objective,
        dataset=results_lib.DatasetFacts(
          name, 'drawn', ('x', 'y'), (2, 2), (8, 8, 1), 4
        ),
        provenance=results_lib.Provenance.here(),
        members=tuple(
          member(seed, beta, base) for beta in (1.0, 2.0) for seed in range(3)
        ),
      )
  config = common.study('A study', 'study', units)
  return study_view.make(tmp_path_factory.mktemp('s'), config, results)


def rows(markup):
  tree = pages.tree(f'<div>{markup}</div>')
  return [[''.join(c.itertext()) for c in row] for row in tree.iter('tr')]


def test_units_of_one_method_on_several_sets_share_their_settings(study):
  found = claims.grid(study, claims.judged(study))
  assert found.data == SETS and found.scores == ('mig', 'sap')
  assert set(found.methods) == set(METHODS) and found.values.shape == (
    2, 4, 3, 2
  )  # fmt: skip
  assert np.isfinite(found.values).all()


def test_each_data_set_has_its_part_of_the_page(study):
  assert tuple(study.parts) == SETS
  for name, part in study.parts.items():
    assert set(part.methods) == set(METHODS) and part.parts == {name: part}
    assert {len(column.places) for column in part.columns} == {3}
  drawn = study_page.each(scores.section)(study)
  folds = pages.tree(f'<div>{drawn.content}</div>').findall('details')
  assert [fold.find('summary').text for fold in folds] == [*SETS]
  assert [fold.get('open') for fold in folds] == ['', None]
  assert 'beta_tcvae beta 2' in drawn.content and drawn.title == 'Scores'


def test_a_method_has_one_colour_on_all_data_sets(study):
  found = [part.everyone.colours for part in study.parts.values()]
  assert found[0] == found[1] and set(found[0]) == set(METHODS)
  whole = study.everyone.colours  # also in a chart of all sets
  assert {
    whole[f'{m}_{name}'] == found[0][m] for m in METHODS for name in SETS
  } == {True}


def test_the_parts_of_runs_keep_their_names(study):
  def answers(units):
    own = {unit: study.config['units'][unit] for unit in units}
    found = study_view.assemble(
      {**study.config, 'units': own}, study.units, study.folders,
      {unit: study.results[unit] for unit in units},
      lambda runs: {run: run for run in runs},
    )  # fmt: skip
    tree = pages.tree(f'<div>{head.answers(found)}</div>')
    return [e.text for e in tree.iter('p')]

  first, second = answers(study.results)
  assert first.startswith(
    'dsprites: Highest median MIG: 0.600 with beta_tcvae_dsprites beta 2 '
    '(3 seeds, 0.600 to 0.600); the next method has 0.200 with beta_vae_'
  )
  assert 'with beta_tcvae_scene3d beta 2' in second
  first, _ = answers([f'beta_vae_{name}' for name in SETS])
  assert first.startswith('dsprites (beta_vae_dsprites): Highest median MIG')


def test_a_score_that_a_data_set_lacks_has_no_table_of_chances(study):
  without = lambda m: dataclasses.replace(
    m, metrics={k: v for k, v in m.metrics.items() if k != 'sap'}
  )
  results = {
    unit: dataclasses.replace(own, members=tuple(map(without, own.members)))
    if unit.endswith('scene3d')
    else own
    for unit, own in study.results.items()
  }
  drawn = claims.chances(dataclasses.replace(study, results=results))
  assert 'SAP, dsprites' in drawn and 'SAP, scene3d' not in drawn


def test_no_figure_takes_data_sets_for_settings(study):
  """SAP is the seed alone, and higher by 5 on one of the sets."""
  higher = lambda m: dataclasses.replace(
    m, metrics={**m.metrics, 'sap': 5 + m.metrics['sap']}
  )
  results = {
    unit: dataclasses.replace(own, members=tuple(map(higher, own.members)))
    if unit.endswith('scene3d')
    else own
    for unit, own in study.results.items()
  }
  found = study_view.assemble(
    study.config, study.units, study.folders, results,
    lambda units: {unit: unit for unit in units},
  )  # fmt: skip
  table = rows(study_page.PAGES['seeds'].sections[1](found).content)
  assert [row[1:3] for row in table if row[0] == 'seed'] == [
    ['0.00', '1.00']
  ] * len(SETS)


def test_data_sets_of_one_name_are_told_apart(study):
  """The second one at another size; and a share held out is a method."""
  units = {**study.config['units']}
  for unit in METHODS:
    other = units[f'{unit}_scene3d']
    data = units[f'{unit}_dsprites']['dataset'] | {'image_size': 16}
    units[f'{unit}_scene3d'] = {**other, 'dataset': data}
  facts = study.results['beta_vae_dsprites'].dataset
  results = {
    unit: dataclasses.replace(result, dataset=facts)
    for unit, result in study.results.items()
  }
  found = dataclasses.replace(
    study, config={**study.config, 'units': units}, results=results
  )
  names = ('dsprites, image_size 32', 'dsprites, image_size 16')
  assert claims.grid(found, ['mig']).data == tuple(found.parts) == names
  assert np.isfinite(claims.grid(found, ['mig']).values).all()
  for unit in METHODS:
    data = units[f'{unit}_dsprites']['dataset'] | {'holdout': 0.5}
    units[f'{unit}_scene3d'] = {**units[f'{unit}_scene3d'], 'dataset': data}
  held_out = claims.grid(found, ['mig'])
  assert held_out.data == ('dsprites',) and len({*held_out.methods}) == 4


def test_variance_is_the_methods_or_the_seeds(study):
  found = {row[0]: row[1:] for row in rows(claims.variance(study))}
  # MIG is 0, 0.1 | 0.4, 0.5: variances 0.04 between methods, 0.0025 within.
  share = 100 * 0.04 / 0.0425
  assert found['objective'] == [f'{share:.1f} %', '0.0 %',
                                f'{share / 2:.1f} %', '37.0 %']  # fmt: skip
  assert found['objective and strength'][:2] == ['100.0 %', '0.0 %']
  assert found['seed'] == ['0.0 %', '100.0 %', '50.0 %', '41.0 %']
  assert found['seed, corrected'][-1] == '–'


def test_transfer_stands_beside_the_paper(study):
  _, same, other, data, both, none = rows(claims.transfer(study))
  # By SAP all settings tie: each does as well there, (1 + 2 + 3 + 4) / 16 of
  # them on MIG; what MIG chooses is the best everywhere.
  assert same == ['same score, same data set', '100.0 %', '80.7 %']
  assert other[1:] == ['81.2 %', '62.6 %'] and data[1] == '100.0 %'
  assert both[1:] == ['81.2 %', '54.9 %']
  # (4 + 1) / (2 * 4) by MIG, 1 by SAP.
  assert none == ['any, chosen at random', '81.2 %', '–']


def test_chances_compare_each_method_at_its_best(study):
  found = rows(claims.chances(study))
  assert found[0] == ['', 'beta_vae', 'beta_tcvae']
  assert found[1] == ['beta_vae', '–', '0.00[0.00, 0.50]']
  assert found[4][2].startswith('0.50[')  # of SAP, which is the seed
  assert len(found) == 2 * 2 * 3


def test_one_seed_has_no_chance_no_interval_and_no_median(study):
  first = lambda own: tuple(m for m in own.members if m.seed == 0)
  results = {
    unit: dataclasses.replace(own, members=first(own))
    for unit, own in study.results.items()
  }
  one = study_view.assemble(
    study.config, study.units, study.folders, results, study.named
  )
  assert not claims.chances(one)
  told = scores.section(one).content
  assert 'of one seed.' in told and not re.search('95 %|the bar', told)
  answer = str(head.answers(one))
  assert 'dsprites: Highest MIG: 0.600 with beta_tcvae beta 2; ' in answer


def test_dependence_and_use(study):
  found = rows(claims.dependence(study))
  assert found[1][1:] == ['6', '−1.00', '1.00']
  charts = pages.charts(pages.tree(f'<div>{claims.dependence(study)}</div>'))
  assert set(charts) == {'TC of sampled codes [nats]', 'TC of means [nats]'}
  name, first = next(iter(study.methods.items()))
  stopped = [dataclasses.replace(first.entries[0], metrics={})]
  entries = [*stopped, *first.entries[1:]]
  part = dataclasses.replace(first, entries=entries)
  some = dataclasses.replace(study, methods=study.methods | {name: part})
  told = [row[1] for row in rows(claims.dependence(some))[1:]]
  assert told == ['5', '6', '6', '6']
  used = rows(claims.downstream(study))
  assert used[1] == ['Downstream accuracy, dsprites', '12', '1.00', '0.00']
  assert len(used) == 3


def test_what_is_not_there_is_left_out(study):
  bare = [
    dataclasses.replace(m, metrics={'udr': 0.1}) for m in study.everyone.entries
  ]
  empty = dataclasses.replace(
    study,
    everyone=dataclasses.replace(study.everyone, entries=bare, scores=['udr']),
  )
  for section in (claims.variance, claims.transfer, claims.chances,
                  claims.dependence, claims.downstream):  # fmt: skip
    assert section(empty) == ''
