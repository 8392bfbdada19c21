"""The page of a study: every page is drawn, and its numbers are right."""

import csv
import dataclasses
import re

import helpers
import numpy as np
import pages
import pytest

from bvae_jax import config as config_lib
from bvae_jax import population, workdir
from bvae_jax.evaluation import codes, selection
from bvae_jax.evaluation import results as results_lib
from bvae_jax.evaluation import tables as tables_lib
from bvae_jax.report import kinds, study_view
from bvae_jax.report import study as page_lib
from bvae_jax.report.sections.study import (
  claims,
  configs,
  correlation,
  head,
  labels,
  seed,
  trade_offs,
  units,
)
from bvae_jax.studies import execute
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import programs as programs_lib
from bvae_jax.workdir import metrics_log
from configs import common
from docs import tables


def made_up(config, rng):
  """Results of a run that never was; MIG is 0.1 times the first hparam."""
  names = ('shape', 'scale', 'orientation', 'x', 'y')
  entry = lambda member: {
    'seed': member.seed,
    'hparams': member.hparams,
    'status': 'ok',
    'steps': 6,
    'elbo': {
      'elbo': -30.0,
      'nll': 20 + rng.random(),
      'kl': 2.5,
      'kl_per_latent': rng.random(config.num_latents),
    },
    'active_latents': 2,
    'metrics': {
      'mig': 0.1 * member.hparams[next(iter(config.hparams))],
      'sap': 0.1 * member.seed,
      'udr': 0.2 * (member.seed + 1),
    },
    'errors': {},
    'matrices': {'mig': rng.random((config.num_latents, 5))},
  }
  found = config_lib.plain(
    {
      'objective': config.objective,
      'dataset': {
        'name': 'dsprites',
        'description': 'sprites, <drawn>',
        'factor_names': names,
        'factor_sizes': (3, 6, 40, 32, 32),
        'image_shape': (16, 16, 1),
        'num_images': 737_280,
      },
      'members': [entry(m) for m in population.members(config)],
    }
  )
  return results_lib.Results.from_json(found)


def unit(objective, **changes):
  changes = {'seeds': (0, 1, 2), 'metrics': ('mig', 'sap', 'udr')} | changes
  return helpers.small_config(objective, **changes)


UNITS = {
  'beta_vae': unit('beta_vae', grid={'beta': (1.0, 2.0)}),
  'beta_tcvae': unit('beta_tcvae', grid={'beta': (1.0, 2.0)}),
  'dip_1': unit('dip_vae_i', hparams={'lambda_od': 1.0, 'lambda_d': 10.0}),
  'dip_2': unit('dip_vae_i', hparams={'lambda_od': 2.0, 'lambda_d': 20.0}),
}


def build(names, page='study'):
  config = common.study('A <study>', page, {n: UNITS[n] for n in names})
  rng = np.random.default_rng(0)
  return config, {n: made_up(UNITS[n], rng) for n in names}


def drawn(folder):
  page = (folder / 'report.html').read_text()
  tree = pages.tree(page)
  return tree, ' '.join(' '.join(tree.itertext()).split())


def said(element):
  return ''.join(element.itertext())


def rows_of(tree, first):
  """Cells of the first table row that begins with a text."""
  for row in tree.iter('tr'):
    cells = [''.join(cell.itertext()) for cell in row]
    if cells[0] == first:
      return cells
  raise AssertionError(f'no row {first!r}')


def test_units_that_differ_in_hyperparameters_are_one_method():
  plain = {n: config_lib.plain(c.to_dict()) for n, c in UNITS.items()}
  plain['wide'] = plain['beta_vae'] | {'num_latents': 20}
  assert kinds.methods(plain) == {
    'beta_vae': 'beta_vae',
    'wide': 'wide',
    'beta_tcvae': 'beta_tcvae',
    'dip_1': 'dip_vae_i',
    'dip_2': 'dip_vae_i',
  }
  swapped = {'beta_vae': plain['dip_1'], 'a': plain['beta_vae']}
  assert kinds.methods(swapped)['a'] == 'a'  # the other name is taken


@pytest.mark.parametrize(
  'names', [list(UNITS), ['beta_vae'], ['dip_1']], ids=len
)
@pytest.mark.parametrize('page', sorted({*page_lib.PAGES} - {'traversals'}))
def test_every_page_of_many_methods_of_one_and_of_one_setting(
  page, names, tmp_path
):
  config, results = build(names, page)
  page_lib.write(tmp_path, config, results)
  tree, words = drawn(tmp_path)
  assert 'A <study>' in words and 'sprites, <drawn>' in words
  addresses = [e.get('href') for e in tree.iter('a')]
  addresses = [a for a in addresses if not a.startswith('#')]
  assert addresses == [f'units/{name}/report.html' for name in results]
  assert 'nan' not in words.split()


def test_the_numbers_of_the_page(tmp_path):
  config, results = build(['beta_vae', 'beta_tcvae'])
  page_lib.write(tmp_path, config, results)
  tree, words = drawn(tmp_path)
  cells = rows_of(tree, 'beta_vae beta 2')
  assert cells[1:4] == ['3', '0.200 ± 0.000[0.200, 0.200]',
                        '0.100 ± 0.100[0.000, 0.348]']  # fmt: skip
  assert cells[4] == '0.400 ± 0.200'  # UDR compares the seeds
  assert 'UDR compares the seeds with each other: no interval' in words
  # MIG is the same for both methods and all seeds; SAP depends on the seed.
  assert rows_of(tree, 'method')[1:3] == ['0.00', '0.00']
  assert rows_of(tree, 'hyperparameter')[1:3] == ['1.00', '0.00']
  assert rows_of(tree, 'seed')[1:3] == ['0.00', '1.00']
  chosen = rows_of(tree, 'beta_tcvaebeta=1 seed=2')
  assert chosen[1:3] == ['0.60', '0.100 (0.150)']
  assert 'beta in {1, 2}' in words and '12, of 2 methods' in words


def test_schedules_that_are_longer_than_their_runs_are_told(tmp_path):
  long = {'schedules': {'beta': {'steps': 7}}}
  config, results = of_units(
    a=unit('beta_vae', **long),
    b=unit('beta_tcvae', **long),
    c=unit('beta_vae', schedules={'beta': {'steps': 6}}, num_latents=3),
  )
  page_lib.write(tmp_path, config, results)
  seen = study_view.make(tmp_path, config, results)
  line = (
    'schedules.beta ends at step 7, and the run at num_steps=6: no member '
    'comes to its own value of beta.'
  )
  assert configs.unfinished(seen) == [f'a, b: {line}']
  assert f'a, b: {line}' in configs.warnings(seen)
  assert f'a, b: {line}' in drawn(tmp_path)[1]


def test_methods_of_one_setting_and_two_seeds(tmp_path):
  config, results = of_units(
    a=unit('beta_vae', seeds=(0, 1)), b=unit('beta_tcvae', seeds=(0, 1))
  )
  page_lib.write(tmp_path, config, results)
  tree, words = drawn(tmp_path)
  firsts = {said(row[0]) for row in tree.iter('tr')}
  assert {'method', 'seed'} <= firsts
  assert not {'hyperparameter', 'seed, within beta_vae'} & firsts
  assert 'chance takes one' in words and 'the lines run' not in words
  # What both share is told once; a rank correlation of two members is none.
  assert words.count('seeds 0, 1') == 1 and ' All seeds 0, 1; 6 steps' in words
  (ranks,) = (f for f in tree.iter('figure') if 'UDR with' in said(f))
  assert [said(row[0]) for row in ranks.iter('tr')] == ['', 'all']


def test_the_answer_tells_what_the_best_setting_costs(tmp_path):
  """MIG is 0.1 beta; the nll of a setting is that of its own seeds."""
  config, results = build(['beta_vae', 'beta_tcvae'], 'comparison')
  nll = {
    unit: [
      float(np.median([m.elbo['nll'] for m in own.members[at : at + 3]]))
      for at in (0, 3)
    ]
    for unit, own in results.items()
  }
  low, name = min(
    (v, f'{u} beta {i + 1}') for u in nll for i, v in enumerate(nll[u])
  )
  page_lib.write(tmp_path, config, results)
  _, words = drawn(tmp_path)
  assert low != nll['beta_vae'][1], 'or there is no cost'
  assert (
    'The first pays in reconstruction: its median nll is '
    f'{nll["beta_vae"][1]:.1f} nats, the lowest {low:.1f} with '
    f'{name}, whose MIG is 0.{name[-1]}00.'
  ) in words
  # Medians that are shown as one number are one to a reader.
  level = [
    dataclasses.replace(m, elbo={**m.elbo, 'nll': 20 + 0.001 * m.seed})
    for m in results['beta_vae'].members
  ]
  results = {
    'beta_vae': dataclasses.replace(results['beta_vae'], members=tuple(level))
  }
  page_lib.write(tmp_path, build(['beta_vae'], 'comparison')[0], results)
  assert 'the first: its median nll is 20.0 nats.' in drawn(tmp_path)[1]
  page_lib.write(tmp_path, *build(['beta_vae'], 'seeds'))
  assert 'of MIG over all models, 0 % is due to the seed' in drawn(tmp_path)[1]


def test_a_data_set_that_several_units_shift_is_described_once(tmp_path):
  """As in exercise 7; the rest of each description is told."""
  config, results = build(['beta_vae', 'beta_tcvae'])
  own = results['beta_tcvae']
  shifted = dataclasses.replace(
    own.dataset, description='sprites, <drawn>; x and y go together'
  )
  results['beta_tcvae'] = dataclasses.replace(own, dataset=shifted)
  page_lib.write(tmp_path, config, results)
  words = drawn(tmp_path)[1]
  assert 'sprites, <drawn>; images of' in words
  assert words.count('x and y go together') == 1
  assert '; x and y go together' in words, 'beside its method'
  assert 'compare methods that were trained on others' not in words
  config.units.beta_tcvae.dataset = {
    **config.units.beta_tcvae.dataset,
    'correlated': ('x', 'y'),
    'sigma': 0.2,
  }
  page_lib.write(tmp_path, config, results)
  assert 'compare methods that were trained on others' in drawn(tmp_path)[1]


def test_no_term_of_the_log_chooses_a_member(tmp_path):
  """Of images without factors; total correlation rises with the seed."""
  config, results = build(['beta_vae', 'beta_tcvae'])
  for name, own in results.items():
    members = tuple(
      dataclasses.replace(m, metrics={}, elbo={**m.elbo, 'elbo': -m.seed})
      for m in own.members
    )
    results[name] = dataclasses.replace(own, members=members)
    terms = [{'total_correlation_gaussian': float(m.seed)} for m in members]
    log = tmp_path / 'units' / name / 'metrics.jsonl'
    log.parent.mkdir(parents=True)
    line = {'step': 6, 'group': 0, 'time': 1.0, 'members': terms}
    log.write_text(metrics_log.text(line))
  seen = study_view.make(tmp_path, config, results)
  views = (seen.everyone, *seen.methods.values())
  assert {v.criterion for v in views} == {'elbo'}
  assert {v.entries[v.best].seed for v in views} == {0}
  found = seen.everyone.values('total_correlation_gaussian')
  np.testing.assert_array_equal(found, [0, 1, 2] * 4)
  assert 'Highest median ELBO' in head.answers(seen) and head.cost(seen)
  config = config.copy_and_resolve_references()
  config.units.beta_tcvae.likelihood = 'gaussian'  # an ELBO of other units
  seen = study_view.make(tmp_path, config, results)
  assert head.answers(seen) == head.cost(seen) == ''
  assert 'nll and ELBO have different units' in configs.scored_apart(seen)[0]


def test_the_choice_of_a_setting_is_the_highest_median(tmp_path):
  config, results = build(['beta_vae', 'dip_1'], 'tuning')
  page_lib.write(tmp_path, config, results)
  tree, _ = drawn(tmp_path)
  bold = [e.text for e in tree.iter('strong')]
  assert 'beta_vae beta 2' in bold and 'beta_vae beta 1' not in bold
  # MIG rises with beta; SAP and UDR do not, and the first of equals is taken.
  cells = rows_of(tree, 'beta_vae')
  assert cells[1:] == ['beta 20.200', 'beta 10.100', 'beta 10.100']


def test_a_column_of_units_has_equal_decimals(tmp_path):
  config, results = build(['beta_vae', 'dip_1'], 'tuning')
  high = lambda m: dataclasses.replace(m, metrics={**m.metrics, 'mig': 20.5})
  members = tuple(map(high, results['dip_1'].members))
  results['dip_1'] = dataclasses.replace(results['dip_1'], members=members)
  drawn = units.section(study_view.make(tmp_path, config, results)).content
  found = re.findall(r'<td>([\d.]+) ±', str(drawn))
  assert '20.50' in found and '0.15' in found and '0.150' not in found


def test_the_table_of_a_page():
  _, results = build(['beta_vae', 'dip_1'])
  head, _, second, third = tables.rows(results)
  assert head == ['unit', 'setting', 'MIG', 'SAP', 'UDR', 'ELBO']
  assert second[:3] == ['beta_vae', '**beta 2**', '0.20 (0.20 to 0.20)']
  assert third[:2] == ['dip_1', ''] and third[3] == '0.10 (0.00 to 0.20)'
  text = tables.markdown([['unit', '', 'MIG'], ['vae', '', '0.10']])
  assert text == '| unit | MIG |\n|---|---|\n| vae | 0.10 |'


def test_a_setting_with_a_failed_seed_is_not_chosen():
  _, results = build(['beta_vae'])
  members = list(results['beta_vae'].members)
  assert selection.choose(members).hparams['beta'] == 2
  members[4] = dataclasses.replace(members[4], status='diverged')
  chosen = selection.choose(members)
  assert chosen.hparams['beta'] == 1 and chosen.median('mig') == 0.1
  assert selection.choose(members, 'dci') is None


def test_a_score_that_ranks_nobody_chooses_no_setting(tmp_path):
  config, results = build(['beta_vae'], 'tuning')
  one = results['beta_vae']
  members = tuple(
    dataclasses.replace(m, metrics={**m.metrics, 'unsupervised': 1.0})
    for m in one.members
  )
  results = {'beta_vae': dataclasses.replace(one, members=members)}
  page_lib.write(tmp_path, config, results)
  heads = [
    [said(cell) for cell in table.find('thead/tr')]
    for table in drawn(tmp_path)[0].iter('table')
  ]
  assert heads[0][4] == 'Gaussian total correlation [nats]'
  assert heads[1] == ['', 'MIG', 'SAP', 'UDR']


def test_shares_of_the_variance_add_up_to_one(tmp_path):
  config, results = build(list(UNITS))
  seen = study_view.make(tmp_path, config, results)
  for key in ('mig', 'sap', 'nll'):
    at = seen.everyone.keys.index(key)
    parts = [v[at] for v in seed.variance_shares(seen).values()]
    assert len(parts) == 3 and sum(parts) == pytest.approx(1)
    assert min(parts) > -1e-9


def test_the_page_says_what_is_missing(tmp_path):
  config, results = build(list(UNITS))
  for name, message in (('dip_1', 'Trace\nValueError: no\n\n'), ('dip_2', '')):
    folder = tmp_path / 'units' / name
    folder.mkdir(parents=True)
    if message:
      (folder / 'error.txt').write_text(message)
    del results[name]
  first, *rest = results['beta_vae'].members
  first = dataclasses.replace(
    first, status='stopped by a NaN', metrics={}, matrices={}
  )
  results['beta_vae'] = dataclasses.replace(
    results['beta_vae'], members=(first, *rest)
  )
  page_lib.write(tmp_path, config, results)
  _, words = drawn(tmp_path)
  assert 'dip_1 is missing from this page: ValueError: no' in words
  assert 'dip_2 is missing from this page: not done' in words
  assert 'beta_vae beta=1 seed=0: stopped by a NaN' in words


def of_units(**units):
  config = common.study('A study', 'study', units)
  rng = np.random.default_rng(0)
  return config, {n: made_up(own, rng) for n, own in units.items()}


def test_a_rate_that_is_off_is_a_setting_beside_those_where_it_is_on(tmp_path):
  config, results = of_units(
    off=unit('factor_vae'),
    on=unit('factor_vae', grid={'discriminator_rate': (1e-5, 1e-4)}),
  )
  seen = study_view.make(tmp_path, config, results)
  assert [(c.name, len(c.places)) for c in seen.columns] == [
    (f'discriminator_rate {rate}', 3) for rate in ('0', '1e-05', '0.0001')
  ]
  assert claims.grid(seen, ['sap']).values.shape == (1, 3, 3, 1)
  head, *table = csv.reader(tables_lib.csv_text(results).splitlines())
  at = head.index('discriminator_rate')
  assert {(r[0], r[at]) for r in table} == {
    ('off', '0.0'), ('on', '1e-05'), ('on', '0.0001')
  }  # fmt: skip


def test_a_model_of_two_units_counts_once(tmp_path):
  config, results = of_units(
    a=unit('beta_vae', grid={'beta': (1.0, 2.0)}),
    b=unit('beta_vae', hparams={'beta': 2.0}, seeds=(2, 3)),
  )
  seen = study_view.make(tmp_path, config, results)
  assert [len(column.places) for column in seen.columns] == [3, 4]
  assert seen.sources['beta_vae'][-1] == ('b', 1)  # seed 3
  page_lib.write(tmp_path, config, results)
  _, words = drawn(tmp_path)
  assert 'b: 1 of its members is that of another unit, and counts once' in words


def test_values_that_six_digits_do_not_tell_apart_are_two_settings(tmp_path):
  config, results = of_units(
    a=unit('beta_vae', grid={'beta': (1.0, 1.0000004)}), b=unit('beta_tcvae')
  )
  seen = study_view.make(tmp_path, config, results)
  names = [column.name for column in seen.columns]
  assert names[:2] == ['beta_vae beta 1', 'beta_vae beta 1.0000004']
  assert claims.grid(seen, ['sap']).values.shape == (1, 3, 3, 1)


def test_no_figure_has_members_of_a_method_that_failed(tmp_path):
  config, results = of_units(a=unit('beta_vae'), b=unit('beta_tcvae'))
  failed = results['a'].members
  failed = [dataclasses.replace(m, status='stopped by a NaN') for m in failed]
  results['a'] = dataclasses.replace(results['a'], members=tuple(failed))
  seen = study_view.make(tmp_path, config, results)
  assert [column.name for column in seen.columns] == ['beta_tcvae']
  nll = seen.everyone.keys.index('nll')
  found = {k: v[nll] for k, v in seed.variance_shares(seen).items()}
  assert found == {'method': 0.0, 'hyperparameter': 0.0, 'seed': 1.0}


def test_what_has_no_udr_is_in_no_median_of_what_udr_chose_from(tmp_path):
  config, results = of_units(
    a=unit('beta_vae', hparams={'beta': 1.0}),
    b=unit('beta_tcvae', hparams={'beta': 9.0}),
  )
  bare = tuple(
    dataclasses.replace(m, metrics={**m.metrics, 'udr': None})
    for m in results['b'].members
  )
  results['b'] = dataclasses.replace(
    results['b'], members=bare, evaluation={'num_train': 5}
  )
  page_lib.write(tmp_path, config, results)
  tree, words = drawn(tmp_path)
  assert rows_of(tree, 'allbeta_vae seed=2')[2] == '0.100 (0.100)'  # not 0.5
  assert 'Values of evaluation.num_train differ (a: –; b: 5)' in words


def test_a_method_without_a_kl_hides_that_of_no_other(tmp_path):
  config, results = of_units(a=unit('beta_vae'), b=unit('beta_tcvae'))
  points = tuple(
    dataclasses.replace(m, elbo={'nll': 3.0, 'variance_per_latent': [1.0] * 6})
    for m in results['a'].members
  )
  results['a'] = dataclasses.replace(results['a'], members=points)
  page_lib.write(tmp_path, config, results)
  tree, _ = drawn(tmp_path)
  head, a, b = (rows_of(tree, name) for name in ('', 'beta_vae', 'beta_tcvae'))
  at = head.index('KL to the prior [nats]')
  assert a[at] == '–' and b[at].startswith('2.500 ± 0.000')


def test_a_unit_that_is_not_done_leaves_the_others_their_colours(tmp_path):
  names = ('beta_vae', 'beta_tcvae', 'factor_vae')
  config, results = of_units(**{name: unit(name) for name in names})
  whole = study_view.make(tmp_path, config, results).everyone.colours
  del results[min(names)]
  rest = study_view.make(tmp_path, config, results).everyone.colours
  assert len(rest) == 2 and rest.items() < whole.items()


def test_two_methods_of_one_objective_have_a_line_each(tmp_path):
  shift = {'correlated': ('x', 'y'), 'sigma': 0.5}
  dataset = {**helpers.small_config().dataset, **shift}
  config, results = of_units(
    few=unit('beta_vae'),
    few_moved=unit('beta_vae', dataset=dataset),
    wide=unit('beta_vae', num_latents=8),
    wide_moved=unit('beta_vae', num_latents=8, dataset=dataset),
  )
  seen = study_view.make(tmp_path, config, results)
  figure = correlation.section(seen).content
  rows = pages.charts(pages.tree(f'<div>{figure}</div>'))['MIG']
  places = {(row['group'], row['x']) for row in rows}
  assert places == {(m, x) for m in ('few', 'wide') for x in (0.0, 2.0)}


def test_two_methods_with_labels_have_a_line_each(tmp_path):
  name = 'semi_supervised'
  options = {**unit(name).options, 'num_labels': 1000}
  config, results = of_units(
    few=unit(name),
    many=unit(name, options=options),
    wide=unit(name, num_latents=8),
  )
  seen = study_view.make(tmp_path, config, results)
  figure = labels.section(seen).content
  rows = pages.charts(pages.tree(f'<div>{figure}</div>'))['MIG']
  assert {(row['group'], row['x']) for row in rows} == {
    ('few, perfect labels', 100),
    ('few, perfect labels', 1000),
    ('wide, perfect labels', 100),
  }


def test_an_unknown_page_is_refused(tmp_path):
  config, results = build(['beta_vae'], 'posters')
  with pytest.raises(ValueError, match="page='posters' is unknown; valid: .*m"):
    page_lib.write(tmp_path, config, results)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  """A study that is run for real, the smallest there is."""
  folder = tmp_path_factory.mktemp('study')
  run = unit('beta_vae', seeds=(0, 1), grid={'beta': (1.0, 9.0)})
  config = common.study('Traversals', 'traversals', {'beta_vae': run})
  return folder, config, execute.run(config, folder)


def test_a_study_from_its_config_to_its_page(trained):
  folder, _, results = trained
  tree, words = drawn(folder)
  headings = [e.text for e in tree.iter('h3')]
  assert headings == ['beta 1', 'beta 9']
  strips = [e for e in tree.iter('img') if 'traversal of' in e.get('alt')]
  assert len(strips) == 2 * 6
  with (folder / 'results.csv').open() as file:
    assert {row['unit'] for row in csv.DictReader(file)} == set(results)
  for link in tree.iter('a'):
    address = link.get('href')
    assert address.startswith('#') or (folder / address).exists()


def test_restored_models_are_those_that_were_trained(trained):
  folder, config, results = trained
  experiment = experiment_lib.build(config.units.beta_vae)
  states = programs_lib.restore(
    experiment, workdir.Workdir(folder / 'units' / 'beta_vae')
  )
  assert states.step.tolist() == [6] * 4
  bounds = codes.bounds(experiment)(states.params)
  stored = [e['elbo']['elbo'] for e in results['beta_vae']['members']]
  np.testing.assert_allclose(bounds['elbo'], stored, rtol=1e-5)


def test_total_correlation_is_read_from_the_log(trained):
  folder, config, results = trained
  seen = study_view.make(folder, config, results)
  view = seen.methods['beta_vae']
  log = workdir.Workdir(folder / 'units' / 'beta_vae').read_log()
  found = [m['total_correlation_mss'] for m in log[-1]['members']]
  assert view.values('total_correlation_mss').tolist() == found
  shown = trade_offs.over_hparam(seen).content
  assert 'Total correlation, MSS [nats]' in shown
  assert 'Total correlation, Gaussian estimate [nats]' in shown
  assert 'Total correlation of samples by their linear correlations' in shown


def test_a_lost_checkpoint_is_named(tmp_path):
  folder = workdir.Workdir(tmp_path)
  with pytest.raises(workdir.WorkdirError, match='has no whole checkpoint'):
    programs_lib.restore(experiment_lib.build(UNITS['beta_vae']), folder)
