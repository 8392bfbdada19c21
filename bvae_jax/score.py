"""Scores the codes of anybody's model, from files.

python -m bvae_jax.score --codes=FILE --factors=FILE [--out=DIR]
"""

import argparse
import logging
import pathlib
import sys
import zipfile
from collections.abc import Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from bvae_jax import config as config_lib
from bvae_jax import metrics, workdir
from bvae_jax.data import dependence, factors_csv, files, labels
from bvae_jax.evaluation import codes as codes_lib
from bvae_jax.evaluation import labelled, scores, tables
from bvae_jax.evaluation import results as results_lib

_LOG = logging.getLogger(__name__)

PAGE = 'score.html'
TEST_SHARE = 1 / 3  # of the points, where no test points are given


def score(
  codes: Any,
  factors: Any,
  test_codes: Any = None,
  test_factors: Any = None,
  *,
  names: Sequence[str] = (),
  logvars: Any = None,
  metrics_names: Sequence[str] = (),
  num_resamples: int = 0,
  transform: str = 'none',
  seed: int = 0,
) -> results_lib.Results:
  """Scores of one representation.

  Where the points are every combination of factors once, pairs and groups of
  points are drawn from that grid, else from the points that are there.

  Args:
    codes: [N, D] of the points; real numbers.
    factors: [N, K]; labels of any kind, see `metrics.encode_factors`. A blank,
      None or NaN is missing, and that point is left out of that factor alone.
    test_codes: [T, D]; by default a third of the points, drawn from the seed.
    test_factors: [T, K].
    names: of the factors.
    logvars: [N, D] log-variances of the posterior, for `mig_sampled`.
    metrics_names: those of `METRICS`; by default all that can be computed.
    num_resamples: of the bootstrap errors; 0 is none, else 2 or more.
    transform: what the codes are turned into first: 'none', 'pca', 'ica'.
    seed: of all that is random.

  Raises:
    ValueError: what is no codes or factors, or a metric that cannot be computed
      of them.
  """
  names = tuple(names) or tuple(map(str, getattr(factors, 'columns', ())))
  codes, factors = np.asarray(codes), np.asarray(factors)
  factors = factors[:, None] if factors.ndim == 1 else factors
  metrics.check_points(codes, factors)  # says what is wrong with them
  count = len(codes)
  if test_codes is None:
    order = np.asarray(jax.random.permutation(jax.random.key(seed), count))
    num_train = count - round(TEST_SHARE * count)
    order = np.roll(order, num_train)  # the first third are test points
    codes, factors = codes[order], factors[order]
    logvars = None if logvars is None else np.asarray(logvars)[order]
  else:
    num_train = count
    test_factors = np.asarray(test_factors).reshape(-1, factors.shape[1])
    codes = np.concatenate([codes, np.asarray(test_codes)])
    factors = np.concatenate([factors, test_factors])
  names = names or tuple(f'factor_{k}' for k in range(factors.shape[1]))
  table, sizes = metrics.encode_factors(factors, num_train, names=names)
  num_test = len(codes) - num_train
  codes, table = metrics.check_codes(codes), jax.numpy.asarray(table)
  place = _grid_order(np.asarray(table)[:count], sizes)
  rows = np.arange(count) if place is None else place
  points = metrics.Sample(
    codes=codes[None, :num_train],
    factors=table[:num_train],
    test_codes=codes[None, num_train:],
    test_factors=table[num_train:],
    code_table=codes[None, rows],
    logvar_table=None
    if logvars is None
    else metrics.check_codes(logvars)[None, rows],
    table_factors=table[rows] if place is None else None,
  )
  points = codes_lib.transformed(transform, seed, points)
  chosen = _chosen(metrics_names, points, sizes)
  settings = {
    'num_resamples': num_resamples,
    'transform': transform,
    'seed': seed,
  }
  config = ml_collections.ConfigDict(
    {
      'metrics': chosen,
      'member_batch': 0,
      'evaluation': settings,
    }
  )
  found = scores.scores(config, sizes, points)
  flat, errors, matrices = scores.flat_scores(found, 0, names)
  spread = np.ptp(np.asarray(codes), axis=0)
  member = results_lib.Member(
    seed=seed,
    hparams={},
    status=results_lib.OK,
    steps=0,
    elbo={},
    active_latents=int((spread > 0).sum()),
    metrics=config_lib.plain(flat),
    errors=config_lib.plain(errors),
    matrices=config_lib.plain(matrices),
  )
  return results_lib.Results(
    objective='unknown',
    dataset=results_lib.DatasetFacts(
      name='points',
      description=f'{num_train} training and {num_test} test points',
      factor_names=names,
      factor_sizes=sizes,
      image_shape=(),
      num_images=count,
      complete_grid=place is not None,
      num_points=(num_train, num_test),
      dependence=() if place is not None else dependence.between(table, sizes),
      **labelled.facts(table, sizes),
    ),
    provenance=results_lib.Provenance.here(),
    members=(member,),
    evaluation=settings,
  )


def _grid_order(table: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray | None:
  """The points in grid order, where every combination is there once."""
  count = np.prod([float(size) for size in sizes])
  if len(table) != count or len(sizes) < 2 or (table < 0).any():
    return None
  place: Any = np.ravel_multi_index(tuple(table.T), sizes)
  order = np.argsort(place)
  return order if (place[order] == np.arange(len(table))).all() else None


def _chosen(
  names: Sequence[str], points: metrics.Sample, sizes: tuple[int, ...]
) -> tuple[str, ...]:
  """The metrics to compute, after the guards."""
  one = points._replace(
    **{
      name: getattr(points, name)[0]
      for name in ('codes', 'test_codes', 'code_table', 'logvar_table')
      if getattr(points, name) is not None
    }
  )

  def hindrance(name: str) -> str:
    """Why a metric cannot be computed, empty if it can."""
    metric = metrics.METRICS[name]
    if metric.needs == 'population':
      return 'it needs many models'
    if metric.needs == 'variances' and points.logvar_table is None:
      return 'it needs log-variances of latents'
    try:
      jax.eval_shape(
        lambda key, p: metric.compute(key, p, sizes), jax.random.key(0), one
      )
    except ValueError as error:
      return str(error)
    return ''

  for name in names:
    if name not in metrics.METRICS or hindrance(name):
      why = f' ({hindrance(name)})' if name in metrics.METRICS else ''
      able = [other for other in metrics.METRICS if not hindrance(other)]
      raise ValueError(
        f'metrics: {name} cannot be computed of these points{why}; possible: '
        + ', '.join(able)
      )
  if names:
    return tuple(names)
  able = []
  for name in metrics.METRICS:
    if name == 'infomec_discrete':  # for those who know that their codes are
      continue
    why = hindrance(name)
    if why and metrics.METRICS[name].needs == 'factors':
      _LOG.warning('without %s: %s', name, why)
    elif not why:
      able.append(name)
  return tuple(able)


def read(path: pathlib.Path, key: str) -> tuple[np.ndarray, tuple[str, ...]]:
  """A table of points from a file, and the names of its columns if it has any.

  Args:
    path: .csv or .tsv, with or without a head; .npy; .npz or HDF5, its array
      `key` or its only one; .pt or .pth of PyTorch, which holds one tensor.
    key: 'codes', 'factors' or 'logvars'.

  Raises:
    OSError: there is no such file.
    ValueError: it cannot be read. Nothing is unpickled.
  """
  path = path.expanduser()
  if not path.is_file():
    raise FileNotFoundError(f'--{key}: no such file: {path}')
  suffix = path.suffix.lower()
  if suffix in ('.csv', '.tsv', '.txt'):
    return _csv(path)
  if suffix in ('.pt', '.pth'):
    return _torch(path), ()
  if files.kind(path) == 'zip':
    with zipfile.ZipFile(path) as archive:
      held = [n.removesuffix('.npy') for n in archive.namelist()]
    key = held[0] if len(held) == 1 else key
  elif files.kind(path) == 'npy':
    key = ''
  return np.asarray(files.open_array(path, key, ranks=(1, 2))), ()


def _csv(path: pathlib.Path) -> tuple[np.ndarray, tuple[str, ...]]:
  try:
    rows = factors_csv.rows(path)
  except ValueError as error:
    raise ValueError(f'{path}: {error}') from None
  if not rows:
    raise ValueError(f'{path}: an empty file')
  for number, row in enumerate(rows, 1):
    if len(row) != len(rows[0]):
      raise ValueError(
        f'{path}: row {number} has {len(row)} cells, the first {len(rows[0])}'
      )
  names = () if any(map(_is_number, rows[0])) else tuple(rows.pop(0))
  if not rows:
    raise ValueError(f'{path}: a head and no rows')
  blank = lambda cell: cell.lower() in labels.BLANKS
  rows = [['' if blank(cell) else cell for cell in row] for row in rows]
  if all(not cell or _is_number(cell) for row in rows for cell in row):
    numbers = [[float(cell or 'nan') for cell in row] for row in rows]
    return np.array(numbers), names
  return np.array(rows), names


def _is_number(cell: str) -> bool:
  try:
    float(cell)
  except ValueError:
    return False
  return True


def _torch(path: pathlib.Path) -> np.ndarray:
  try:
    import torch  # pyright: ignore[reportMissingImports]
  except ImportError:
    raise ValueError(
      f'{path}: a tensor of PyTorch needs an extra: pip install '
      '"bvae_jax[bench]"; or save it with numpy.save'
    ) from None
  try:
    found = torch.load(path, map_location='cpu', weights_only=True)
    return found.numpy()
  except Exception as error:  # noqa: BLE001 (torch raises many kinds)
    line = str(error).splitlines()[0]
    raise ValueError(f'{path}: holds no tensor: {line}') from None


def _text(results: results_lib.Results) -> str:
  """The scores, one a line, with their standard errors."""
  member = results.members[0]
  lines = []
  for name, value in member.metrics.items():
    shown = '-' if value is None else f'{value:.4f}'
    error = member.errors.get(name)
    lines.append(
      f'{name:<44}{shown:>10}' + ('' if error is None else f' ± {error:.4f}')
    )
  return '\n'.join(lines)


def _parse(argv: list[str]) -> Any:
  parser = argparse.ArgumentParser(
    prog='python -m bvae_jax.score', description=__doc__, allow_abbrev=False
  )
  path = lambda name, text, **kw: parser.add_argument(
    name, type=pathlib.Path, metavar='FILE', help=text, **kw
  )
  path('--codes', '[N, D]: .npy, .npz, .csv, HDF5 or .pt', required=True)
  path('--factors', '[N, K], the same kinds', required=True)
  path('--logvars', 'log-variances [N, D] of the codes, for mig_sampled')
  path('--test_codes', 'test points; by default a third of the points')
  path('--test_factors', 'their factors')
  parser.add_argument(
    '--metrics', default='', help='names, with commas: '
    + ', '.join(n for n in metrics.METRICS if n != 'udr'),
  )  # fmt: skip
  parser.add_argument(
    '--num_resamples', type=int, default=0,
    help='standard errors by so many bootstrap resamples (20 is usual)',
  )  # fmt: skip
  parser.add_argument(
    '--transform', default='none', choices=('none', *metrics.TRANSFORMS),
    help='score white principal or independent components of the codes',
  )  # fmt: skip
  parser.add_argument('--seed', type=int, default=0, help='of all draws')
  parser.add_argument(
    '--out',
    type=pathlib.Path,
    help=f'folder for results.json, results.csv and {PAGE}',
  )
  args = parser.parse_args(argv)
  if (args.test_codes is None) != (args.test_factors is None):
    parser.error('--test_codes and --test_factors go together')
  if args.num_resamples < 0 or args.num_resamples == 1:
    parser.error('--num_resamples must be 0 (off) or at least 2')
  return args


def _scored(args: Any) -> results_lib.Results:
  codes, _ = read(args.codes, 'codes')
  factors, names = read(args.factors, 'factors')
  points = [codes, factors]
  if args.test_codes is not None:
    test_codes, _ = read(args.test_codes, 'codes')
    points += [test_codes, read(args.test_factors, 'factors')[0]]
  return score(
    *points,
    names=names,
    logvars=None if args.logvars is None else read(args.logvars, 'logvars')[0],
    metrics_names=[n.strip() for n in args.metrics.split(',') if n.strip()],
    num_resamples=args.num_resamples,
    transform=args.transform,
    seed=args.seed,
  )


def main(argv: list[str]) -> None:
  """Scores what the command line names."""
  logging.basicConfig(level=logging.WARNING, format='%(message)s')
  args = _parse(argv)
  try:
    results = _scored(args)
    print(results.dataset.description)
    print('factors: ' + ', '.join(labelled.described(results.dataset)))
    for line in labelled.warnings(results.dataset):
      print(line)
    print(_text(results))
    if args.out is not None:
      folder = workdir.Workdir(args.out)
      folder.path.mkdir(parents=True, exist_ok=True)
      folder.replace('results.json', results.text())
      folder.replace('results.csv', tables.csv_text({'points': results}))
      from bvae_jax.report import codes  # the libraries of pages

      folder.replace(PAGE, codes.document(args.codes.name, results))
      print(f'{args.out / PAGE}: open it in a browser')
  except (ValueError, OSError, ImportError) as error:
    sys.exit('error: ' + ' '.join(str(error).split()))


if __name__ == '__main__':
  main(sys.argv[1:])
