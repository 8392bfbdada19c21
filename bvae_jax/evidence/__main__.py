"""Evidence: which score sees what.

python -m bvae_jax.evidence scores --out=DIR

`scores` puts every metric on trial: representations whose quality is known,
results.json, results.csv and report.html in DIR.
"""

import argparse
import logging
import sys
from collections.abc import Mapping
from typing import Any

from bvae_jax import cli, metrics, usage, workdir
from bvae_jax.evaluation import tables

_LOG = logging.getLogger('bvae_jax.evidence')


def _table(cells: Mapping[tuple[str, float], Mapping[str, Any]]) -> str:
  """The mean of each metric's main score, a line a representation."""
  names = [n for n in metrics.METRICS if any(n in of for of in cells.values())]
  shown = lambda cell: f'{cell.mean:.3f}' if cell else '-'
  return tables.aligned(
    [
      ['', *names],
      *(
        [f'{kind} {level:g}', *(shown(found.get(name)) for name in names)]
        for (kind, level), found in cells.items()
      ),
    ]
  )


def scores(args: Any) -> None:
  """The trial of the scores, into a folder."""
  from bvae_jax.evidence import trial, trial_page  # the libraries of pages

  folder = workdir.Workdir(args.out)
  folder.require_free(('results.json', 'results.csv', 'report.html'))
  folder.path.mkdir(parents=True, exist_ok=True)
  results = trial.run(
    names=usage.listed(args.metrics) or tuple(metrics.METRICS),
    seeds=tuple(range(args.seeds)),
  )
  _LOG.info('%s', _table(trial.cells(results)))  # a full disk does not lose it
  found = {kind: result.to_json() for kind, result in results.items()}
  page = folder.path / 'report.html'
  workdir.replace_files(
    {
      folder.path / 'results.json': workdir.json_text(found),
      folder.path / 'results.csv': tables.csv_text(results),
      page: trial_page.document(results, range(args.seeds)),
    }
  )
  _LOG.info('%s: open it in a browser', page)


def _parse(argv: list[str]) -> Any:
  parser = usage.Parser(
    prog='python -m bvae_jax.evidence',
    description=__doc__,
    allow_abbrev=False,
    formatter_class=argparse.RawTextHelpFormatter,
  )
  parser.add_argument(
    'what', choices=('scores',), help='every metric on codes of known quality'
  )
  parser.add_argument(
    '--metrics', default='', help='names, with commas; by default all'
  )
  parser.add_argument(
    '--seeds', type=int, default=3, help='of each representation (3)'
  )
  parser.add_argument(
    '--out', type=usage.folder, required=True, metavar='DIR',
    help='folder for results.json, results.csv and report.html',
  )  # fmt: skip
  args = parser.parse_args(argv)
  if args.seeds < 2:
    parser.error('--seeds must be 2 or more: intervals and the UDR need them')
  return args


def main(argv: list[str]) -> None:
  """What the command line asks for."""
  args = _parse(argv)
  cli.cache_compilations()
  cli.log_to_stderr()
  with usage.one_line_errors():
    scores(args)


if __name__ == '__main__':
  main(sys.argv[1:])
