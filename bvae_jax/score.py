"""Scores the codes of anybody's model, from files.

python -m bvae_jax.score --codes=FILE --factors=FILE [--out=DIR]
"""

import argparse
import csv
import logging
import pathlib
import sys
import zipfile
from collections.abc import Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from bvae_jax import metrics, workdir
from bvae_jax.data import files
from bvae_jax.evaluation import codes as codes_lib
from bvae_jax.evaluation import results as results_lib
from bvae_jax.evaluation import scores, tables

_LOG = logging.getLogger(__name__)

TEST_SHARE = 1 / 3  # of the points, where no test points are given
_NEVER = ('mig_sampled', 'udr')  # they need log-variances, or many models


def score(
  codes: Any,
  factors: Any,
  test_codes: Any = None,
  test_factors: Any = None,
  *,
  names: Sequence[str] = (),
  metrics_names: Sequence[str] = (),
  num_resamples: int = 0,
  transform: str = 'none',
  seed: int = 0,
) -> results_lib.Results:
  """Scores of one representation.

  Where the points are every combination of factors once, the scores that need
  the whole grid are there as well.

  Args:
    codes: [N, D] of the points; real numbers.
    factors: [N, K]; labels of any kind. A column of numbers that mostly differ
      is continuous and is cut into 20 bins of equally many points.
    test_codes: [T, D]; by default a third of the points, drawn from the seed.
    test_factors: [T, K].
    names: of the factors.
    metrics_names: those of `METRICS`; by default all that can be computed.
    num_resamples: of the bootstrap errors; 0 is none, else 2 or more.
    transform: what the codes are turned into first: 'none', 'pca', 'ica'.
    seed: of all that is random.

  Raises:
    ValueError: what is no codes or factors, or a metric that cannot be computed
      of them.
  """
  codes, factors = np.asarray(codes), np.asarray(factors)
  factors = factors[:, None] if factors.ndim == 1 else factors
  whole_codes, whole_factors, sizes = metrics.check_points(codes, factors)
  names = tuple(names) or tuple(f'factor_{k}' for k in range(len(sizes)))
  table = _grid_table(whole_codes, whole_factors, sizes)
  if test_codes is None:
    order = np.asarray(jax.random.permutation(jax.random.key(seed), len(codes)))
    test, train = np.split(order, [round(TEST_SHARE * len(codes))])
    test_codes, test_factors = codes[test], factors[test]
    codes, factors = codes[train], factors[train]
  train, labels, test, test_labels, sizes = metrics.check_split(
    codes, factors, test_codes, test_factors
  )
  points = metrics.Sample(
    codes=train[None],
    factors=labels,
    test_codes=test[None],
    test_factors=test_labels,
    code_table=None if table is None else table[None],
    logvar_table=None,
  )
  points = codes_lib.transformed(transform, seed, points)
  chosen = _chosen(metrics_names, table is not None)
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
  spread = np.ptp(np.asarray(whole_codes), axis=0)
  member = results_lib.Member(
    seed=seed,
    hparams={},
    status=results_lib.OK,
    steps=0,
    elbo={},
    active_latents=int((spread > 0).sum()),
    metrics=workdir.plain(flat),
    errors=workdir.plain(errors),
    matrices=workdir.plain(matrices),
  )
  return results_lib.Results(
    objective='unknown',
    dataset=results_lib.DatasetFacts(
      name='points',
      description=f'{len(train)} training and {len(test)} test points',
      factor_names=names,
      factor_sizes=sizes,
      image_shape=(),
      num_images=len(whole_codes),
      complete_grid=table is not None,
    ),
    provenance=results_lib.Provenance.here(),
    members=(member,),
    evaluation=settings,
  )


def _grid_table(
  codes: jax.Array, factors: jax.Array, sizes: tuple[int, ...]
) -> jax.Array | None:
  """The codes in grid order, where every combination is there once."""
  if len(codes) != np.prod([float(size) for size in sizes]):
    return None
  place: Any = np.ravel_multi_index(tuple(np.asarray(factors).T), sizes)
  order = np.asarray(np.argsort(place))
  return codes[order] if (place[order] == np.arange(len(codes))).all() else None


def _chosen(names: Sequence[str], is_grid: bool) -> tuple[str, ...]:
  """The metrics to compute, after the guards."""
  able = [
    name
    for name, metric in metrics.METRICS.items()
    if name not in _NEVER and (is_grid or metric.needs != 'grid')
  ]
  for name in names:
    if name not in able:
      raise ValueError(
        f'metrics: {name} cannot be computed of these points; possible: '
        + ', '.join(able)
      )
  return tuple(names) or tuple(able)


def read(path: pathlib.Path, key: str) -> tuple[np.ndarray, tuple[str, ...]]:
  """A table of points from a file, and the names of its columns if it has any.

  Args:
    path: .csv or .tsv, with or without a head; .npy; .npz or HDF5, its array
      `key` or its only one; .pt or .pth of PyTorch, which holds one tensor.
    key: 'codes' or 'factors'.

  Raises:
    OSError: there is no such file.
    ValueError: it cannot be read. Nothing is unpickled.
  """
  path = path.expanduser()
  if not path.is_file():
    raise FileNotFoundError(f'--{key}: no such file: {path}')
  suffix = path.suffix.lower()
  if suffix in ('.csv', '.tsv', '.txt'):
    return _csv(path, '\t' if suffix == '.tsv' else ',')
  if suffix in ('.pt', '.pth'):
    return _torch(path), ()
  if files.kind(path) == 'zip':
    with zipfile.ZipFile(path) as archive:
      held = [n.removesuffix('.npy') for n in archive.namelist()]
    key = held[0] if len(held) == 1 else key
  elif files.kind(path) == 'npy':
    key = ''
  return np.asarray(files.open_array(path, key, ranks=(1, 2))), ()


def _csv(
  path: pathlib.Path, delimiter: str
) -> tuple[np.ndarray, tuple[str, ...]]:
  try:
    with open(path, encoding='utf-8-sig', newline='') as stream:
      rows = [r for r in csv.reader(stream, delimiter=delimiter) if any(r)]
  except (csv.Error, UnicodeDecodeError) as error:
    raise ValueError(f'{path}: no table: {error}') from None
  if not rows:
    raise ValueError(f'{path}: an empty file')
  for number, row in enumerate(rows, 1):
    if len(row) != len(rows[0]):
      raise ValueError(
        f'{path}: row {number} has {len(row)} cells, the first {len(rows[0])}'
      )
  rows = [[cell.strip() for cell in row] for row in rows]
  names = () if any(map(_is_number, rows[0])) else tuple(rows.pop(0))
  columns = [
    np.array(column, np.float64) if all(map(_is_number, column)) else column
    for column in zip(*rows)
  ]
  if all(isinstance(column, np.ndarray) for column in columns):
    return np.stack(columns, 1), names
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


def _whole(codes: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, ...]:
  """Both without the points that lack a label."""
  if len(codes) != len(factors):
    raise ValueError(
      f'{len(codes)} codes but {len(factors)} rows of factors: lengths differ'
    )
  factors = factors[:, None] if factors.ndim == 1 else factors
  if factors.dtype.kind == 'f':
    known = np.isfinite(factors).all(1)
  elif factors.dtype.kind in 'US':
    known = (factors.astype(str) != '').all(1)
  else:
    return codes, factors
  if not known.all():
    _LOG.warning('%d points lack a label; they are left out', (~known).sum())
  return codes[known], factors[known]


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
  path('--test_codes', 'test points; by default a third of the points')
  path('--test_factors', 'their factors')
  parser.add_argument(
    '--metrics', default='', help='names, with commas: '
    + ', '.join(n for n in metrics.METRICS if n not in _NEVER),
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
    '--out', type=pathlib.Path, help='folder for results.json and results.csv'
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
  points = [*_whole(codes, factors)]
  if args.test_codes is not None:
    test_codes, _ = read(args.test_codes, 'codes')
    points += _whole(test_codes, read(args.test_factors, 'factors')[0])
  return score(
    *points,
    names=names,
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
    print(_text(results))
    if args.out is not None:
      folder = workdir.Workdir(args.out)
      folder.path.mkdir(parents=True, exist_ok=True)
      folder.replace('results.json', results.text())
      folder.replace('results.csv', tables.csv_text({'points': results}))
  except (ValueError, OSError, ImportError) as error:
    sys.exit('error: ' + ' '.join(str(error).split()))


if __name__ == '__main__':
  main(sys.argv[1:])
