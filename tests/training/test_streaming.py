"""Images on the host: the same run, to the last bit, as on the device."""

import helpers
import jax
import numpy as np
import pytest

from bvae_jax import data, run, workdir
from bvae_jax.evaluation import codes, provenance
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import feed, loop
from bvae_jax.training import programs as programs_lib


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
  rng = np.random.default_rng(0)
  np.save(tmp_path / 'a.npy', rng.integers(0, 256, (40, 16, 16, 3), np.uint8))
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  # Three steps of two members and two batches of 8 images to a block.
  monkeypatch.setattr(feed, 'BLOCK_BYTES', 3 * 2 * 2 * 8 * 768)
  monkeypatch.setattr(feed, '_STEPS', (1, 256))
  return tmp_path


def config(home, storage):
  made = helpers.small_config(
    'factor_vae', seeds=(3, 5), num_steps=8, num_devices=1
  )
  made.dataset.name, made.dataset.path = 'images', str(home / 'a.npy')
  made.dataset.factor_stride, made.dataset.storage = (), storage
  return made


class Kill:
  """A hook after which nothing of a chunk is left but its checkpoint."""

  def __call__(self, chunk):
    if chunk.at == 4:
      raise KeyboardInterrupt

  def close(self):
    pass


def trained(home, storage, *hooks):
  """The experiment and the states of a run; killed and resumed with hooks."""
  settings = config(home, storage)
  experiment = experiment_lib.build(settings)
  folder = workdir.Workdir(home / storage)
  folder.open(settings)
  (program,) = programs_lib.plan(experiment, folder)
  if hooks:
    with pytest.raises(KeyboardInterrupt):
      loop.train(program, folder, hooks)
  return experiment, loop.train(program, folder)


def test_the_same_run_streamed_and_resumed(home, request):
  if helpers.passes_as_shipped(request.node.nodeid):
    return
  one, states = trained(home, 'device')
  other, streamed = trained(home, 'host', Kill())
  assert one.dataset.rows is None and other.dataset.rows is not None
  assert (states.step == 8).all()
  equal = lambda a, b: jax.tree.map(np.testing.assert_array_equal, a, b)
  equal(states, streamed)
  logs = [workdir.Workdir(home / s).read_log() for s in ('device', 'host')]
  assert [line['members'] for line in logs[0]] == [
    line['members'] for line in logs[1]
  ]
  params = states.params
  equal(codes.encoder(one)(params), codes.encoder(other)(params))
  equal(codes.bounds(one)(params), codes.bounds(other)(params))


def test_chosen_by_memory_and_by_name(home, monkeypatch):
  load = lambda storage: data.load(config(home, storage).dataset)
  assert load('auto').rows is None
  monkeypatch.setattr(data.storage.parallel, 'memory_limit', lambda: 40 * 768)
  streamed = load('auto')
  assert streamed.rows is not None and streamed.arrays == ()
  index = np.array([[3, 39], [0, 3]])
  np.testing.assert_array_equal(
    streamed.images(index), load('device').images(index)
  )
  with pytest.raises(ValueError, match="'disk' is unknown; valid: auto, dev"):
    load('disk')
  drawn = helpers.small_config()
  drawn.dataset.storage = 'host'
  with pytest.raises(ValueError, match='host has no use for .*name=dsprites'):
    data.load(drawn.dataset)


def test_images_that_moved_are_told_to_their_run(home, monkeypatch):
  old, new, other = (config(home, 'device') for _ in range(3))
  old.metrics = new.metrics = other.metrics = ()
  folder = workdir.Workdir(home / 'run')
  folder.open(old)
  (home / 'a.npy').rename(home / 'b.npy')
  new.dataset.path = str(home / 'b.npy')
  with pytest.raises(OSError, match='dataset.path: .*a.npy.* -> .*b.npy'):
    run.train_and_evaluate(new, folder.path)  # nothing tells the run's images
  provenance.same_images(folder, data.load(new.dataset))
  np.save(home / 'c.npy', 255 - np.load(home / 'b.npy'))
  other.dataset.path = str(home / 'c.npy')
  with pytest.raises(OSError, match='holds a run of other images'):
    run.train_and_evaluate(other, folder.path)
  assert folder.config().dataset.path == old.dataset.path
  np.save(home / 'a.npy', np.load(home / 'b.npy')[::-1])
  longer = config(home, 'device')
  longer.metrics, longer.num_steps = (), old.num_steps + 1
  with pytest.raises(OSError, match='or of these in another order'):
    run.train_and_evaluate(longer, folder.path)
  assert folder.config().num_steps == old.num_steps
  (home / 'a.npy').unlink()
  with pytest.raises(OSError, match='no checkpoint'):  # got so far
    run.evaluate_again(new, folder.path)

  def begun(*_):
    raise KeyboardInterrupt

  monkeypatch.setattr(run, '_train', begun)
  with pytest.raises(KeyboardInterrupt):
    run.train_and_evaluate(new, folder.path)
  assert folder.config().dataset.path == new.dataset.path
