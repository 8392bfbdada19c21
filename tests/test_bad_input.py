"""Over 300 bad inputs: each ends in one line, and nothing is written."""

import math
import os
import subprocess
import sys

import helpers
import pytest

from bvae_jax import config as config_lib
from bvae_jax import losses, run

NAN, INF = math.nan, math.inf
COUNT = (None, 'x', '3', 1.5, -1, NAN, INF, (), (1,), {}, True, 2**31, 1j)
NUMBER = (
  None,
  'x',
  '3',
  NAN,
  INF,
  -INF,
  -1.0,
  (),
  (1.0,),
  {},
  True,
  1j,
  1e39,
  10**400,
  1e-39,
)
NAME = (None, 3, 1.5, 'nonsense', '', (), ('mlp',), {}, True)
FLAG = (None, 'x', 2, 1.5, (), {})
WRONG = {
  **dict.fromkeys(
    ('num_steps', 'batch_size', 'num_latents', 'log_every', 'checkpoint_every',
     'keep_checkpoints'),
    (*COUNT, 0),
  ),
  **dict.fromkeys(
    ('evaluation.num_train', 'evaluation.num_test', 'evaluation.num_elbo'),
    (*COUNT, 0, 10**9),
  ),
  **dict.fromkeys(
    ('members_per_program', 'member_batch',
     'evaluation.num_resamples'),
    COUNT,
  ),
  'evaluation.seed': (*COUNT[:-2], 2**32),
  'dataset.image_size': (*COUNT, 0, 20, 17),
  **dict.fromkeys(
    ('objective', 'encoder', 'decoder', 'discriminator', 'likelihood',
     'parallel', 'dataset.name', 'dataset.fit', 'evaluation.transform'),
    NAME,
  ),
  'learning_rate': (*NUMBER, 0.0, -1e-3),
  **dict.fromkeys(
    ('discriminator_rate', 'weight_decay', 'clip_norm'), (*NUMBER, -1e-3)
  ),
  'optimizer': (*NAME, 'adamw'),
  'ema_decay': (*NUMBER, -0.1, 1.0),
  'num_devices': (*COUNT, 2),
  'hparams.beta': NUMBER,
  'tensorboard': FLAG,
  'evaluation.floors': FLAG,
  'trackers': (None, 3, 'wandb', (1,), ('mlflow',), ('wandb', 'wandb')),
  'dataset.strict': FLAG,
  **dict.fromkeys(
    ('dataset.path', 'dataset.data_dir', 'dataset.image_key'),
    (None, 3, ('a',), {}),
  ),
  'dataset.factor_stride': (
    None, 'x', 3, (1,), (0, 1, 1, 1, 1), (-1, 1, 1, 1, 1), (1.5, 1, 1, 1, 1),
    ('a',) * 5, (1,) * 6,
  ),
  'dataset.channels': (None, 'x', -1, 2, 1.5, 4, (), {}),
  'seeds': (None, 3, 'x', (), (1, 1), (-1,), (1.5,), ('a',), (2**32,), (True,),
            (None,), {}),
  'metrics': (None, 3, 'mig', (1,), ('fid',), (None,), {}, ('mig', 'fid'),
              ('mig', 'mig')),
  'tied': (None, 3, 'beta', ('beta',), ('nonsense',), (1,)),
  'grid': (None, 3, 'x', {'num_steps': (1, 2)}, {1: (1.0,)}),
  'grid.beta': (None, 4.0, 'x', (NAN,), (INF,), ('a',), (1.0, 1.0), (None,), {},
                (True,), (-1.0, 1.0), (1.0, 1 + 1e-9), (1e39,)),
  'grid.learning_rate': ((0.0,), (-1.0,), ('a',)),
  'grid.weight_decay': ((-1.0,), ('a',)),
  'grid.discriminator_rate': ((0.0,), (1e-3,)),  # no adversary here
  'hparams': (None, 3, {}, {'gamma': 1.0}, {'beta': 1.0, 'gamma': 1.0}),
  'options': (None, 3, {'kind': 'i'}, {'estimator': 1}, {1: 2}),
  'schedules': (
    None, 3, {'tau': {}}, {'beta': 3}, {'beta': None}, {1: {}},
    {'beta': {'kind': 'up'}}, {'beta': {'kind': 3}}, {'beta': {'steps': 0}},
    {'beta': {'steps': 'a'}}, {'beta': {'steps': 1.5}}, {'beta': {'delay': -1}},
    {'beta': {'start': NAN}}, {'beta': {'start': None}}, {'beta': {'speed': 1}},
    {'beta': {'start': -1.0}}, {'beta': {'points': ((0, 1.0), (5, -1.0))}},
    {'learning_rate': {'start': -1.0}},
    {'beta': {'points': 3}}, {'beta': {'points': ((0, 1.0),)}},
    {'beta': {'points': ((0, 1.0), (0, 2.0))}},
    {'beta': {'points': ((0, 1.0), (5, NAN))}},
    {'beta': {'points': ((0, 1.0), (5, 2.0)), 'start': 1.0}},
    {'learning_rate': {'points': ((0, 1.0), (5, -1.0))}},
    {'weight_decay': {'points': ((0, 1.0), (5, 0.5))}},  # shares of 0
  ),
  'dataset': (None, 3, {}, {'name': 'dsprites'}, {'nonsense': 1}),
  'evaluation': (None, 3, {}, {'num_train': 5}),
}  # fmt: skip


def changed(key, value):
  """A small config in which a key holds a value of whatever type."""
  config = helpers.small_config()
  helpers.set_value(config, key, value)
  return config


def test_there_are_three_hundred():
  assert sum(map(len, WRONG.values())) + len(COMMANDS) >= 300


@pytest.mark.parametrize('key', WRONG)
def test_a_bad_value_is_one_line_and_claims_no_folder(key, tmp_path):
  for value in WRONG[key]:
    try:
      run.train_and_evaluate(changed(key, value), tmp_path / 'run')
    except (ValueError, OSError) as error:
      text = str(error)
    else:
      pytest.fail(f'{key}={value!r} is accepted')
    assert '\n' not in text and key.rpartition('.')[2] in text, (value, text)
    assert not (tmp_path / 'run').exists(), value


@pytest.mark.parametrize(
  'objective, option, message',
  [
    ('tripod', {'num_values': 1}, 'num_values=1 must be at least 2'),
    ('tripod', {'num_directions': 1}, 'num_directions=1 must be at least 2'),
    ('qlae', {'num_values': 0}, 'num_values=0 must be at least 2'),
    ('jl1_vae', {'num_columns': 7}, 'num_columns=7 must be at most 6, the num'),
    ('semi_supervised', {'num_labels': 0}, 'num_labels=0 must be at least 1'),
    ('semi_supervised', {'num_labels': 217}, 'must be at most 216, the images'),
    ('ada_gvae', {'num_changed': '9'}, 'num_changed must be 1 to 5'),
    ('ada_gvae', {'num_changed': '²'}, 'num_changed must be 1 to 5'),
    ('semi_supervised', {'kind': 'x'}, "unknown kind 'x'"),
    ('beta_tcvae', {'estimator': 'x'}, "unknown estimator 'x'"),
  ],
)
def test_an_option_that_no_step_can_be_made_of_claims_no_folder(
  objective, option, message, tmp_path
):
  config = helpers.small_config(objective)
  config.options.update(option)
  with pytest.raises(ValueError, match=message):
    run.train_and_evaluate(config, tmp_path / 'run')
  assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('objective', sorted(losses.OBJECTIVES))
def test_a_bad_hyperparameter_of_every_objective_is_named(objective):
  for name in losses.OBJECTIVES[objective].hparams:
    for value in NUMBER:
      config = helpers.small_config(objective)
      del config.hparams[name]
      config.hparams[name] = value
      with pytest.raises(config_lib.ConfigError, match=name):
        config_lib.validate(config)


CONFIGS = {
  'dict.py': 'def get_config():\n  return {{"objective": "vae"}}\n',
  'none.py': 'def get_config():\n  pass\n',
  'part.py': (
    'import ml_collections\n'
    'def get_config():\n'
    '  return ml_collections.ConfigDict(dict(objective="vae"))\n'
  ),
  'empty.py': '',
  'unknown.py': (
    'from bvae_jax import config\n'
    'def get_config():\n'
    '  return config.default_config("mine")\n'
  ),
  'syntax.py': 'def get_config(:\n',
  'raises.py': 'def get_config():\n  return 1 / 0\n',
  'table.py': 'def get_config(preset):\n  return {{}}[preset]\n',
  'imports.py': 'import nothing_of_this_name\n',
  'two.py': (
    'import sys\n'
    'sys.path.append({tests!r})\n'
    'import helpers, ml_collections\n'
    'def get_config():\n'
    '  units = dict(a=helpers.small_config(), b=helpers.small_config())\n'
    '  return ml_collections.ConfigDict(\n'
    '    dict(study="Two", page="", units=units))\n'
  ),
  'study.py': (
    'import ml_collections\n'
    'def get_config():\n'
    '  return ml_collections.ConfigDict(dict(units=dict()))\n'
  ),
  'text.txt': 'no Python at all\n',
}
# Arguments, and a part of the line that answers.
COMMANDS = [
  ('', '--config=FILE[:PRESET] is missing'),
  ('--config=', 'config'),
  ('--config=nowhere.py', 'nowhere.py'),
  ('--config=.', 'config'),
  *((f'--config={name}', 'error') for name in CONFIGS if name != 'two.py'),
  ('--config=ok.py:slow', "unknown preset 'slow'"),
  ('--config=table.py:slow', "--config: KeyError: 'slow'"),
  ('--config=unknown.py', "error: objective='mine' is unknown; valid: ada_g"),
  *(
    (f'--config=ok.py --config.{key}.x=1', f'--config.{key} is one value')
    for key in ('hparams.beta', 'encoder', 'seeds')
  ),
  ('--config=two.py --config.every.encoder.x=1', '--config.every.encoder is '),
  *(
    (
      f'--config={name}.py --config.{part}schedules.beta.kind=linear',
      f"no such config key: 'beta'; a schedule that the config lacks is given "
      f"whole, for instance --config.{part}schedules=\"{{'beta': ",
    )
    for name, part in (('ok', ''), ('two', 'every.'))
  ),
  ('--config.seeds=(4,5)', 'give --config=FILE[:PRESET] too'),
  ('--config=ok.py --config.seeds=(4,5) --config.seeds=(6,7)', 'given twice'),
  ('--config=ok.py --config.every.num_steps=1', 'the units of a study'),
  (
    '--config=two.py --config.seeds=(4,5)',
    "no such config key: 'seeds'; of all units of a study: "
    '--config.every.seeds',
  ),
  *(
    (
      f'--config={name}.py --config.{part}grid.beta=(1.,2.) '
      f'--config.{part}hparams.beta=3',
      f'--config.{part}hparams.beta has no effect: the config sweeps beta over '
      f'(1.0, 2.0); give --config.{part}grid.beta instead',
    )
    for name, part in (('ok', ''), ('two', 'every.'), ('two', 'units.b.'))
  ),
  ('--config=two.py --config.every.num_steps', 'after an equals sign'),
  ('--config=two.py --config.every.nun_steps=1', 'nun_steps'),
  ('--config=two.py --config.every.num_steps=x', 'num_steps'),
  (
    '--config=two.py --config.every.seeds=(2,2) --config.every.num_steps=7',
    'unit a: seeds=(2, 2) repeats a seed',
  ),
  ('--config=ok.py stray', 'stray argument(s): stray'),
  ('--config=ok.py run', 'stray argument(s): run; did you mean --workdir=run?'),
  ('--config=run', 'that of the run there is run/config.json'),
  ('--config=ok.py --beta=2', 'did you mean --config.hparams.beta?'),
  ('--config=ok.py --confg=ok.py', 'confg'),
  ('--config=ok.py --mode=test', 'mode'),
  ('--config=ok.py --mode=evaluate', 'holds no run'),
  ('--mode=evaluate --workdir=nowhere', 'holds no run'),
  ('--mode=evaluate', '--config=FILE[:PRESET] is missing'),
  ('--config=tcvea', 'no such config file: tcvea; did you mean tcvae?'),
  ('--config tcvae:quik', "valid: 'quick'; did you mean quick?"),
  ('--confg=ok.py', 'Did you mean: config'),
  ('--config=ok.py --log_file=ok.py/log', 'ok.py'),
  ('--config=ok.py --config.bach_size=4', 'bach_size'),
  ('--config=ok.py --config.batch_size=1.5', 'batch_size'),
  ('--config=ok.py --config.batch_size=', 'batch_size'),
  ('--config=ok.py --config.batch_size=many', 'batch_size'),
  ('--config=ok.py --config.batch_size=1e3', 'batch_size=1e3: must be a whole'),
  ('--config=ok.py --config.clip_norm=0,1', 'must be a number, like'),
  ('--config=ok.py --config.grid=beta', '.grid=beta: must be a dict, like "{'),
  ('--config=ok.py --config.beta=2', 'did you mean --config.hparams.beta?'),
  ('--config=ok.py --config.hparams.seeds=1', 'did you mean --config.seeds?'),
  (
    '--config=two.py --config.every.image_size=8',
    'did you mean --config.every.dataset.image_size?',
  ),
  ('--config=ok.py --config.seeds=x', 'seeds'),
  ('--config=ok.py --config.seeds=(1,', 'seeds=(1,: must be a tuple, like'),
  ('--config=ok.py --config.seeds=(1,1)', 'seeds'),
  ('--config=ok.py --config.hparams.tau=1', 'tau'),
  ('--config=ok.py --config.hparams.beta=nan', 'beta'),
  ('--config=ok.py --config.dataset.image_size=20', 'image_size'),
  ('--config=ok.py --config.dataset.name=mnist', 'mnist'),
  ('--config=ok.py --config.dataset.name=npz', 'path'),
  ('--config=ok.py --config.objective=gan', 'gan'),
  ('--config=ok.py --config.metrics=fid', 'metrics'),
  (
    '--config=ok.py --config.tensorboard=maybe',
    'tensorboard=maybe: must be tr',
  ),
  ('--config=ok.py --workdir=gs://bucket/run', 'local path'),
  ('--config=ok.py --workdir=', '--workdir is empty: name a folder'),
  ('--config=ok.py --workdir=ok.py', 'is a file'),
  ('--config=ok.py --workdir=ok.py/below', 'is a file'),
  ('--config=ok.py --hosts=here', '--hosts'),
  (
    '--config=ok.py --hosts=here,two,0',
    "error: --hosts='here,two,0' must be 'auto' or 'ADDRESS:PORT,COUNT,INDEX'",
  ),
  ('--config=ok.py --hosts=localhost:1,x,0', '--hosts'),
  ('--config=ok.py --hosts=localhost,1,0', '--hosts'),
  ('--config=ok.py --hosts=localhost:1,0,0', '--hosts'),
  ('--config=ok.py --hosts=localhost:1,2,2', '--hosts'),
  ('--config=ok.py --hosts=localhost:99999,1,0', '--hosts'),
]

# Every command line in a child of one process that has imported all there is.
# A child leaves at once: to take apart what is imported takes longer than the
# command.
DRIVER = """
import gc, os, sys, traceback
import pytest
from absl import app
from bvae_jax import main
gc.freeze()  # or each child, as it ends, copies all there is

def status():
  try:
    app.run(main.main, flags_parser=main.parse)
  except SystemExit as end:
    if not isinstance(end.code, str):
      return end.code or 0
    print(end.code, file=sys.stderr)
  except Exception:
    traceback.print_exc()
  return 1

for line in sys.stdin.read().splitlines():
  print(f'\\0{line}', flush=True)
  if not os.fork():
    os.dup2(1, 2)
    sys.argv = ['main', *line.split()]
    code = status()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
  print(f'\\1{os.waitstatus_to_exitcode(os.wait()[1])}', flush=True)
"""


def test_a_bad_command_is_one_line_and_writes_nothing(tmp_path):
  helpers.config_file(tmp_path / 'ok.py')
  for name, text in CONFIGS.items():
    (tmp_path / name).write_text(text.format(tests=os.path.dirname(__file__)))
  (tmp_path / 'run').mkdir()
  (tmp_path / 'run' / 'config.json').write_text('{}')
  before = sorted(tmp_path.rglob('*.*'))
  result = subprocess.run(
    [sys.executable, '-c', DRIVER], cwd=tmp_path, text=True, check=True,
    input=''.join(f'{line}\n' for line, _ in COMMANDS), capture_output=True,
    env={**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'},
  )  # fmt: skip
  answers = result.stdout.split('\0')[1:]
  assert len(answers) == len(COMMANDS)
  for (line, message), answer in zip(COMMANDS, answers):
    text, _, status = answer.partition('\1')
    last = text.strip().splitlines()[-1]
    assert int(status) == 1, (line, text)
    assert message in last and last.startswith('error: '), (line, text)
    assert 'Traceback' not in text, (line, text)
  assert sorted(tmp_path.rglob('*.*')) == before
