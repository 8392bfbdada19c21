"""The page of a run: whole, honest and readable, whatever the run met."""

import dataclasses
import json
import math
import pathlib
import re
import types

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pages
import pytest
from scipy import stats

import bvae_jax
from bvae_jax import config as config_lib
from bvae_jax import data, population, report
from bvae_jax.evaluation import results as results_lib
from bvae_jax.evaluation import statistics
from bvae_jax.report import answer, markup, page
from bvae_jax.report import names as names_lib
from bvae_jax.report import traversals as traversal_lib
from bvae_jax.report import view as view_lib
from bvae_jax.report.charts import colours as colour_lib
from bvae_jax.report.sections import panels
from bvae_jax.report.sections.run import head, latents, traversals
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import step

NUM_LATENTS = 3


def make_run(dataset=None, **changes):
  """An untrained population with made-up results and log."""
  config = helpers.small_config(num_latents=NUM_LATENTS, **changes)
  experiment = experiment_lib.build(config, dataset)
  members = population.members(config)
  init = jax.vmap(lambda key: step.init(experiment, key))
  states = helpers.normal(jax.eval_shape(init, population.keys(members)))
  rng = np.random.default_rng(0)
  names = experiment.dataset.factor_names
  kl = np.array([0.5, 0.001, 2.0])
  entry = lambda i, member: {
    'seed': member.seed,
    'hparams': member.hparams,
    'status': 'ok',
    'steps': 6,
    'elbo': {'elbo': -30.0 - i, 'nll': 20 + i, 'kl': 2.5, 'kl_per_latent': kl},
    'active_latents': 2,
    'metrics': {name: 0.1 * (i + 1) for name in config.metrics},
    'matrices': {'mig': rng.random((NUM_LATENTS, len(names)))} if names else {},
  }
  shape = experiment.dataset.image_shape
  results = {
    'objective': config.objective,
    'dataset': {
      'name': experiment.dataset.name,
      'description': experiment.dataset.description,
      'factor_names': names,
      'factor_sizes': experiment.dataset.factor_sizes,
      'image_shape': shape,
      'num_images': experiment.dataset.num_images,
    },
    'members': [entry(i, m) for i, m in enumerate(members)],
  }
  line = lambda at: {
    'step': at,
    'members': [
      {'seed': m.seed, 'hparams': m.hparams, 'alive': True, 'nll': 40.0 - at,
       'kl': 0.1 * at, 'kl_per_latent': kl * at}
      for m in members
    ],
  }  # fmt: skip
  plain = lambda value: json.loads(json.dumps(config_lib.plain(value)))
  return types.SimpleNamespace(
    experiment=experiment,
    states=states,
    results=results_lib.Results.from_json(plain(results)),
    log=plain([line(at) for at in (2, 4, 6)]),
  )


def changed(results, changes):
  """The results with fields of some members, by their place, replaced."""
  members = [
    dataclasses.replace(member, **changes.get(m, {}))
    for m, member in enumerate(results.members)
  ]
  return dataclasses.replace(results, members=tuple(members))


def write(run, folder):
  """Writes the page; returns its text and its tree, which is well-formed."""
  report.write(folder, run.experiment, run.states, run.results, run.log)
  page = (folder / 'report.html').read_text()
  assert (folder / 'traversals.gif').read_bytes().startswith(b'GIF89a')
  return page, pages.tree(page)


def words(tree):
  return ' '.join(' '.join(tree.itertext()).split())


def headings(tree):
  return [e.text for e in tree.iter('h2')]


def stored(num_channels, sizes=(), names=()):
  """A few noise images, with or without factors."""
  pixels = np.random.default_rng(1).random((6, 16, 16, num_channels))
  factors = data.Grid.of(names, sizes) if names else None
  return data.Dataset(
    name='images',
    description='<images> of my own',
    factors=factors,
    image_shape=pixels.shape[1:],
    num_images=6,
    arrays=jnp.asarray(pixels, jnp.float32),
    images_fn=lambda arrays, index: arrays[index],
  )


@pytest.fixture(scope='module')
def three():
  return make_run(seeds=(0, 1, 2))


def test_page_says_what_was_trained_on_what(three, tmp_path):
  page, tree = write(three, tmp_path)
  found = words(tree)
  for fact in (
    '3 members of beta_tcvae', 'beta 6', 're-rendered procedurally',
    'learning_rate 0.001', 'mlp_small', 'shape (3 values), scale (2 values)',
    'best: seed=2', 'median: seed=1', '0.200 ± 0.100', 'z2 2.00 nats',
  ):  # fmt: skip
    assert fact in found
  assert 'Hyperparameters' not in headings(tree)
  plain = pages.without_scripts(page)
  addresses = re.findall(r'(?:src|href)="(data:|#|.{9})', plain)
  assert set(addresses) == {'data:', '#', 'explorer.'} and '@import' not in page
  assert 'http' not in plain
  assert len(page) < 3e6


def test_latents_stand_in_the_order_of_their_kl(three, tmp_path):
  _, tree = write(three, tmp_path)
  labels = [e.text for e in tree.iter('b')]
  assert labels == 2 * ['z2', 'z0', 'z1']


def test_a_sweep_has_its_curves_and_settings(tmp_path):
  dataset = stored(1, (2, 3), ('hue', '<i>'))
  run = make_run(dataset, seeds=(0, 1), grid={'beta': (1.0, 4.0, 16.0)})
  _, tree = write(run, tmp_path)
  found = words(tree)
  assert 'beta in {1, 4, 16}' in found and 'share of the seed' in found
  # Of 6 members at 3 settings that do nothing, (6 - 3) / (6 - 1) on average.
  assert (
    '0 where the setting decides, about 0.60 where it does nothing' in found
  )
  assert 'Trade-offs' in found and 'Spearman' in found
  # MIG is 0.1 to 0.6, from the first member to the last; no setting is pooled.
  assert (
    'Highest median MIG: 0.550 with beta 16 (2 seeds, 0.500 to 0.600); next '
    '0.350 with beta 4 (2 seeds, 0.300 to 0.400). Every seed of the first is '
    'above every seed of the second.'
  ) in found
  assert 'beta 1 2 0.150 ± 0.071' in found and 'median min max' not in found
  assert not any('outside' in title for title in pages.charts(tree))
  assert headings(tree)[4:6] == ['Hyperparameters', 'Agreement of the metrics']


def test_an_answer_tells_equals_and_settings_that_lost_a_seed():
  run = make_run(seeds=(0, 1), grid={'beta': (1.0, 2.0, 4.0, 8.0)})
  config = run.experiment.config
  plain = config_lib.plain(config.to_dict())

  def told(values, *failed, score='mig'):
    members = tuple(
      dataclasses.replace(
        m, metrics={score: x}, status='failed' if i in failed else m.status
      )
      for i, (m, x) in enumerate(zip(run.results.members, values, strict=True))
    )
    results = dataclasses.replace(run.results, members=members)
    view = view_lib.make(plain, population.members(config), results, [])
    return answer.sentence({'': view}, score)

  half = [0.25, 0.75, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]
  assert told(half) == (
    'Highest median MIG: 0.500 with beta 1 (2 seeds, 0.250 to 0.750); equal to '
    'it is 0.500 with beta 2 (2 seeds, 0.500 to 0.500). Their seeds overlap: '
    'it takes more of them to tell the two apart.'
  )
  # No seed's UDR is its own: that all are above tells nothing.
  assert told([0.9, 0.8, *[0.1] * 6], score='udr') == (
    'Highest median UDR: 0.850 with beta 1 (2 seeds, 0.800 to 0.900); next '
    '0.100 with beta 2 (2 seeds, 0.100 to 0.100). UDR compares the seeds with '
    'each other: no interval, no test.'
  )
  dead = dataclasses.replace(run.results.members[0], active_latents=0)
  members = (dead, *run.results.members[1:])
  run.results = dataclasses.replace(run.results, members=members)
  assert told(half).endswith(
    'Collapsed, with codes that carry nothing: 1 of 2 seeds with beta 1.'
  )
  assert told(half, 1, 2).startswith('Highest median MIG: 0.500 with beta 4 (')
  assert told(half, 1, 2).endswith(
    ' Left out, as a seed failed: beta 1, beta 2.'
  )
  assert told(half, 0, 2, 4, 7) == (
    'Left out, as a seed failed: beta 1, beta 2, beta 4 and 1 more.'
  )


def test_numbers_and_directions_for_readers():
  shown = [markup.number(v, 3) for v in (-0.0004, -0.0006, -1234.5, None)]
  assert shown == ['0.000', '−0.001', '−1,234.500', '–']
  told = names_lib.directions(
    ['mig', 'nll', 'kl', 'held_out_nll', 'held_out_kl']
  )
  assert told == (
    ' Higher is better, but lower for Reconstruction (nll); the KL is a price.'
  )
  assert names_lib.directions(['unsupervised', 'nll']).endswith(
    'lower for Gaussian total correlation and Reconstruction (nll).'
  )


def test_terms_of_one_method_are_explained_where_they_are_drawn():
  told = names_lib.meant(['kl', 'discriminator_accuracy', 'hessian_share'])
  assert told.startswith(' Discriminator accuracy: 0.5 by chance. Hessian ')
  assert 'two latents together' in told and 'may pass 1' in told


def test_traversals_tell_which_latents_are_categories():
  told = traversals.categories({'num_categories': 3}, 10)
  assert told.startswith(' z7 to z9 are the categories of one code')
  assert traversals.categories({'prior': 'normal'}, 10) == ''


def test_few_points_in_bins_tell_of_nothing():
  run = make_run()
  config = run.experiment.config
  plain = config_lib.plain(config.to_dict())
  members = population.members(config)
  told = []
  for points in (100, 10_000):
    facts = dataclasses.replace(run.results.dataset, num_points=(points, 50))
    results = dataclasses.replace(run.results, dataset=facts)
    told.append(panels.by_bins(view_lib.make(plain, members, results, [])))
  sizes = run.results.dataset.factor_sizes
  share = max(19 * (k - 1) / (2 * 100 * math.log(k)) for k in sizes)
  assert f'may seem to know about {100 * share:.0f} %' in told[0]
  assert told[0].startswith(' Of only 100 points') and told[1] == ''


def test_values_side_by_side_are_no_product():
  grid = {'beta': (1.0, 4.0), 'learning_rate': (0.1, 0.2)}
  run = make_run(seeds=(0,), grid=grid, tied=('beta', 'learning_rate'))
  config = run.experiment.config
  plain = config_lib.plain(config.to_dict())
  members = population.members(config)
  view = view_lib.make(plain, members, run.results, run.log)
  assert (
    ', beta in {1, 4} and learning_rate in {0.1, 0.2} (2 settings: some go '
    'side by side), trained for 6 steps'
  ) in head.head(view).lede
  assert not head.head(view).warnings
  view.config['schedules'] = {'beta': {'steps': 7}}  # of 6 steps
  assert 'beta ends at step 7' in head.head(view).warnings[0]


def test_few_settings_have_a_colour_each():
  """Of many, the first swept name has a ramp; its ends are the values' ends."""

  def groups(*settings):
    members = [
      population.Member(seed, dict(zip(('beta', 'gamma'), setting)))
      for setting in settings
      for seed in (0, 1)
    ]
    return view_lib._groups(members, [], population.varying(members))

  names, colours = groups((4.0, 1.0), (0.0, 2.0), (4.0, 2.0))
  assert names[::2] == ['beta 4, gamma 1', 'beta 0, gamma 2', 'beta 4, gamma 2']
  assert names[::2] == names[1::2] and len({*colours.values()}) == 3
  assert [*colours] == sorted(names[::2])
  many = [(beta, gamma) for beta in range(3) for gamma in range(3)]
  names, colours = groups(*many)
  assert colours == {
    'beta 0': colour_lib.ramp(0),
    'beta 1': colour_lib.ramp(0.5),
    'beta 2': colour_lib.ramp(1),
  }
  assert names[::6] == [*colours]
  assert groups((1.0, 5.0), (2.0, 5.0))[1] == {
    'beta 1': colour_lib.ramp(0),
    'beta 2': colour_lib.ramp(1),
  }


def test_one_member_needs_no_comparison(tmp_path):
  _, tree = write(make_run(stored(1), seeds=(7,)), tmp_path)
  assert 'the only member' in words(tree)
  assert 'median' not in words(tree.find('body'))


def test_standard_errors_stand_beside_their_scores(tmp_path):
  run = make_run(stored(1, (2, 3), ('hue', 'size')), seeds=(0, 1))
  run.experiment.config.evaluation.num_resamples = 20
  run.results = changed(run.results, {0: {'errors': {'mig': 0.025}}})
  _, tree = write(run, tmp_path)
  found = words(tree)
  assert '0.100 ± 0.025' in found and '0.200 ±' not in found
  assert '± is the standard error over 20 resamples' in found


def test_a_stopped_and_a_collapsed_member_are_marked(three, tmp_path):
  run = types.SimpleNamespace(**vars(three))
  stopped = {'status': 'stopped by a NaN', 'steps': 3, 'metrics': {'mig': None}}
  run.results = changed(three.results, {2: stopped, 0: {'active_latents': 0}})
  run.log = json.loads(json.dumps(three.log))
  for key in ('nll', 'kl', 'kl_per_latent'):
    run.log[-1]['members'][2][key] = None
  _, tree = write(run, tmp_path)
  found = words(tree)
  assert 'seed=2: stopped by a NaN after 3 steps' in found
  assert found.count('last good step and stay out of the means') == 1
  assert 'seed=0 has collapsed' in found
  assert 'best: seed=1' in found and '0.150 ± 0.071' in found
  assert '1 stopped member left out' in found and 'All 3 members' in found
  assert 'their median, without those that stopped' in found
  rows = pages.charts(tree)['KL of each latent [nats]']
  assert {r['member'] for r in rows if r.get('stopped')} == {'seed=2'}


def test_what_stopped_is_in_no_scatter_and_one_setting_has_no_share(tmp_path):
  run = make_run(seeds=(0, 1), grid={'beta': (1.0, 4.0)})
  stopped = {'status': 'stopped by a NaN', 'steps': 0}
  run.results = changed(run.results, {2: stopped, 3: stopped})
  _, tree = write(run, tmp_path)
  rows = pages.charts(tree)['MIG']  # of the last: against the nll
  assert [row['x'] for row in rows if row.get('member')] == [20, 21]
  assert words(tree).count('Members that stopped are left out') == 3
  assert 'share of the seed' not in words(tree)


def test_maps_of_both_members_have_the_same_colours(three):
  full = lambda value: {'matrices': {'mig': [[value] * 5] * NUM_LATENTS}}
  results = changed(three.results, {1: full(0.8), 2: full(0.2)})
  config = three.experiment.config
  plain = config_lib.plain(config.to_dict())
  view = view_lib.make(plain, population.members(config), results, three.log)
  maps = pages.charts(pages.tree(f'<div>{latents.matrices(view)}</div>'))
  assert {
    title: {r['share'] for r in rows} for title, rows in maps.items()
  } == {
    'MIG, best member (seed=2)': {0.25},
    'MIG, median member (seed=1)': {1.0},
  }


def _luminance(colour):
  parts = re.findall('..', colour if len(colour) == 6 else 2 * colour)
  shares = np.array([int(part, 16) for part in parts]) / 255
  linear = np.where(
    shares < 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4
  )
  return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize(
  'path', ['report/templates/style.css', 'explore/explorer.css']
)
def test_words_stand_out_in_light_and_in_dark(path):
  """At least 4.5 to 1, as WCAG 2.2 asks for at its level AA."""
  text = (pathlib.Path(bvae_jax.__file__).parent / path).read_text()
  for theme in re.findall(r'--paper.*?}', text, re.DOTALL)[:2]:
    found = dict(re.findall(r'--(\w+): #(\w+)', theme))
    grounds = [_luminance(found[k]) for k in ('paper', 'note') if k in found]
    for name in {*found} - {'paper', 'note', 'rule'}:
      for ground in grounds:
        low, high = sorted((_luminance(found[name]), ground))
        assert (high + 0.05) / (low + 0.05) >= 4.5, name


def test_members_of_a_setting_with_one_fault_share_a_line():
  run = make_run(seeds=(0, 1, 2, 3, 5), grid={'beta': (1.0, 4.0)})
  idle = {'active_latents': 0}
  stopped = lambda steps: {'status': 'stopped by a NaN', 'steps': steps}
  run.results = changed(
    run.results,
    {0: idle, 1: stopped(2), 3: stopped(4), **dict.fromkeys(range(5, 9), idle)},
  )
  config = run.experiment.config
  plain = config_lib.plain(config.to_dict())
  members = population.members(config)
  one, two, three = head.warnings(
    view_lib.make(plain, members, run.results, run.log)
  )
  assert one.startswith('beta=1 seed=0 has collapsed: its codes carry nothing')
  assert two == (
    'beta=1 seeds 1, 3: stopped by a NaN after 2 to 4 steps; their scores are '
    'those of their last good step and stay out of the means. Try a lower '
    'learning rate.'
  )
  assert three.startswith('beta=4 seeds 0 to 3 have collapsed: their codes')


@pytest.mark.parametrize('log', [True, False], ids=['empty lines', 'no log'])
def test_a_run_of_which_nothing_is_left(three, tmp_path, log):
  run = types.SimpleNamespace(**vars(three))
  bounds = dict.fromkeys(('elbo', 'nll', 'kl'))
  bounds['kl_per_latent'] = [None] * NUM_LATENTS
  stopped = {'status': 'stopped by a NaN', 'metrics': {}, 'matrices': {}}
  stopped['elbo'] = bounds
  run.results = changed(three.results, dict.fromkeys(range(3), stopped))
  nothing = {'nll': None, 'kl': None, 'kl_per_latent': None}
  run.log = [
    line | {'members': [m | nothing for m in line['members']]}
    for line in three.log
  ] * log
  _, tree = write(run, tmp_path)
  assert words(tree).count('stopped by a NaN') == 4  # a line, and three rows
  assert 'seeds 0, 1, 2: stopped by a NaN' in words(tree)
  assert words(tree).count('are in the means, as there are no others') == 1


def test_own_images_without_factors_or_metrics(tmp_path):
  run = make_run(stored(3), metrics=(), seeds=(0, 1))
  page, tree = write(run, tmp_path)
  assert '<images> of my own' in words(tree) and '<images>' not in page
  assert 'median member by ELBO' in words(tree)


def test_only_image_files_are_turned_as_their_exif_says():
  config = {'dataset': {'name': 'images', 'fit': 'pad'}}
  for source, turned in (('image files', True), ('uint8 from 0 to 255', False)):
    told = head._decoded(config, f'real images of own: 3, from {source}')
    assert 'scaled, and padded' in told and ('EXIF' in told) == turned


def test_seed_share_of_closed_forms():
  groups = [[0, 1], [2, 3]]
  assert statistics.seed_share(np.array([1.0, 1.0, 5.0, 5.0]), groups) == 0.0
  assert statistics.seed_share(np.array([1.0, 5.0, 1.0, 5.0]), groups) == 1.0
  assert statistics.seed_share(np.array([0.0, 2.0, 4.0, 6.0]), groups) == 0.2
  assert np.isnan(statistics.seed_share(np.ones(4), groups))
  assert np.isnan(statistics.seed_share(np.array([1e-200, 2e-200]), [[0, 1]]))
  # The mean of three or seven of 0.7 is none of them.
  for size in (3, 6, 7):
    equal = np.full(size, 0.7)
    assert np.isnan(statistics.seed_share(equal, [[0], range(1, size)]))


def test_spearman_agrees_with_scipy_on_ties_and_gaps():
  rng = np.random.default_rng(2)
  x, y = rng.integers(0, 5, (2, 30)).astype(float)
  assert statistics.spearman(x, y) == pytest.approx(
    stats.spearmanr(x, y).statistic
  )
  gap = np.append(x, np.nan)
  assert statistics.spearman(gap, np.append(y, 1.0)) == statistics.spearman(
    x, y
  )
  assert np.isnan(statistics.spearman(x, np.ones(30)))


def test_traversals_move_one_latent_of_the_posterior_mean(three):
  params = population.select(three.states.params, 1)
  image = traversal_lib.reference_images(three.experiment)[0]
  values = np.array([-1.0, 0.5])
  found = report.traverse(three.experiment, params, image, values)
  assert found.shape == (NUM_LATENTS, 2, 16, 16, 1)
  mean, _ = three.experiment.encode(params, image[None])
  for d in range(NUM_LATENTS):
    for s, value in enumerate(values):
      z = np.array(mean)
      z[0, d] = value
      logits = np.asarray(three.experiment.decode(params, z))[0]
      np.testing.assert_allclose(
        found[d, s], 1 / (1 + np.exp(-logits)), rtol=1e-4, atol=1e-6
      )


def test_the_traversed_image_has_every_factor_in_the_middle(three):
  dataset = three.experiment.dataset
  middle = jnp.array([[size // 2 for size in dataset.factor_sizes]])
  index = data.factors_to_index(middle, dataset.factor_sizes)
  np.testing.assert_array_equal(
    traversal_lib.reference_images(three.experiment)[:1], dataset.images(index)
  )


def test_a_picture_for_each_member_from_one_compilation(three):
  before = traversal_lib._traverse._cache_size()
  raw = [
    report.traversal_png(
      three.experiment, population.select(three.states.params, m)
    )
    for m in range(3)
  ]
  assert len(set(raw)) == 3
  assert traversal_lib._traverse._cache_size() <= before + 1
  width = int.from_bytes(raw[0][16:20]), int.from_bytes(raw[0][20:24])
  assert width == (11 * 17 - 1, 3 * 17 - 1)


def test_order_by_kl_puts_the_unknown_last():
  order = traversal_lib.order_by_kl([0.1, None, 3.0, float('nan'), 0.5])
  assert order.tolist() == [2, 4, 0, 1, 3]


def test_image_grid_places_each_image():
  images = np.arange(6).reshape(2, 3, 1, 1, 1) / 255
  found = report.image_grid(np.tile(images, (1, 1, 2, 2, 1)), pad=1)
  assert found.shape == (5, 8, 1)
  assert found[::3, ::3, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
  assert (found[2] == 128).all() and (found[:, 2::3] == 128).all()
  with pytest.raises(ValueError, match=r'\(2, 3\)'):
    report.image_grid(np.zeros((2, 3)))


def test_frames_of_the_animation_fill_their_last_line():
  rows = np.zeros((3, 4, 16, 16, 1))
  frames = traversal_lib.sweep_frames(rows, columns=2, tile=32)
  assert frames.shape == (4, 66, 66, 1)
  assert (frames[:, 34:, 34:] == 128).all() and (frames[:, :32, :32] == 0).all()


def test_the_script_of_charts_is_made_once_and_anew_where_it_is_damaged(
  tmp_path, monkeypatch
):
  bundles, make = [], page._vega.__wrapped__
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))

  def bundle(code):
    bundles.append(code)
    return f'"</script>"; {code}'

  monkeypatch.setattr(page.vl_convert, 'javascript_bundle', bundle)
  first = make()
  assert first == '(() => {"<\\/script>"; window.vegaEmbed = vegaEmbed;})();'
  assert make() == first and len(bundles) == 1
  kept = page._kept_vega()
  raw = kept.read_bytes()
  changed = raw[:-12] + bytes([raw[-12] ^ 1]) + raw[-11:]
  for count, damaged in enumerate((raw[:-9], b'', b'script', changed), 2):
    kept.write_bytes(damaged)
    assert make() == first and len(bundles) == count
    assert kept.read_bytes() == raw
  (tmp_path / 'file').touch()
  for closed in (str(tmp_path / 'file'), '~nobody-of-this-name'):
    monkeypatch.setenv('XDG_CACHE_HOME', closed)
    assert make() == first
