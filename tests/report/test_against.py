"""Scores against labels and correlations: their points and their lines."""

import json

import pages
import pytest

from bvae_jax import config as config_lib
from bvae_jax import population
from bvae_jax.evaluation import records
from bvae_jax.evaluation import results as results_lib
from bvae_jax.report import study_view
from bvae_jax.report.sections.study import correlation, labels, scores
from configs.exercises import correlated as correlated_config
from configs.exercises import labels as labels_config


def finished(tmp_path, config, score):
  """A study with made-up results; `score(unit name, seed)` is every score."""

  def member(unit, m):
    value = score(unit, m.seed)
    return results_lib.Member(
      m.seed, m.hparams, records.OK, 1, {'elbo': 0.0, 'nll': 0, 'kl': 0}, 2,
      {'mig': value, 'mig/x': value / 2, 'sap': 0.5, 'udr': value,
       'few_labels': -value},
    )  # fmt: skip

  results = {
    name: results_lib.Results(
      objective=unit.objective,
      dataset=results_lib.DatasetFacts('dsprites', '', ('x',), (2,), (), 2),
      provenance=results_lib.Provenance.here(),
      members=tuple(member(name, m) for m in population.members(unit)),
    )
    for name, unit in config.units.items()
  }
  return study_view.make(tmp_path, config, results)


def charts(markup):
  return pages.charts(pages.tree(f'<div>{markup}</div>'))


def at(rows, group):
  """(x, y) of a group's points and lines, in order."""
  return sorted((r['x'], r['y']) for r in rows if r['group'] == group)


def test_labels_pairs_and_a_choice(tmp_path):
  config = labels_config.get_config('quick')
  worth = {'labels_100_perfect': 0.2, 'labels_1000_perfect': 0.5}
  study = finished(
    tmp_path, config, lambda unit, seed: worth.get(unit, 0.1) + 0.1 * seed
  )
  content = labels.section(study).content
  buttons = pages.tree(f'<div>{content}</div>').iter('button')
  pressed = {button[0].tail: button.get('data-members') for button in buttons}
  assert len(pressed) == 4 and all(
    map(json.loads, pressed.values())
  )  # no lines
  found = charts(content)
  assert set(found) == {'MIG', 'SAP'}
  points = at(found['MIG'], 'perfect labels')
  mean = [(100.0, 0.3), (1000.0, 0.6)]
  for x, y in mean:
    assert [p[1] for p in points if p[0] == x] == pytest.approx(
      sorted([y - 0.1, y, y, y + 0.1])
    )
  assert len(at(found['MIG'], 'noisy labels')) == 4
  assert {y for _, y in at(found['MIG'], 'no labels, mean')} == {0.2}
  chosen = at(found['MIG'], 'no labels, chosen by UDR')
  assert {y for _, y in chosen} == {0.3}
  chosen = at(found['MIG'], 'no labels, chosen by 100 labels')
  assert {y for _, y in chosen} == {0.1}
  assert len(at(found['MIG'], 'ada_gvae_unknown')) == 2


def test_scores_fall_with_the_correlation(tmp_path):
  config = correlated_config.get_config('quick')
  study = finished(
    tmp_path,
    config,
    lambda unit, seed: float(unit.rpartition('_')[2]) / 100 + seed,
  )
  found = charts(correlation.section(study).content)
  assert set(found) == {'MIG', 'SAP', 'MIG, x'}
  strengths = [x for x, _ in at(found['MIG'], 'beta_vae')][::3]
  assert strengths == pytest.approx([0, 2.5, 5])
  assert at(found['MIG, x'], 'beta_tcvae')[-1] == (5, pytest.approx(0.6))


def colours(content):
  """{group: its colours} of the charts of some content, and of its legend."""
  found = {}
  for key, group in pages.keys(pages.tree(f'<div>{content}</div>')):
    found.setdefault(group, set()).add(key)
  return found


def test_a_method_has_one_colour_on_a_page(tmp_path):
  config = labels_config.get_config('quick')
  study = finished(tmp_path, config, lambda unit, seed: 0.1 + seed)
  here, there = (
    colours(section(study).content)
    for section in (labels.section, scores.section)
  )
  both = here.keys() & there.keys()
  assert both == {u for u in config.units if u.startswith('ada_')}
  assert {group: here[group] for group in both} == {
    group: there[group] for group in both
  }
  assert {len(found) for found in (here | there).values()} == {1}
  assert here['binned labels'] == there['labels_1000_binned']
  assert len({min(own) for own in here.values()}) == len(here)  # told apart

  config = correlated_config.get_config('quick')
  study = finished(tmp_path, config, lambda unit, seed: 0.1 + seed)
  here, there = (
    colours(section(study).content)
    for section in (correlation.section, scores.section)
  )
  assert len({min(own) for own in here.values()}) == len(here) == 4
  for group, own in here.items():
    assert {min(there[f'{group}_{sigma}']) for sigma in (0, 20, 40)} == own


def test_other_studies_have_neither(tmp_path):
  config = correlated_config.get_config('quick')
  plain = config_lib.plain(config.to_dict())
  only = {'beta_vae_0': config.units['beta_vae_0']}
  config = type(config)({**plain, 'units': only})
  study = finished(tmp_path, config, lambda unit, seed: 0.0)
  assert not labels.section(study).content
  assert not correlation.section(study).content
