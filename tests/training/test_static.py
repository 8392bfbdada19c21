"""Equal experiments share programs; those with code of one's own do not."""

import functools

import helpers
import jax
import numpy as np
import pytest
from flax import linen as nn

from bvae_jax import data, losses, models, population
from bvae_jax.trained import networks
from bvae_jax.training import batches, chunk, optimizer, program, roles
from bvae_jax.training import experiment as experiment_lib


def build(objective='vae', **changes):
  return experiment_lib.build(helpers.small_config(objective, **changes))


def trained(experiment):
  """The states of its members after three steps, on the host."""
  made = program.make(experiment, population.members(experiment.config))
  running = made.advance(made.begin(made.init()), 3)
  return jax.tree.leaves(made.collect(running.state))


def test_a_config_again_compiles_nothing_and_gives_the_same_bits(caplog):
  first = build(seeds=(0, 1))
  expected = trained(first)
  changes = {
    'hparams': {},
    'grid': {'learning_rate': (1e-3, 1e-2)},
    'num_steps': 9,
    'log_every': 3,
    'metrics': (),
    'evaluation': {'seed': 1},
  }
  config = helpers.small_config('vae')
  config.update(changes)
  second = experiment_lib.build(config)
  assert second.static is first.static
  assert not hasattr(second.static.config, 'seeds')

  with jax.log_compiles():
    found = trained(second)
  assert not [x for x in caplog.messages if x.startswith('Compiling')]
  for one, other in zip(expected, found, strict=True):
    np.testing.assert_array_equal(one[0], other[0])
    assert one.ndim < 2 or (one[1] != other[1]).any()


@pytest.mark.parametrize(
  'changes',
  [
    {'batch_size': 4},
    {'encoder': 'mlp_higgins'},
    {'num_latents': 5},
    {'likelihood': 'gaussian'},
    {'optimizer': 'lion'},
    {'clip_norm': 1.0},
    {'ema_decay': 0.9},
    {'precision': 'bfloat16'},
    {'matmul_precision': 'highest'},
    {'schedules': {'learning_rate': {'steps': 2}}},
    {'dataset': {'image_size': 32}},
    {'dataset': {'factor_stride': (1, 3, 10, 11, 16)}},
    {'dataset': {'holdout': 0.5}},
  ],
)
def test_what_programs_read_keeps_experiments_apart(changes):
  config = helpers.small_config('vae')
  config.update(changes)
  assert experiment_lib.build(config).static is not build().static


def of_mine(function):
  """The same in this module, as somebody's own would be."""
  return lambda *args, **kwargs: function(*args, **kwargs)


class Decoder(models.DECODERS['mlp_higgins']):
  """One that is derived from one of the package."""


class Trunk(nn.Module):
  """A network of one's own."""

  @nn.compact
  def __call__(self, x):
    return nn.Dense(4)(x.reshape(len(x), -1))


@pytest.mark.parametrize(
  'registry, name, make',
  [
    (losses.OBJECTIVES, 'vae', lambda x: x._replace(loss=of_mine(x.loss))),
    (losses.LIKELIHOODS, 'bernoulli', of_mine),
    (data.DATASETS, 'dsprites', of_mine),
    (models.DECODERS, 'mlp_small', lambda _: Decoder),
    (
      models.ENCODERS,
      'mlp_small',
      lambda _: functools.partial(models.Encoder, Trunk()),
    ),
    # Of the code of this package, of Flax and of JAX, but put together anew.
    (
      models.ENCODERS,
      'mlp_small',
      lambda _: functools.partial(models.Encoder, nn.remat(Trunk)()),
    ),
    (
      models.ENCODERS,
      'mlp_small',
      lambda _: functools.partial(models.Encoder, nn.Sequential([nn.relu])),
    ),
    (optimizer.OPTIMIZERS, 'adam', lambda _: optimizer.OPTIMIZERS['sgd']),
    (roles.ROLES, 'decoder', lambda x: x._replace(decays=False)),
    (batches.DRAWS, 'images', of_mine),
  ],
)
def test_what_is_ones_own_is_traced_anew(registry, name, make, monkeypatch):
  shipped = build()
  with monkeypatch.context() as patch:
    patch.setitem(registry, name, make(registry[name]))
    one, other = build(), build()
  assert one.static is not other.static
  assert one.static is one.static.static
  assert shipped.static is build().static is not one.static


def test_stored_images_of_one_shape_share_their_programs(tmp_path):
  shared = set()
  for name in ('a', 'b'):
    path = tmp_path / f'{name}.npy'
    np.save(path, np.full((9, 16, 16, 3), ord(name), np.uint8))
    for storage in ('device', 'host'):
      config = helpers.small_config('vae')
      config.dataset.update(name='images', path=str(path), storage=storage)
      config.dataset.factor_stride = ()
      shared.add(experiment_lib.build(config).static)
  assert len(shared) == 1


def test_networks_of_a_data_set_that_is_not_here_are_shared():
  config = helpers.small_config('vae')
  config.dataset.name = 'of_somebody'
  facts = networks.facts(build().dataset)
  one, other = (networks.build(config, **facts) for _ in range(2))
  assert one.static is other.static


def test_terms_have_the_types_that_jax_is_set_to():
  types = []
  for wide in (False, True, False):
    with jax.enable_x64(wide):
      types.append(
        chunk.term_shapes(build('beta_tcvae'))['total_correlation'].dtype
      )
  assert types == ['float32', 'float64', 'float32']
