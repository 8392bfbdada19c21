"""Studies: planned once, run once, resumed, gathered; failures reported."""

import csv
import fcntl
import json
import os
import shutil
import threading

import helpers
import ml_collections
import pytest

import bvae_jax
from bvae_jax import config as config_lib
from bvae_jax import losses, run
from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation import results as results_lib
from bvae_jax.evaluation import tables
from bvae_jax.studies import execute, growth, plan, unit
from bvae_jax.workdir import locks


def small_study(**units):
  """Two members, and a unit that fails: 20 does not divide 64."""
  if not units:
    broken = helpers.small_config()
    broken.dataset.image_size = 20
    units = {'broken': broken, 'works': helpers.small_config(seeds=(0, 1))}
  return ml_collections.ConfigDict(
    {'study': 'A small study', 'page': '', 'units': units}
  )


@pytest.fixture(scope='module')
def ended(tmp_path_factory):
  """A study that has run once; one of its units was held for a while."""
  workdir = tmp_path_factory.mktemp('study')
  plan.write_plan(small_study(), workdir)
  folder = plan.unit_path(workdir, 'works')
  folder.mkdir()
  taken, seen = threading.Event(), []

  def hold():
    with locks.locked(folder / locks.UNIT_LOCK, 'works', 0):
      taken.set()
      for _ in range(100):
        if plan.state(workdir, 'broken') == 'failed':
          break
        threading.Event().wait(0.1)
      seen.append(plan.status(workdir))

  holder = threading.Thread(target=hold)
  holder.start()
  taken.wait()
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(execute, '_POLL', 0.1)
    with pytest.raises(execute.Unfinished) as caught:
      execute.run(small_study(), workdir)
  holder.join()
  return workdir, seen[0], str(caught.value)


def test_a_unit_that_fails_is_reported_and_the_rest_is_done(ended):
  workdir, _, message = ended
  assert plan.status(workdir) == {'broken': 'failed', 'works': 'done'}
  assert message.startswith('1 of 2 unit(s) failed: broken (')
  assert 'image_size' in message and '\n' not in message
  error = plan.unit_path(workdir, 'broken') / 'error.txt'
  assert 'Traceback' in error.read_text()
  assert (workdir / 'report.html').exists()


def test_a_failed_unit_is_tried_again_by_the_next_command_only(tmp_path):
  study = small_study(a=helpers.small_config(), b=helpers.small_config())
  tried = []

  def executor(workdir, names):
    """Fails each, as other processes do; one that came late does nothing."""
    tried.append(names)
    for name in names:
      unit.fail(workdir, name, 'Traceback\nValueError: broken')
    assert execute.in_process(workdir, names) == {}
    return {}

  for command in (1, 2):
    with pytest.raises(execute.Unfinished, match=r'^2 of 2 .*: broken\)$'):
      execute.run(study, tmp_path, executor)
    assert tried == [['a', 'b']] * command


def test_a_unit_whose_files_are_lost_is_not_tried_for_ever(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(run, 'train_and_evaluate', lambda *_: None)
  study = small_study(a=helpers.small_config())
  with pytest.raises(execute.Unfinished, match='ended, but files that it'):
    execute.run(study, tmp_path)


def test_a_unit_of_names_unknown_here_says_how_to_name_them(tmp_path):
  with pytest.MonkeyPatch.context() as patch:
    patch.setitem(losses.OBJECTIVES, 'mine', losses.OBJECTIVES['vae'])
    study = small_study(a=helpers.small_config('mine'))
    plan.write_plan(study, tmp_path)
  told = "'mine' is unknown; .*BVAE_IMPORT"
  with pytest.raises(ValueError, match=told):
    unit.run_unit(tmp_path, 'a')
  with pytest.raises(ValueError, match=told):
    config_lib.default_config('mine')


def test_a_unit_held_elsewhere_is_waited_for_and_taken_over(ended):
  assert ended[1] == {'broken': 'failed', 'works': 'running'}


def test_the_table_holds_the_scores_of_the_results(ended):
  workdir = ended[0]
  with (workdir / 'results.csv').open() as file:
    rows = list(csv.DictReader(file))
  results = json.loads((workdir / 'results.json').read_text())
  path = plan.unit_path(workdir, 'works') / 'results.json'
  assert results == {'works': json.loads(path.read_text())}
  for entry in results['works']['members']:
    found = {
      row['metric']: float(row['value'])
      for row in rows
      if row['seed'] == str(entry['seed'])
    }
    assert found.keys() >= {'elbo', 'nll', 'kl', 'active_latents', 'mig'}
    assert found['mig'] == entry['metrics']['mig']
    assert found['elbo'] == entry['elbo']['elbo']


def test_a_study_again_does_what_is_not_done_and_no_more(ended):
  workdir = ended[0]
  results = plan.unit_path(workdir, 'works') / 'results.json'
  before = results.stat().st_mtime_ns
  asked = []

  def executor(path, names):
    asked.extend(names)
    return execute.in_process(path, names)

  with pytest.raises(execute.Unfinished):
    execute.run(small_study(), workdir, executor)
  unit.run_unit(workdir, 'works')
  assert asked == ['broken']
  assert results.stat().st_mtime_ns == before


def test_a_damaged_unit_is_scored_anew_and_another_runs_is_refused(
  ended, tmp_path
):
  workdir = tmp_path / 'study'
  shutil.copytree(ended[0], workdir)
  folder = plan.unit_path(workdir, 'works')
  whole = json.loads((folder / 'results.json').read_text())
  text = (folder / 'results.json').read_text()
  (folder / 'results.json').write_text(text.replace('"mig": 0.', '"mig": 9.'))
  with pytest.raises(execute.Unfinished):
    execute.run(small_study(), workdir)
  again = json.loads((folder / 'results.json').read_text())
  assert again['members'] == whole['members']
  gathered = json.loads((workdir / 'results.json').read_text())
  assert gathered['works']['members'] == whole['members']
  (folder / 'explorer.html').unlink()
  with locks.locked(folder / locks.UNIT_LOCK, 'works'):  # is drawing it
    execute._mend(workdir)
    assert plan.state(workdir, 'works') == 'done'
  execute._mend(workdir)
  assert plan.state(workdir, 'works') == 'todo'
  for key, value in {'num_steps': 7, 'seeds': (0, 1, 2)}.items():
    # As a mirror has it that was made before and after the run has grown.
    larger = plan.read_plan(workdir).units.works
    larger[key] = value
    with open(folder / 'config.json', 'r+') as file:
      file.write(json.dumps(config_lib.plain(larger.to_dict())))
      file.truncate()
    assert not run.is_finished(larger, folder)
  (folder / 'report.html').touch()
  config = json.loads((folder / 'config.json').read_text())
  config['seeds'] = [5, 6]
  (folder / 'config.json').write_text(json.dumps(config))
  message = r'units/works holds a run with another config \(seeds: '
  with pytest.raises(OSError, match=message):
    execute.run(small_study(), workdir)


def test_a_unit_is_not_run_by_two_processes(tmp_path, monkeypatch):
  monkeypatch.setattr(locks, 'GLANCE', 0.1)
  plan.write_plan(helpers.small_config(), tmp_path)
  assert plan.status(tmp_path) == {'run': 'todo'}
  folder = plan.unit_path(tmp_path, 'run')
  folder.mkdir()
  with locks.locked(folder / locks.UNIT_LOCK, 'run', 0):
    assert plan.status(tmp_path) == {'run': 'running'}
    with pytest.raises(locks.Busy, match=r'unit run is .* process \d+ on'):
      unit.run_unit(tmp_path, 'run')
  assert plan.status(tmp_path) == {'run': 'todo'}


def test_a_lock_ends_with_its_holder_and_a_look_hinders_none(
  tmp_path, monkeypatch
):
  # A process that is forked meanwhile shares the open file, hence the lock.
  plan.write_plan(helpers.small_config(), tmp_path)
  folder = plan.unit_path(tmp_path, 'run')
  folder.mkdir()
  flock, shared = fcntl.flock, []

  def lock(file, operation):
    shared.append(os.dup(file.fileno()))
    flock(file, operation)

  monkeypatch.setattr(locks.fcntl, 'flock', lock)
  for _ in range(2):
    assert plan.state(tmp_path, 'run') == 'todo'
    with locks.locked(folder / locks.UNIT_LOCK, 'run', 0):
      pass
  with (folder / locks.UNIT_LOCK).open() as other:
    flock(other, fcntl.LOCK_SH)
    assert plan.state(tmp_path, 'run') == 'todo'
  for copy in shared:
    os.close(copy)


def test_a_study_is_scored_again_and_an_empty_folder_is_not(ended, tmp_path):
  workdir = ended[0]
  with pytest.raises(OSError, match='no study lies there'):
    execute.evaluate_again(small_study(), tmp_path)
  study = small_study()
  study.units.works.metrics = ('irs',)
  (member, *_) = execute.evaluate_again(study, workdir)['works'].members
  assert {'mig', 'irs'} <= set(member.metrics)


def test_a_study_without_a_page_is_refused_before_it_trains(tmp_path):
  study = small_study()
  with study.unlocked():
    del study['page']
  with pytest.raises(ValueError, match='a study needs `page`'):
    plan.write_plan(study, tmp_path)


def test_a_worker_that_dies_without_a_word_is_reported(tmp_path):
  killed = lambda path, names: {name: 'killed by SIGKILL' for name in names}
  with pytest.raises(execute.Unfinished, match=r'run \(killed by SIGKILL\)'):
    execute.run(helpers.small_config(), tmp_path, killed)
  assert plan.status(tmp_path) == {'run': 'failed'}
  error = plan.unit_path(tmp_path, 'run') / 'error.txt'
  assert error.read_text() == 'killed by SIGKILL\n'


def test_a_plan_comes_back_as_it_was(tmp_path):
  config = small_study()
  plan.write_plan(config, tmp_path)
  assert plan.read_plan(tmp_path).to_dict() == config.to_dict()


@pytest.mark.parametrize(
  'units, message',
  [
    ({'a': {'batch_size': 4}, 'b': {}}, r'\(units\.a\.batch_size: 8 -> 4\)'),
    ({'a': {}}, r'\(units\.b is gone\)'),
    (
      {'a': {'metrics': ('irs',)}, 'b': {}},
      r"units\.a\.metrics: \['mig'.* -> \['irs'\]\); .* --mode=evaluate with",
    ),
    (
      {'a': {'metrics': ('irs',), 'batch_size': 4}, 'b': {}},
      'give its config, which',
    ),
    (
      {'a': {'seeds': (1, 2)}, 'b': {}},
      r'\(units\.a\.seeds: \[0\] -> \[1, 2\]\)',
    ),
    ({'a': {'units': {}}}, 'unit a: it is a study of several runs'),
    ({'a': {}, 'b/c': {}}, "unit 'b/c' must be a plain file name"),
    ({'a': {}, 'b': {'num_steps': 0}}, 'unit b: num_steps=0'),
  ],
)
def test_another_plan_is_refused(tmp_path, units, message):
  plan.write_plan(
    small_study(a=helpers.small_config(), b=helpers.small_config()), tmp_path
  )
  done_unit(tmp_path, 'a')
  before = (tmp_path / 'plan.json').read_text()
  changed = {k: helpers.small_config(**v) for k, v in units.items()}
  with pytest.raises((OSError, ValueError), match=message):
    plan.write_plan(small_study(**changed), tmp_path)
  assert (tmp_path / 'plan.json').read_text() == before


def done_unit(workdir, name):
  """A unit of a plan that has run, as far as its files tell."""
  folder = plan.unit_path(workdir, name)
  workdir_lib.Workdir(folder).open(plan.read_plan(workdir).units[name])
  for file in ('results.json', 'report.html'):
    (folder / file).write_text(name)
  return folder


def test_a_plan_grows_by_seeds_steps_values_and_units(tmp_path):
  one = helpers.small_config(num_steps=4)
  plan.write_plan(small_study(a=one, b=one, c=one, e=one), tmp_path)
  folders = {name: done_unit(tmp_path, name) for name in 'abce'}
  two = helpers.small_config(num_steps=4, seeds=(0, 7))
  long = helpers.small_config(num_steps=8)
  wide = helpers.small_config(
    num_steps=4, grid={'beta': (9.0, one.hparams.beta)}
  )
  larger = small_study(a=two, b=long, c=one, d=one, e=wide)
  plan.write_plan(larger, tmp_path)
  states = {'a': 'todo', 'b': 'todo', 'c': 'done', 'e': 'todo', 'd': 'todo'}
  assert plan.status(tmp_path) == states
  assert (folders['a'] / 'results_1_seeds.json').read_text() == 'a'
  assert (folders['b'] / 'results_4_steps.json').read_text() == 'b'
  assert (folders['e'] / 'results_1_settings.json').read_text() == 'e'
  plan.write_plan(larger, tmp_path)  # the same command again
  assert plan.read_plan(tmp_path).units.a.seeds == (0, 7)


def test_what_has_not_begun_is_mended_while_nobody_runs_it(tmp_path):
  one, other = helpers.small_config(), helpers.small_config(batch_size=4)
  plan.write_plan(small_study(a=one, b=one), tmp_path)
  done_unit(tmp_path, 'a')
  unit.fail(tmp_path, 'b', 'ValueError: no batch of 8')
  folder = plan.unit_path(tmp_path, 'b')
  with (
    locks.locked(folder / locks.UNIT_LOCK, 'b', 0),
    pytest.MonkeyPatch.context() as patch,
  ):
    patch.setattr(growth, 'GLANCE', 0.0)
    with pytest.raises(locks.Busy, match='unit b is in use by'):
      plan.write_plan(small_study(a=one, b=other), tmp_path)
  assert plan.read_plan(tmp_path).units.b.batch_size == 8
  plan.write_plan(small_study(a=one, b=other), tmp_path)
  assert plan.read_plan(tmp_path).units.b.batch_size == 4
  split = tmp_path / 'split'
  plan.write_plan(plan.with_jobs(small_study(a=one), 1), split)
  done_unit(split, 'a').rename(split / 'part')
  (split / 'units' / 'a' / 'parts').mkdir(parents=True)
  (split / 'part').rename(split / 'units' / 'a' / 'parts' / '0')
  with pytest.raises(OSError, match=r'units\.a\.batch_size: 8 -> 4'):
    plan.write_plan(plan.with_jobs(small_study(a=other), 1), split)


def test_what_cannot_grow_ends_in_one_line_and_stays(tmp_path):
  one, two = helpers.small_config(), helpers.small_config(seeds=(0, 7))
  plan.write_plan(small_study(a=one, b=one), tmp_path / 'held')
  done_unit(tmp_path / 'held', 'a')
  folder = done_unit(tmp_path / 'held', 'b')
  with (
    locks.locked(folder / locks.UNIT_LOCK, 'b', 0),
    pytest.MonkeyPatch.context() as patch,
  ):
    patch.setattr(growth, 'GLANCE', 0.0)
    with pytest.raises(locks.Busy, match='unit b is in use by'):
      plan.write_plan(small_study(a=two, b=two), tmp_path / 'held')
  split = plan.with_jobs(small_study(a=one), 1)
  plan.write_plan(split, tmp_path / 'split')
  done_unit(tmp_path / 'split', 'a')
  with pytest.raises(OSError, match=r'cannot grow \(seeds\)'):
    grown = plan.with_jobs(small_study(a=two), 1)
    plan.write_plan(grown, tmp_path / 'split')
  for name in ('held', 'split'):
    assert plan.status(tmp_path / name)['a'] == 'done'
    assert plan.read_plan(tmp_path / name).units.a.seeds == (0,)


def test_a_plan_of_before_has_the_defaults_of_new_keys(tmp_path):
  plan.write_plan(small_study(a=helpers.small_config()), tmp_path)
  path = tmp_path / 'plan.json'
  old = json.loads(path.read_text())
  del old['units']['a']['stop_when'], old['units']['a']['evaluation']['seed']
  path.write_text(json.dumps(old))
  plan.write_plan(small_study(a=helpers.small_config()), tmp_path)
  assert plan.read_plan(tmp_path).units.a.stop_when == ()


@pytest.mark.parametrize('text', ['{}', '{"units": []}', '{"units": {"a": 1}}'])
def test_a_plan_without_units_is_one_line_and_stays(tmp_path, text):
  (tmp_path / 'plan.json').write_text(text)
  for call in (
    lambda: plan.status(tmp_path),
    lambda: plan.write_plan(helpers.small_config(), tmp_path),
  ):
    with pytest.raises(OSError, match='is damaged .*no units') as caught:
      call()
    assert '\n' not in str(caught.value)
  assert (tmp_path / 'plan.json').read_text() == text


def test_keys_that_change_no_result_may_change(tmp_path):
  plan.write_plan(helpers.small_config(), tmp_path)
  plan.write_plan(helpers.small_config(num_devices=2), tmp_path)
  assert plan.read_plan(tmp_path).units.run.num_devices == 2
  done_unit(tmp_path, 'run')
  renamed = {'study': 'Another title', 'page': 'mig'}
  config = plan.as_study(helpers.small_config(), '')
  plan.write_plan(ml_collections.ConfigDict({**config, **renamed}), tmp_path)
  found = plan.read_plan(tmp_path)
  assert {key: found[key] for key in renamed} == renamed


@pytest.mark.parametrize(
  'call, message',
  [
    (lambda path: plan.status(path / 'none'), 'no study lies there'),
    (lambda path: unit.run_unit(path, 'x'), "no unit 'x' .* valid: run"),
    (
      lambda path: plan.write_plan(
        ml_collections.ConfigDict({'units': {}}), path
      ),
      'units is empty',
    ),
    (
      lambda path: execute.run(
        ml_collections.ConfigDict({'page': 'pie', 'units': {}}), path
      ),
      "page='pie' is unknown; valid: study",
    ),
    (
      lambda path: execute.run({'study': '', 'units': {}}, path / 'two'),
      'must be a ConfigDict',
    ),
    (
      lambda path: plan.write_plan(
        ml_collections.ConfigDict({'units': []}), path / 'two'
      ),
      'must be a ConfigDict',
    ),
    (
      lambda path: plan.write_plan(helpers.small_config(), path / 'one'),
      'holds a single run',
    ),
    (
      lambda path: plan.write_plan(helpers.small_config(), path / 'plan.json'),
      'is a file or a broken link',
    ),
    (
      lambda path: plan.write_plan(helpers.small_config(), 'gs://b/x'),
      'local path',
    ),
    (
      lambda path: run.train_and_evaluate(helpers.small_config(), path),
      'holds a study; choose another',
    ),
    (lambda path: run.evaluate_again(None, path), 'is a study: give its'),
    (lambda path: bvae_jax.load(path), 'of this study, units/NAME'),
  ],
)
def test_what_cannot_be_ends_in_one_line(tmp_path, call, message, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path.parent))
  plan.write_plan(helpers.small_config(), f'~/{tmp_path.name}')
  assert plan.status(f'~/{tmp_path.name}') == plan.status(tmp_path)
  workdir_lib.Workdir(tmp_path / 'one').open(helpers.small_config())
  with pytest.raises((OSError, ValueError), match=message) as caught:
    call(tmp_path)
  assert '\n' not in str(caught.value)


def test_the_tidy_table_by_hand(tmp_path):
  def result(objective, seed, hparams, mig, status='ok'):
    member = results_lib.Member(
      seed=seed,
      hparams={**hparams, 'learning_rate': 0.1},
      status=status,
      steps=1,
      elbo={'nll': 2.0, 'kl_per_latent': [1.0]},
      active_latents=1,
      metrics={'mig': mig},
      errors={'mig': 0.25},
    )
    facts = results_lib.DatasetFacts('d', 'd', (), (), (8, 8, 1), 9)
    made_with = results_lib.Provenance('1', '1', '1', 'cpu')
    return results_lib.Results(objective, facts, made_with, (member,))

  results = {
    'a': result('beta_vae', 0, {'beta': 1.0}, 0.5),
    'b': result('beta_vae', 3, {'beta': 4.0}, None, 'stopped by a NaN'),
    '=c': result('vae', 0, {}, 0.125),
  }
  assert tables.csv_text(results) == (
    'unit,objective,seed,beta,status,metric,value,error\n'
    'a,beta_vae,0,1.0,ok,nll,2.0,\n'
    'a,beta_vae,0,1.0,ok,active_latents,1,\n'
    'a,beta_vae,0,1.0,ok,mig,0.5,0.25\n'
    'b,beta_vae,3,4.0,stopped by a NaN,nll,2.0,\n'
    'b,beta_vae,3,4.0,stopped by a NaN,active_latents,1,\n'
    'b,beta_vae,3,4.0,stopped by a NaN,mig,,0.25\n'
    "'=c,vae,0,,ok,nll,2.0,\n"
    "'=c,vae,0,,ok,active_latents,1,\n"
    "'=c,vae,0,,ok,mig,0.125,0.25\n"
  )


def test_a_unit_split_by_members_is_the_same(ended, tmp_path):
  """Its parts train as jobs of their own; scores are computed together."""
  order = []

  def in_turn(workdir, names):
    order.append((names, plan.status(workdir)['works']))
    return execute.in_process(workdir, names)

  study = small_study(works=helpers.small_config(seeds=(0, 1)))
  execute.run(study, tmp_path, in_turn, members_per_job=1)
  assert order == [(['works@0', 'works@1'], 'waiting'), (['works'], 'todo')]
  assert study.units.works.members_per_program == 0  # the caller's, untouched
  split, whole = (
    json.loads((folder / 'units' / 'works' / 'results.json').read_text())
    for folder in (tmp_path, ended[0])
  )
  assert split['dataset'] == whole['dataset']
  for one, other in zip(split['members'], whole['members'], strict=True):
    for name, value in one['elbo'].items():
      assert value == pytest.approx(other['elbo'][name], rel=1e-5), name
    # The other run may have been scored again meanwhile, with more metrics.
    for name, value in one['metrics'].items():
      assert value == pytest.approx(other['metrics'][name], rel=1e-5), name
  folder = plan.unit_path(tmp_path, 'works')
  assert plan.finished(tmp_path) == ['works']  # a part is no run to look at
  assert len(workdir_lib.Workdir(folder).read_log()[-1]['members']) == 2
  assert list((folder / 'traversals').glob('step_*.png'))
  unit.run_unit(tmp_path, 'works@1')  # done, whatever was moved away
  with pytest.raises(ValueError, match='no unit .works@2. in the plan; valid'):
    unit.run_unit(tmp_path, 'works@2')
