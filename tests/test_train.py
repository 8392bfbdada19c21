"""A run end to end: resumed, refused, frozen; equal however it is spread."""

import json
import os
import shutil
import signal
import threading

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from bvae_jax import config as config_lib
from bvae_jax import losses, parallel, population
from bvae_jax import run as run_lib
from bvae_jax import workdir as workdir_lib
from bvae_jax.evaluation import results as results_lib
from bvae_jax.metrics import _solvers
from bvae_jax.parallel import memory, threads
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import hooks, loop, monitor
from bvae_jax.training import program as program_lib
from bvae_jax.training import programs as programs_lib
from bvae_jax.workdir import locks


def run_chunk(config, layout, steps=1):
  """States and terms of a population after some steps, leaves [M, ...]."""
  members = population.members(config)
  experiment = experiment_lib.build(config)
  program = program_lib.Program(
    experiment, tuple(members), layout(len(members))
  )
  running, _, terms = program.finish(
    program.begin(program.init()), steps, steps
  )
  return program.collect(running.state), terms


def layout(mode, count, member_batch=1):
  helpers.needs_devices(count)
  devices = tuple(jax.devices()[:count])
  return lambda size: parallel.Layout(devices, mode, member_batch, size)


def assert_close(left, right, tolerance=1e-5, floor=1e-3):
  """Each leaf equal to the tolerance times its largest element (or floor)."""
  for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
    scale = max(floor, np.abs(b).max())
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


def assert_same_run(one, other):
  """Equal gradients (Adam's moments hold them) and equal terms.

  Weights are not compared: where a gradient is near 0, Adam's first steps turn
  its rounding into a whole step.
  """
  assert_close(one[0].opt_state, other[0].opt_state)
  assert_close(one[1], other[1], floor=1.0)  # nats


# One of each kind of batch and network; the losses of the rest are spread over
# devices in tests/losses.
SPREAD = {
  'ada_gvae': 8,
  'beta_tcvae': 4,
  'factor_vae': 8,
  'infogan': 8,
  'qlae': 8,
  'semi_supervised': 8,
}


@pytest.mark.parametrize('objective', sorted(losses.OBJECTIVES))
def test_one_step_moves_all_weights_on_any_number_of_devices(objective):
  config = helpers.small_config(objective)
  experiment, state, take = helpers.first_step(config)
  if objective in SPREAD:
    found = run_chunk(config, layout('members', 1))
    spread = run_chunk(config, layout('data', SPREAD[objective]))
    assert_same_run(found, spread)
    new, terms = population.select(found, 0)
  else:
    new, terms = take(state)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(terms))
  assert new.alive and int(new.step) == 1
  for name in experiment.objective.networks:
    moved = jax.tree.map(
      lambda a, b: np.abs(a - b).max(), new.params[name], state.params[name]
    )
    # Some heads have no gradient (InfoGAN's idle columns); no network is idle.
    assert max(jax.tree.leaves(moved)) == pytest.approx(1e-3, rel=0.01)


def test_every_way_to_spread_the_members_gives_one_result():
  config = helpers.small_config(seeds=tuple(range(8)))
  expected = run_chunk(config, layout('members', 1))
  for count, member_batch in ((1, 3), (3, 1)):
    found = run_chunk(config, layout('members', count, member_batch))
    assert_same_run(expected, found)


def test_members_side_by_side_on_cores_are_members_alone_to_the_bit(
  monkeypatch,
):
  config = helpers.small_config(seeds=(4, 5, 6), num_devices=1)
  of_config = lambda size: program_lib.layout(config, size, 1)
  cores = of_config(3)
  assert isinstance(cores, parallel.Cores)
  assert not isinstance(of_config(1), parallel.Cores)  # has all of them
  states, terms = run_chunk(config, of_config, steps=2)
  # On two cores: members 0 and 1, then 2 and 0, then 1 and 2.
  assert cores._turns(2, 301) == [150, 151]
  assert cores._turns(2, 99) == cores._turns(3, 99) == [99]
  for count, fewest in ((1, 50), (8, 50), (2, 1)):
    monkeypatch.setattr(parallel.Cores, 'fewest', fewest)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _, n=count: range(n))
    again = run_chunk(config, of_config, steps=2)
    jax.tree.map(np.testing.assert_array_equal, (states, terms), again)
  one = helpers.small_config(seeds=(5,), num_devices=1)
  alone = run_chunk(one, of_config, steps=2)
  among = population.select((states, terms), slice(1, 2))
  jax.tree.map(np.testing.assert_array_equal, alone, among)
  program = program_lib.make(
    experiment_lib.build(config), population.members(config)
  )
  first = program_lib.make(experiment_lib.build(one), population.members(one))
  # Three states and scratches for one, but one copy of the data.
  assert first.bytes < program.bytes <= 3 * first.bytes
  assert cores.programs_within(0.5) == 3  # of one member each


def test_accelerators_take_members_in_equal_shares_of_sixteen(monkeypatch):
  counts = (1, 3, 16, 17, 20, 33, 64)
  assert [parallel.together(n) for n in counts] == [1] * 7
  monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')
  assert [parallel.together(n) for n in counts] == [1, 3, 16, 9, 10, 11, 16]
  assert parallel.together(64, member_batch=50) == 50


def test_a_member_does_not_depend_on_its_company():
  config = helpers.small_config(seeds=(5, 3))
  config.grid.beta = (2.0, 9.0)
  config.grid.learning_rate = (1e-3, 1e-4)
  whole = run_chunk(config, layout('members', 1, 8))
  alone = helpers.small_config(seeds=(3,), learning_rate=1e-4)
  alone.hparams.beta = 9.0
  expected = run_chunk(alone, layout('members', 1))
  members = population.members(config)
  index = members.index(population.members(alone)[0])
  assert_same_run(
    population.select(whole, index), population.select(expected, 0)
  )


def test_a_chunk_is_its_steps():
  config = helpers.small_config()
  _, state, take = helpers.first_step(config)
  nll = []
  for _ in range(3):
    state, terms = take(state)
    nll.append(terms['nll'])
  states, terms = run_chunk(config, layout('members', 1), steps=3)
  assert_close(state.params, population.select(states.params, 0), 1e-4)
  np.testing.assert_allclose(terms['nll'][0], np.mean(nll), rtol=1e-5)


def test_resuming_is_bit_for_bit_the_uninterrupted_run(tmp_path, no_pages):
  config = helpers.small_config(seeds=(0, 1))
  whole = run_lib.train_and_evaluate(config, tmp_path / 'whole')
  part = tmp_path / 'part'
  folder, program = _started(part, config)
  with pytest.raises(KeyboardInterrupt):
    loop.train(program, folder, [At(4, KeyboardInterrupt)])
  assert max(x['step'] for x in folder.read_log()) == 4
  resumed = run_lib.train_and_evaluate(config, part)
  assert whole == resumed
  texts = [
    (tmp_path / name / 'results.json').read_bytes()
    for name in ('whole', 'part')
  ]
  assert texts[0] == texts[1]
  lines = [
    [
      {k: v for k, v in line.items() if k != 'time'}
      for line in workdir_lib.Workdir(tmp_path / name).read_log()
    ]
    for name in ('whole', 'part')
  ]
  assert lines[0] == lines[1]


def test_a_run_stopped_between_two_log_lines_goes_on_bit_for_bit(
  tmp_path, monkeypatch, no_pages
):
  """Whatever the chunks: of one step, or of as many as there are."""
  config = helpers.small_config(
    seeds=(0, 1), num_devices=1, log_every=6, checkpoint_every=6
  )
  run_lib.train_and_evaluate(config, tmp_path / 'whole')
  advance, calls = program_lib.Program.advance, []

  def interrupted(program, running, steps):
    calls.append(steps)
    if sum(calls) == 4:
      os.kill(os.getpid(), signal.SIGTERM)
    return advance(program, running, steps)

  monkeypatch.setattr(program_lib.Program, 'advance', interrupted)
  monkeypatch.setattr(loop, 'CHUNK_SECONDS', 1e-9)
  monkeypatch.setattr(loop, 'CHUNK_STEPS', 0)
  with pytest.raises(monitor.Interrupted, match='SIGTERM at step 4'):
    run_lib.train_and_evaluate(config, tmp_path / 'part')
  assert calls == [1] * 4
  run_lib.train_and_evaluate(config, tmp_path / 'part')
  logs, results = [], []
  for name in ('whole', 'part'):
    results.append((tmp_path / name / 'results.json').read_bytes())
    (line,) = workdir_lib.Workdir(tmp_path / name).read_log()
    logs.append({**line, 'time': None})
  assert results[0] == results[1]
  assert logs[0] == logs[1]


def test_a_population_is_split_where_that_shortens_each_devices_share():
  helpers.needs_devices(4)
  devices = tuple(jax.devices()[:4])
  split = lambda mode, members, part: parallel.Layout(
    devices, mode, 1, members
  ).programs_within(part)
  assert split('members', 8, 0.5) == 2  # two on each device, then one
  assert split('members', 4, 0.5) == 1  # one on each: nothing to gain
  assert split('members', 12, 0.4) == 3
  assert split('data', 8, 0.4) == 3
  config = helpers.small_config(seeds=(0, 1, 2), num_devices=3)
  programs_lib.check(config)
  members = population.members(config)
  last = program_lib.make(experiment_lib.build(config), members[2:])
  assert len(last.layout.devices) == 1  # of programs of two members
  config.members_per_program = 2
  with pytest.raises(ValueError, match='num_devices=3 is more than the 2 mem'):
    programs_lib.check(config)


def test_more_steps_seeds_and_values_continue_a_finished_run_bit_for_bit(
  tmp_path, monkeypatch, no_pages
):
  make = lambda steps, seeds=(0, 1, 2), values=(1.0, 2.0), **changes: (
    helpers.small_config(
      num_steps=steps, seeds=seeds, grid={'beta': values}, **changes
    )
  )
  parts = [
    (5, (1,), (2.0,)),  # between two lines
    (6, (1,), (2.0,)),
    (6, (1,), (1.0, 2.0)),
    (6, (0, 1, 2), (1.0, 2.0)),
  ]
  for name, runs in (('whole', parts[-1:]), ('parts', parts)):
    for asked in runs:
      results = run_lib.train_and_evaluate(make(*asked), tmp_path / name)
    assert results['members'][0]['steps'] == 6
  for file, members, steps in (
    ('results_5_steps.json', 1, 5),
    ('results_1_settings.json', 1, 6),
    ('results_1_seeds.json', 2, 6),
  ):
    kept = json.loads((tmp_path / 'parts' / file).read_text())['members']
    assert len(kept) == members and kept[0]['steps'] == steps
  groups = json.loads((tmp_path / 'parts' / 'groups.json').read_text())
  settings = config_lib.settings(make(6))[::-1]
  assert groups['cohorts'] == [
    *([[1], 1, [setting]] for setting in settings), [[0, 2], 1]
  ]  # fmt: skip
  one, two = (
    workdir_lib.Workdir(tmp_path / name).read_log()
    for name in ('whole', 'parts')
  )
  assert [x['members'] for x in one] == [x['members'] for x in two]
  whole, parts = (
    json.loads((tmp_path / name / 'results.json').read_text())
    for name in ('whole', 'parts')
  )
  assert whole['members'] == parts['members']
  fewer = r'num_steps: 6 -> 4\).* \(a larger --config.num_steps, or further'
  with pytest.raises(OSError, match=fewer):
    run_lib.train_and_evaluate(make(4), tmp_path / 'parts')
  fewer = (
    r'grid.beta: \[1.0, 2.0\] -> \[1.0, 4.0\]\).* or values in --config.grid'
  )
  with pytest.raises(OSError, match=fewer):
    run_lib.train_and_evaluate(make(6, values=(1.0, 4.0)), tmp_path / 'parts')
  before = {
    p: p.read_bytes() for p in tmp_path.glob('parts/*.*') if p.is_file()
  }
  with pytest.raises(OSError, match='num_steps: 6 -> 8'):
    run_lib.evaluate_again(make(8), tmp_path / 'parts')
  with pytest.raises(ValueError, match='num_devices=99, but there are'):
    run_lib.train_and_evaluate(make(8, num_devices=99), tmp_path / 'parts')

  def grows_meanwhile(*_):  # it would be scored by the config of before
    with (
      pytest.raises(locks.Busy),
      workdir_lib.Workdir(tmp_path / 'parts').lock(),
    ):
      raise AssertionError
    raise ValueError('no further')

  with monkeypatch.context() as patch:
    patch.setattr(run_lib, '_prepare', grows_meanwhile)
    with pytest.raises(ValueError, match='no further'):
      run_lib.evaluate_again(None, tmp_path / 'parts')
  shutil.rmtree(tmp_path / 'parts' / 'checkpoints')
  with pytest.raises(OSError, match='has no checkpoint; it is scored: put'):
    run_lib.evaluate_again(make(6, num_devices=99), tmp_path / 'parts')
  assert all(p.read_bytes() == raw for p, raw in before.items())


def test_a_signal_in_the_last_chunk_stops_before_the_scores(tmp_path):
  config = helpers.small_config()
  folder, program = _started(tmp_path, config)
  with pytest.raises(monitor.Interrupted, match='SIGINT at step 6'):
    loop.train(program, folder, [At(6, signal.SIGINT)])


def test_a_closed_terminal_stops_a_run_with_its_checkpoint(
  tmp_path, monkeypatch
):
  folder, program = _started(tmp_path, helpers.small_config())

  def closed(bar):
    raise OSError('Input/output error')

  monkeypatch.setattr(hooks.Progress, 'close', closed)
  before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a suite under nohup
  try:
    with pytest.raises(OSError, match='Input/output'):
      loop.train(program, folder, [At(2, signal.SIGHUP)])
  finally:
    signal.signal(signal.SIGHUP, before)
  assert program_lib.checkpoints(folder, program).steps()[0] == 4
  with pytest.MonkeyPatch.context() as patch:  # as under nohup
    patch.setattr(signal, 'getsignal', lambda number: signal.SIG_IGN)
    assert signal.SIGHUP not in monitor.numbers()


def test_a_population_whose_members_are_all_dead_stops(tmp_path):
  config = helpers.small_config(learning_rate=1e38, num_steps=1000)
  folder, program = _started(tmp_path, config)
  for _ in range(2):  # and is not trained again
    states = loop.train(program, folder)
    assert not states.alive.any()
  assert folder.read_log()[-1]['step'] <= 4


def test_a_run_without_jit_says_why_not():
  with jax.disable_jit(), pytest.raises(ValueError, match='JAX_DISABLE_JIT'):
    parallel.layout('members', 1, 8)


def test_free_memory_respects_cgroups_and_machines_that_do_not_say(
  tmp_path, monkeypatch
):
  whole = parallel.free_memory(tmp_path)
  (tmp_path / 'memory.max').write_text('max\n')
  (tmp_path / 'memory.current').write_text('5\n')
  assert parallel.free_memory(tmp_path) > 0.5 * whole
  (tmp_path / 'memory.max').write_text('105\n')
  assert parallel.free_memory(tmp_path) == 100
  (tmp_path / 'memory').mkdir()
  for name, value in (('limit', 44), ('usage', 2)):
    (tmp_path / f'memory/memory.{name}_in_bytes').write_text(str(value))
  assert parallel.free_memory(tmp_path) == 42
  assert parallel.host_memory(tmp_path) == 44
  sysconf = {'SC_PAGE_SIZE': 10, 'SC_PHYS_PAGES': 8}.__getitem__

  def macos(name):
    if name == 'SC_AVPHYS_PAGES':
      raise ValueError('unrecognized configuration name')
    return sysconf(name)

  monkeypatch.setattr(os, 'sysconf', macos)
  assert parallel.free_memory(tmp_path / 'none') == 40


@pytest.mark.parametrize('size, regions', [(5_000_000, 20_000), (5, 0)])
def test_no_arrays_of_a_call_stay(monkeypatch, size, regions):
  """A program that is kept holds what its function refers to."""
  monkeypatch.setattr(memory, '_REGIONS', regions)
  apply = jax.jit(lambda x, of: of(x), static_argnames='of')

  def run():
    stored = jnp.ones(size)
    return float(apply(2.0, of=lambda x: stored[0] * x))

  before = memory._held()
  assert memory.leaves_nothing(run)() == 2
  assert memory._held() - before < 4
  monkeypatch.setattr(memory, '_LEFT', 2 * 4 * size)
  monkeypatch.setattr(memory, '_REGIONS', 10**9)
  before = memory._held()
  assert memory.leaves_nothing(run)() == 2  # what is small stays
  assert memory._held() - before >= 4 * size
  jax.clear_caches()


def test_cores_respect_cgroups(tmp_path, monkeypatch):
  monkeypatch.setattr(os, 'sched_getaffinity', lambda _: range(8))
  assert threads.cores(tmp_path) == 8
  (tmp_path / 'cpu').mkdir()
  (tmp_path / 'cpu' / 'cpu.cfs_period_us').write_text('100000\n')
  for quota, cores in ((-1, 8), (250000, 3), (900000, 8)):
    (tmp_path / 'cpu' / 'cpu.cfs_quota_us').write_text(f'{quota}\n')
    assert threads.cores(tmp_path) == cores
  for quota, cores in (('max', 8), ('150000', 2), ('50000', 1)):
    (tmp_path / 'cpu.max').write_text(f'{quota} 100000\n')
    assert threads.cores(tmp_path) == cores


def test_calls_at_once_are_as_many_as_cores_and_half_of_the_memory_take(
  monkeypatch,
):
  monkeypatch.setattr(threads, 'cores', lambda: 8)
  monkeypatch.setattr(threads.memory, 'memory_limit', lambda: 1000)
  for scratch, most in (
    (0, 8),
    (50, 8),
    (100, 5),
    (250, 2),
    (501, 1),
    (4000, 1),
  ):
    program = parallel.Compiled(abs, scratch=scratch)
    assert threads.side_by_side(program) == most
  assert threads.side_by_side(program._replace(scratch=0, alone=True)) == 1
  program = parallel.Compiled(abs, scratch=250)
  both, seen = threading.Barrier(2, timeout=10), set()

  def squared(x):
    both.wait()  # ends only if two calls wait
    seen.add(threading.get_ident())
    return x * x

  assert [*parallel.at_once(squared, range(6), program)] == [0, 1, 4, 9, 16, 25]
  assert len(seen) == 2


def test_lapack_of_several_matrices_is_told_and_none_of_ours_needs_it():
  # Two such calls at once on a CPU wait for each other's threads, for ever.
  compiled = lambda f, *x: memory.compile_ahead(jax.jit(f), x)
  log_det = lambda x: jnp.linalg.slogdet(x)[1]
  matrices = np.tile(np.eye(3, dtype=np.float32), (4, 1, 1))
  on_cpu = jax.default_backend() == 'cpu'
  assert compiled(jax.vmap(log_det), matrices).alone == on_cpu
  assert not compiled(lambda x: lax.map(log_det, x), matrices).alone
  key, codes = jax.random.key(0), np.zeros((9, 3), np.float32)
  shown = losses.gaussian_total_correlation
  assert not compiled(shown, key, codes).alone
  fit = jax.vmap(lambda x, y: _solvers.fit_logistic(x, y, 2), (None, 0))
  assert not compiled(fit, codes, np.zeros((2, 9), np.int32)).alone


def _started(path, config):
  folder = workdir_lib.Workdir(path)
  folder.open(config)
  experiment = experiment_lib.build(config)
  return folder, programs_lib.plan(experiment, folder)[0]


class At:
  """A hook that raises an error, or sends a signal, after step `at`."""

  def __init__(self, at, what):
    self.at, self.what = at, what

  def __call__(self, chunk):
    if chunk.at == self.at and isinstance(self.what, signal.Signals):
      os.kill(os.getpid(), self.what)
    elif chunk.at == self.at:
      raise self.what

  def close(self):
    pass


def test_a_finished_run_does_no_work_and_a_changed_config_is_refused(
  small_run, tmp_path, monkeypatch
):
  folder = tmp_path / 'run'
  shutil.copytree(small_run, folder)
  config = workdir_lib.Workdir(folder).config()
  first = results_lib.Results.read(folder / 'results.json')
  monkeypatch.setattr(programs_lib, 'plan', None)
  again = run_lib.train_and_evaluate(config, folder)
  assert again == first
  config.hparams.beta = 5.0
  with pytest.raises(OSError, match=r'hparams.beta: 6.0 -> 5.0'):
    run_lib.train_and_evaluate(config, folder)


def test_a_member_that_meets_a_nan_is_frozen_and_its_neighbours_are_not(
  small_run, tmp_path, caplog, no_pages
):
  config = helpers.small_config(seeds=(0,))
  config.grid.learning_rate = (1e-3, 1e38)
  results = run_lib.train_and_evaluate(config, tmp_path)
  good, bad = results['members']
  assert good['status'] == 'ok' and good['steps'] == 6
  assert bad['status'] == 'stopped by a NaN' and bad['steps'] < 6
  assert 'learning_rate=1e+38' in caplog.text and 'frozen' in caplog.text
  whole = json.loads((small_run / 'results.json').read_text())
  alone = whole['members'][0]
  assert alone['seed'] == 0
  assert good['elbo']['nll'] == pytest.approx(alone['elbo']['nll'], rel=1e-5)
  text = (tmp_path / 'results.json').read_text()
  assert json.loads(text, parse_constant=pytest.fail)


def test_members_that_collapse_or_stop_are_warned_of_once(caplog):
  watch = hooks.Watch([f'seed={m}' for m in range(6)], 100)
  kl = np.array([[0.0, 0.001], [0.0, 1.0], *[[1.0, 1.0]] * 4])
  alive, nobody = np.ones(6, bool), np.zeros(6, bool)
  for at in (9, 10, 20):
    watch(hooks.Chunk(at, alive, nobody, {'kl_per_latent': kl}, None))
  (told,) = caplog.messages
  assert 'seed=0 collapsed by step 10: ' in told and 'lower beta' in told
  alive, kl[:] = np.arange(6) > 4, 0
  for at in (30, 40):
    watch(hooks.Chunk(at, alive, nobody, {'kl_per_latent': kl}, None))
  _, stopped, last = caplog.messages
  assert stopped.startswith('seed=0; seed=1; seed=2 and 2 more met a NaN')
  assert last.startswith('seed=5 collapsed by step 30')


def test_sigterm_checkpoints_and_says_how_to_go_on(tmp_path):
  config = helpers.small_config(checkpoint_every=100)
  folder, program = _started(tmp_path, config)
  with pytest.raises(monitor.Interrupted, match='SIGTERM at step 4'):
    loop.train(program, folder, [At(2, signal.SIGTERM)])
  assert (tmp_path / 'checkpoints' / 'group_0' / '4').is_dir()


def test_a_population_in_several_programs_gives_the_results_of_one(
  tmp_path, monkeypatch, no_pages
):
  config = helpers.small_config(seeds=(0, 1, 2), metrics=('mig', 'udr'))
  whole = run_lib.train_and_evaluate(config, tmp_path / 'whole')
  monkeypatch.setattr(parallel, 'memory_limit', lambda: 1.0)
  monkeypatch.setattr(program_lib.Program, 'bytes', 2)
  parts = run_lib.train_and_evaluate(config, tmp_path / 'parts')
  groups = sorted(p.name for p in (tmp_path / 'parts/checkpoints').iterdir())
  assert groups == ['group_0', 'group_1', 'group_2']
  assert [m['seed'] for m in parts['members']] == [0, 1, 2]
  for one, other in zip(whole['members'], parts['members'], strict=True):
    assert one['elbo']['nll'] == pytest.approx(other['elbo']['nll'], rel=1e-4)
    assert one['metrics']['udr'] == pytest.approx(
      other['metrics']['udr'], rel=1e-2
    )
  log = workdir_lib.Workdir(tmp_path / 'parts').read_log()
  assert [len(line['members']) for line in log] == [3, 3, 3]
