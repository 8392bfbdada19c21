"""Scores the codes of anybody's model, from files.

python -m bvae_jax.score --codes=FILE --factors=FILE [--out=DIR]
"""

import logging
import pathlib
import sys
from typing import Any

from bvae_jax import cli, metrics, usage, workdir
from bvae_jax.data import point_files
from bvae_jax.evaluation import labelled, tables
from bvae_jax.evaluation import results as results_lib
from bvae_jax.evaluation.external import score
from bvae_jax.report import names
from bvae_jax.training import progress

_LOG = logging.getLogger(__name__)

PAGE = 'score.html'


def _text(results: results_lib.Results) -> str:
  """The data, then the scores, one a line, with their standard errors."""
  member, dataset = results.members[0], results.dataset
  lines = [
    dataset.description,
    'factors: ' + ', '.join(labelled.described(dataset)),
    *labelled.warnings(dataset),
  ]
  width = max(map(len, member.metrics))
  for name, value in member.metrics.items():
    shown = '-' if value is None else f'{value:.4f}'
    error = member.errors.get(name)
    lines.append(
      f'{name:<{width}}{shown:>10}'
      + ('' if error is None else f' ± {error:.4f}')
    )
  lower = [name for name in names.LOWER if name in member.metrics]
  told = f', but lower for {" and ".join(lower)}' if lower else ''
  return '\n'.join([*lines, f'higher is better{told}'])


def _write(
  folder: workdir.Workdir, title: str, results: results_lib.Results
) -> None:
  """Writes the scores as JSON, as a table and as a page."""
  from bvae_jax.report import codes  # the libraries of pages

  workdir.replace_files(
    {
      folder.path / 'results.json': results.text(),
      folder.path / 'results.csv': tables.csv_text({'points': results}),
      folder.path / PAGE: codes.document(title, results),
    }
  )


def _parse(argv: list[str]) -> Any:
  parser = usage.Parser(
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
    '--metrics',
    default='',
    help='names, with commas; by default all that the points allow, some of '
    'which take minutes: '
    + ', '.join(n for n in metrics.METRICS if n != 'udr'),
  )
  parser.add_argument(
    '--num_resamples',
    type=int,
    default=0,
    help='standard errors by so many bootstrap resamples (20 is usual)',
  )
  parser.add_argument(
    '--transform',
    default='none',
    choices=('none', *metrics.TRANSFORMS),
    help='score white principal or independent components of the codes',
  )
  parser.add_argument('--seed', type=int, default=0, help='of all draws')
  parser.add_argument(
    '--out',
    type=usage.folder,
    help=f'folder for results.json, results.csv and {PAGE}',
  )
  return parser.parse_args(argv)


def _scored(args: Any) -> results_lib.Results:
  def read(flag: str) -> Any:
    path, kind = getattr(args, flag), flag.removeprefix('test_')
    return point_files.read(path, kind) if path else point_files.Table(None)

  codes, factors, logvars = read('codes'), read('factors'), read('logvars')
  test_codes, test_factors = read('test_codes'), read('test_factors')
  codes, factors = point_files.headless(codes, factors)
  test_codes, test_factors = point_files.headless(test_codes, test_factors)
  _check_columns('codes', codes, test_codes)
  _check_columns('factors', factors, test_factors)
  _check_rows('codes', codes, 'factors', factors)
  _check_rows('codes', codes, 'logvars', logvars)
  _check_rows('test_codes', test_codes, 'test_factors', test_factors)
  if len(factors.values) == len(codes.values):
    factors, test_factors = point_files.varying(factors, test_factors)
  return score(
    codes.values,
    factors.values,
    test_codes.values,
    test_factors.values,
    names=factors.names,
    logvars=logvars.values,
    metrics_names=usage.listed(args.metrics),
    num_resamples=args.num_resamples,
    transform=args.transform,
    seed=args.seed,
  )


def _check_columns(
  kind: str, train: point_files.Table, test: point_files.Table
) -> None:
  if train.names and test.names and train.names != test.names:
    raise ValueError(
      f'--test_{kind} has columns {", ".join(test.names)}, and --{kind} '
      + ', '.join(train.names)
    )


def _check_rows(
  flag: str, one: point_files.Table, other_flag: str, other: point_files.Table
) -> None:
  """Refuses tables that call the same row by different names."""
  for row, (name, other_name) in enumerate(zip(one.rows, other.rows), 1):
    if name != other_name:
      raise ValueError(
        f'--{flag} calls row {row} {name}, and --{other_flag} {other_name}: '
        'bring their rows into one order, or leave the first columns out'
      )


def main(argv: list[str]) -> None:
  """Scores what the command line names."""
  logging.basicConfig(level=logging.WARNING, format='%(message)s')
  logging.getLogger(progress.__name__).setLevel(logging.INFO)
  args = _parse(argv)
  cli.cache_compilations()
  with usage.one_line_errors():
    folder = None if args.out is None else workdir.Workdir(args.out)
    if folder is not None:
      folder.require_free(('results.json', 'results.csv', PAGE))
    results = _scored(args)
    try:
      if folder is not None:
        _write(folder, args.codes.name, results)
    finally:  # last: whoever reads the lines may stop at one
      print(_text(results))
    if folder is not None:
      print(f'{folder.path / PAGE}: open it in a browser')


if __name__ == '__main__':
  main(sys.argv[1:])
