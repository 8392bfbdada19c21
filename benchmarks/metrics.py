"""The metric suite beside scikit-learn code of the 2019 study's protocol.

    python -m benchmarks.metrics --only=mig,sap --json=metrics.json
    python -m benchmarks.metrics --slow          # also the hour-long references
    python -m benchmarks.metrics --members=8     # populations: time and memory

One made-up representation of the dSprites grid (737,280 points, 10 latents:
aligned, mixed, non-linear, collapsed) is scored by both in the same process.
The reference is the one that the tests compare values with. BetaVAE, FactorVAE
and fairness scores draw their own points, so that they agree up to sampling.
"""

import pathlib
import resource
import statistics
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from benchmarks import timing
from bvae_jax import metrics

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tests' / 'metrics'))

import metrics_reference as reference  # noqa: E402

SIZES = (3, 6, 40, 32, 32)
NUM_LABELS = (10, 100, 1_000, 10_000)

FLAGS = flags.FLAGS
flags.DEFINE_list('only', None, 'Metrics to run; by default all of one model.')
flags.DEFINE_bool('slow', False, 'Run the references that take minutes too.')
flags.DEFINE_integer('points', 10_000, 'Training points; half as many to test.')
flags.DEFINE_integer('members', 0, 'Also time a population of this size.')
flags.DEFINE_string('json', None, 'Where to write the table.')

# What the reference looks at, and whether it takes minutes.
REFERENCES = {
  'beta_vae_score': (
    lambda s: reference.beta_vae_score(s.code_table, SIZES),
    False,
  ),
  'factor_vae_score': (
    lambda s: reference.factor_vae_score(s.code_table, SIZES),
    False,
  ),
  'mig': (lambda s: reference.mig(*s[:2]), False),
  'dci': (lambda s: reference.dci(*s[:4]), True),
  'sap': (lambda s: reference.sap(*s[:4]), False),
  'modularity_explicitness': (
    lambda s: reference.modularity_explicitness(*s[:4]),
    False,
  ),
  'irs': (lambda s: reference.irs(*s[:2]), False),
  'infomec': (lambda s: reference.infomec(*s[:2]), False),
  'unsupervised': (lambda s: reference.unsupervised(s.codes), False),
  'downstream': (
    # Ten labels leave classes out of folds, which scikit-learn refuses.
    lambda s: reference.downstream(*s[:4], NUM_LABELS[1:]),
    True,
  ),
  'fairness': (lambda s: reference.fairness(*s[:2], s.code_table, SIZES), True),
}


def make_sample(num_points: int, seed: int = 0) -> metrics.Sample:
  """A representation of the dSprites grid and points drawn from it."""
  random = np.random.RandomState(seed)
  grid = np.stack(np.unravel_index(np.arange(np.prod(SIZES)), SIZES), 1)
  shape, scale, _, x, y = 3 * (grid / np.array(SIZES) - 0.5).T
  angle = 2 * np.pi * grid[:, 2] / 39
  latents = [
    x + 0.3 * np.sin(2 * y),
    y,
    scale + 0.4 * (shape > 0),
    np.cos(angle),
    np.sin(angle) + 0.3 * shape,
    0.4 * x * shape,
    np.zeros_like(x),
    0.02 * x,
    np.zeros_like(x),
    0.5 * scale * shape,
  ]
  std = np.array([0.1, 0.1, 0.2, 0.2, 0.1, 0.3, 0.02, 0.01, 0.3, 0.2])
  table = np.stack(latents, 1) + std * random.randn(len(grid), len(std))
  table = table.astype(np.float32)
  rows = random.randint(len(grid), size=num_points * 3 // 2)
  train, test = rows[:num_points], rows[num_points:]
  factors = grid.astype(np.int32)
  logvars = np.broadcast_to(2 * np.log(std), table.shape).astype(np.float32)
  return metrics.Sample(
    table[train], factors[train], table[test], factors[test], table, logvars
  )


def timed(function, *args):
  """Returns the result and the seconds it took."""
  start = time.perf_counter()
  result = jax.block_until_ready(function(*args))
  return result, time.perf_counter() - start


def measure(name: str, sample: metrics.Sample) -> dict:
  """Times one metric, cold and warm, and its reference."""
  metric = metrics.METRICS[name]
  compute = jax.jit(lambda key, s: metric.compute(key, s, SIZES).scores)
  key, on_device = jax.random.key(0), jax.tree.map(jnp.asarray, sample)
  scores, cold = timed(compute, key, on_device)
  warm = statistics.median(timed(compute, key, on_device)[1] for _ in range(3))
  row = {'metric': name, 'cold_s': cold, 'warm_s': warm}
  row['scores'] = {score: float(value) for score, value in scores.items()}
  run_reference, slow = REFERENCES.get(name, (None, True))
  if run_reference and (FLAGS.slow or not slow):
    expected, seconds = timed(run_reference, sample)
    row['reference_s'], row['ratio'] = seconds, seconds / warm
    row['reference'] = {k: float(value) for k, value in expected.items()}
    row['difference'] = max(
      abs(row['scores'][k] - value) for k, value in row['reference'].items()
    )
  return row


def measure_members(name: str, way: str, samples: metrics.Sample) -> dict:
  """Times a population in one call: one member at a time, or vmapped."""
  keys = jax.random.split(jax.random.key(0), FLAGS.members)
  metric = metrics.METRICS[name]

  def member(inputs):
    return metric.compute(*inputs, SIZES)

  population = jax.jit(
    jax.vmap(member)
    if way == 'vmap'
    else lambda inputs: jax.lax.map(member, inputs)
  )
  _, cold = timed(population, (keys, samples))
  _, warm = timed(population, (keys, samples))
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
  return {
    'metric': name,
    'way': way,
    'members': FLAGS.members,
    'cold_s': cold,
    'warm_s': warm,
    'peak_gb': peak,
  }


def show(row: dict, columns: tuple[str, ...]) -> None:
  cells = [
    f'{row[c]:.4g}' if isinstance(row.get(c), float) else str(row.get(c, '-'))
    for c in columns
  ]
  print(' | '.join(f'{cell:>12}' for cell in cells), flush=True)


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f'unknown arguments {argv[1:]}')
  of_one = [n for n, m in metrics.METRICS.items() if m.needs != 'population']
  names = FLAGS.only or of_one
  unknown = sorted({*names} - {*of_one})
  if unknown:
    raise app.UsageError(f'unknown, or of a population: {", ".join(unknown)}')
  print(f'{timing.chip()}, {jax.devices()[0]}, {FLAGS.points} points')
  columns = ('metric', 'difference', 'cold_s', 'warm_s', 'reference_s', 'ratio')
  sample = make_sample(FLAGS.points)
  print(' | '.join(f'{c:>12}' for c in columns))
  rows = []
  results = {**timing.setting(), 'rows': rows}
  for name in names:
    rows.append(measure(name, sample))
    if FLAGS.json:  # row by row: an interruption loses nothing
      timing.write(FLAGS.json, results)
    show(rows[-1], columns)
  print(f'suite, warm: {sum(row["warm_s"] for row in rows):.1f} s')
  if FLAGS.members:
    # No name for the members alone, so that their memory does not count.
    stacked = jax.tree.map(
      lambda *leaves: jnp.stack(leaves),
      *(make_sample(FLAGS.points, seed) for seed in range(FLAGS.members)),
    )
    columns = ('metric', 'way', 'cold_s', 'warm_s', 'peak_gb')
    print(' | '.join(f'{c:>12}' for c in columns))
    results['members'] = []
    # The peak is of the process so far, so the leaner way goes first.
    for way in ('map', 'vmap'):
      for name in names:
        results['members'].append(measure_members(name, way, stacked))
        show(results['members'][-1], columns)
  if FLAGS.json:
    timing.write(FLAGS.json, results)


if __name__ == '__main__':
  app.run(main)
