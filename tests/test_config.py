"""Every wrong value ends in one line that names it and what is valid."""

import helpers
import ml_collections
import pytest

from bvae_jax import config as config_lib
from bvae_jax import losses, population


@pytest.mark.parametrize('objective', sorted(losses.OBJECTIVES))
def test_the_defaults_of_every_objective_are_valid(objective):
  config_lib.validate(config_lib.default_config(objective))


def test_a_valid_config_is_not_written_out(monkeypatch):
  """YAML takes seven times as long as all checks."""
  config = config_lib.default_config('vae')
  told = lambda self: pytest.fail('written out')
  monkeypatch.setattr(ml_collections.ConfigDict, '__repr__', told)
  config_lib.validate(config)


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'objective': 'gan'}, "objective='gan' is unknown; valid: .*beta_tcvae"),
    ({'encoder': 'resnet'}, "encoder='resnet' is unknown; valid: conv_burgess"),
    ({'decoder': ''}, "decoder='' is unknown"),
    ({'likelihood': 'poisson'}, "likelihood='poisson' .*bernoulli, gaussian"),
    ({'parallel': 'model'}, "parallel='model' .*data, members"),
    ({'dataset.name': 'mnist'}, "dataset.name='mnist' .*dsprites, .*images, "),
    ({'num_steps': 0}, 'num_steps=0 must be at least 1'),
    ({'batch_size': 0}, 'batch_size=0 must be at least 1'),
    ({'num_devices': -1}, 'num_devices=-1 must not be negative'),
    ({'evaluation.num_train': 0}, 'evaluation.num_train=0'),
    ({'evaluation.num_resamples': 1}, 'evaluation.num_resamples=1'),
    ({'learning_rate': float('nan')}, 'learning_rate=nan must be a finite'),
    ({'learning_rate': -1.0}, 'learning_rate=-1.0 must be positive'),
    ({'hparams.beta': float('inf')}, 'hparams.beta=inf must be a finite'),
    ({'hparams': {'beta': 1.0, 'lambda': 2.0}}, 'hparams names lambda.*beta'),
    ({'options': {'kind': 'i'}}, 'options names kind.*estimator'),
    ({'options': {}}, 'options lacks estimator'),
    ({'seeds': ()}, 'seeds is empty'),
    ({'seeds': (1, 1)}, r'seeds=\(1, 1\) repeats a seed'),
    ({'seeds': (-1,)}, r'seeds=\(-1,\) must be integers'),
    ({'metrics': ('mig', 'fid')}, 'metrics names fid, unknown here; valid'),
    ({'grid': {'num_steps': (1, 2)}}, 'grid names num_steps.*learning_rate'),
    ({'grid': {'beta': 4.0}}, 'grid.beta=4.0 must be a tuple'),
    ({'grid': {'beta': (4.0, 4.0)}}, 'grid.beta=.* repeats a value'),
    ({'grid': {'beta': (float('nan'),)}}, 'grid.beta=nan must be a finite'),
    ({'grid': {'learning_rate': (0.0,)}}, 'grid.learning_rate=.* positive'),
    ({'tied': ('beta',)}, 'tied names beta, unknown here; valid: none'),
    (
      {
        'grid': {'beta': (1.0, 2.0), 'gamma': (1.0,)},
        'tied': ('beta', 'gamma'),
      },
      r"tied=.* two or more .* of one length; .*'beta': 2, 'gamma': 1",
    ),
    ({'grid': {'beta': (1.0,)}, 'tied': ('beta',)}, 'tied=.* two or more'),
    (
      {
        'grid': {'beta': (1.0, 1.0 + 1e-9), 'gamma': (2.0, 2.0)},
        'tied': ('beta', 'gamma'),
      },
      'tied=.*repeat a setting',
    ),
    ({'schedules': {'tau': {}}}, 'schedules names tau'),
    ({'schedules': {'beta': {'kind': 'up'}}}, "beta.kind='up' .*cosine"),
    ({'schedules': {'beta': {'steps': 0}}}, 'beta.steps=0'),
    ({'schedules': {'beta': {'speed': 1}}}, 'schedules.beta names speed'),
    ({'schedules': {'beta': 3}}, 'schedules.beta=3 must be a dict'),
    ({'schedules': {'beta': {'start': None}}}, 'beta.start=None must be a fin'),
    ({'schedules': {'beta': {'steps': '9'}}}, "beta.steps='9' .* an integer"),
    (
      {'schedules': {'learning_rate': {'start': -1.0}}},
      'learning_rate.start=-1.0 must not be negative',
    ),
    ({'num_steps': 2.5}, 'num_steps=2.5 .* an integer'),
    ({'num_steps': True}, 'num_steps=True .* an integer'),
    ({'batch_size': 10**9}, 'batch_size=1000000000 must be at most 10,000,000'),
    ({'num_latents': 10**7}, 'num_latents=10000000 must be at most 10,000'),
    ({'metrics': (1,)}, r'metrics=\(1,\) must be a tuple of names'),
    ({'metrics': ('mig,sap',)}, r"""write metrics="\('mig', 'sap'\)" for"""),
    ({'metrics': 'mig'}, "metrics='mig' must be a tuple of names"),
    ({'seeds': 3}, 'seeds=3 must be a tuple'),
    ({'encoder': ('mlp',)}, r"encoder=\('mlp',\) is unknown"),
    ({'evaluation.seed': -1}, 'evaluation.seed=-1 must not be negative'),
    ({'evaluation.seed': 2**32}, 'evaluation.seed=4294967296 must be at most'),
    ({'hparams.beta': '4'}, "hparams.beta='4' must be a finite number"),
    ({'hparams.beta': 1e39}, 'hparams.beta=1e.39 is beyond float32; give'),
    ({'evaluate_every': 2, 'evaluate_metrics': ()}, 'metrics is empty'),
    ({'options.estimator': 1}, 'options.estimator=1 must be like its default'),
  ],
)
def test_a_wrong_value_is_named(changes, message):
  config = helpers.small_config()
  for key, value in changes.items():
    helpers.set_value(config, key, value)
  with pytest.raises(config_lib.ConfigError, match=message) as caught:
    config_lib.validate(config)
  assert '\n' not in str(caught.value)


def test_members_are_the_grid_times_the_seeds():
  config = helpers.small_config(seeds=(3, 5))
  config.grid.beta = (1.0, 4.0)
  members = population.members(config)
  assert [(m.seed, m.hparams['beta']) for m in members] == [
    (3, 1.0),
    (5, 1.0),
    (3, 4.0),
    (5, 4.0),
  ]
  assert members[0].hparams['learning_rate'] == config.learning_rate
  assert population.label(members[3], members) == 'beta=4 seed=5'
  assert population.hparams(members)['beta'].tolist() == [1, 1, 4, 4]
  config.grid.beta = (1e6 + 1, 1e6 + 2)  # folders of TensorBoard have the names
  members = population.members(config)
  assert population.label(members[3], members) == 'beta=1000002 seed=5'


def test_tied_values_go_side_by_side():
  config = helpers.small_config(seeds=(3, 5))
  config.grid.beta, config.grid.gamma = (1.0, 4.0), (10.0, 20.0)
  config.grid.learning_rate = (1e-3, 1e-4)
  assert len(population.members(config)) == 16
  config.tied = ('beta', 'gamma')
  config_lib.validate(config)
  names = 'beta', 'gamma', 'learning_rate'
  found = [
    tuple(m.hparams[n] for n in names) for m in population.members(config)
  ]
  assert (
    found[::2]
    == found[1::2]
    == [(1, 10, 1e-3), (1, 10, 1e-4), (4, 20, 1e-3), (4, 20, 1e-4)]
  )
  config.grid.gamma = (10.0, 10.0)  # values may repeat, settings may not
  config_lib.validate(config)


def test_what_has_no_effect_is_told():
  def told(objective='factor_vae', **changes):
    config = helpers.small_config(objective)
    for key, value in changes.items():
      helpers.set_value(config, key.replace('__', '.'), value)
    config_lib.validate(config)
    return config_lib.idle(config)

  looks = {'log_every': 3, 'checkpoint_every': 3, 'profile': True}
  assert told() == told(evaluate_every=6, **looks) == []
  looks = {'evaluate_every': 2, 'stop_when': ('nll', 'min', 1)}
  assert told(**looks, dataset__correlated=('x', 'y'), dataset__sigma=1.0) == []
  looks = {'log_every': 6, 'checkpoint_every': 2}
  assert told(stop_when=('nll', 'min', 1), **looks) == []
  for changes, message in [
    ({'evaluate_every': 8}, 'evaluate_every=8 is above num_steps=6: no score'),
    ({'evaluate_metrics': ('sap',)}, "evaluate_metrics=('sap',) has no effect"),
    ({'stop_when': ('nll', 'min', 2)}, 'the run has 3 line(s) with nll'),
    (  # at 2, 4, 5, 6
      {'stop_when': ('nll', 'min', 3), 'checkpoint_every': 5},
      'the run has 4 line(s) with nll',
    ),
    ({'profile': True}, 'profile: nothing is traced'),
    ({'dataset__sigma': 1.0}, 'dataset.sigma=1.0 has no effect'),
    ({'metrics': (), 'evaluation__floors': True}, 'evaluation.floors has no'),
    ({'metrics': ('udr',)}, 'metrics: udr has no value: it compares seeds'),
    (
      {'hparams__kl_weight': 0.0, 'hparams__capacity': 5.0},
      'hparams.capacity has no effect: hparams.kl_weight is 0',
    ),
    (
      {'objective': 'annealed_vae', 'hparams__gamma': 0.0},
      'hparams.capacity has no effect: hparams.gamma is 0',
    ),
  ]:
    (line,) = told(**changes)
    assert message in line
