"""Compares finished runs on one page, or draws the page of one anew.

    python -m bvae_jax.report RUN RUN ... [--out=compare.html]
    python -m bvae_jax.report RUN

A RUN is the folder of a run, of a study (which stands for its units), or of
one unit: STUDY/units/NAME. Beside compare.html lie compare.json, with every
figure, and compare.csv, a line a test.
"""

import argparse
import logging
import pathlib
import sys
from collections.abc import Sequence

from bvae_jax import cli, report, usage, workdir
from bvae_jax.evaluation import provenance
from bvae_jax.report import compare, study
from bvae_jax.studies import execute, plan
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import programs as programs_lib


def _parse(argv: Sequence[str]) -> argparse.Namespace:
  parser = usage.Parser(
    'python -m bvae_jax.report',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    allow_abbrev=False,
  )
  parser.add_argument(
    'runs', nargs='+', type=usage.folder, metavar='RUN', help='folders'
  )
  parser.add_argument(
    '--out', type=pathlib.Path, metavar='FILE', help='of a comparison'
  )
  args = parser.parse_args(argv)
  if args.out and args.out.suffix != '.html':
    parser.error(f'--out={args.out} must end in .html')
  return args


def _units(path: pathlib.Path) -> list[pathlib.Path]:
  """The units of a study that are done; of a run, the run.

  Raises:
    WorkdirError: no unit is done.
  """
  if not workdir.Folder(path).holds_study:
    return [path]
  done = plan.finished(path)
  if not done:
    raise workdir.WorkdirError(
      f'{path}: no unit of this study is done; run its command first'
    )
  left = len(plan.read_plan(path).units) - len(done)
  if left:
    print(f'{path}: {left} unit(s) are not done and left out', file=sys.stderr)
  return [plan.unit_path(path, name) for name in done]


def redraw(path: pathlib.Path) -> pathlib.Path:
  """Draws the page of one run, or of a study, anew.

  Raises:
    OSError: there is none, or it is not finished.
  """
  if workdir.Folder(path).holds_study:
    _units(path)
    study.write(path, plan.read_plan(path), execute.gather(path))
    return path / 'report.html'
  compare.load(path)  # refuses what is no finished run, before it is locked
  folder = workdir.Workdir(path)
  with folder.lock():  # before it is read: nobody scores it anew meanwhile
    config, results = compare.load(path)
    experiment = experiment_lib.build(config)
    provenance.check_images(folder, experiment.dataset)
    states = programs_lib.restore(experiment, folder)
    report.write(path, experiment, states, results, folder.read_log())
    folder.seal(['report.html', 'traversals.gif'])
  return path / 'report.html'


def main(argv: Sequence[str]) -> None:
  """Writes the page that the command line asks for."""
  logging.basicConfig(level=logging.WARNING, format='%(message)s')
  args = _parse(argv)
  cli.cache_compilations()
  with usage.one_line_errors():
    paths = [pathlib.Path(run).expanduser() for run in args.runs]
    runs = [unit for path in paths for unit in _units(path)]
    if len(paths) == 1 and args.out is None:
      page = redraw(paths[0])
    elif len(runs) == 1:
      raise ValueError('--out needs two runs or more to compare')
    else:
      page = (args.out or pathlib.Path('compare.html')).expanduser()
      compare.write(runs, page)
    print(f'{page}: open it in a browser')


if __name__ == '__main__':
  main(sys.argv[1:])
