"""Every benchmark in one run and one table.

  python -m benchmarks.run [--only=training,loop] [--scale=0.1]

A row holds the median over interleaved rounds with its quartiles, the same
figure from CPU time, and the goal. Ratios are above 1 where ours is faster.
Results are written to runs/benchmarks/PART.json as well.
"""

import argparse
import importlib
import json
import pathlib
import tempfile
from collections.abc import Iterable

from benchmarks import timing

PARTS = {
  'training': 'steps beside PyTorch',
  'ensemble': '8 models from start to end beside PyTorch',
  'tc': "the total correlation's share of a step",
  'loop': 'time outside the compiled program',
  'startup': 'imports and compilation',
  'rendering': 'rendering and encoding beside training',
  'scaling': 'share of the matmul peak over members, batch, size, latents',
  'metrics': 'metrics beside scikit-learn',
}


def metric_rows(scale: float) -> Iterable[timing.Row]:
  """Those with a quick peer, as a process of their own measures them."""
  del scale
  from benchmarks import metrics

  quick = [name for name, (_, slow) in metrics.REFERENCES.items() if not slow]
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / 'metrics.json'
    argv = ['-m', 'benchmarks.metrics', f'--json={path}']
    argv.append(f'--only={",".join(quick)}')
    done = 0
    for line in timing.lines(*argv):
      print(line, end='', flush=True)
      measured = json.loads(path.read_text())['rows'] if path.exists() else []
      for r in measured[done:]:
        detail = f'reference {r["reference_s"]:.3g} s, ours {r["warm_s"]:.3g} s'
        yield timing.Row(r['metric'], *[r['ratio']] * 3, None, 'x', '', detail)
      done = len(measured)


def rows(part: str, scale: float) -> Iterable[timing.Row]:
  if part == 'metrics':
    return metric_rows(scale)
  return importlib.import_module(f'benchmarks.{part}').rows(scale)


def table(results: dict[str, list[timing.Row]]) -> str:
  """In Markdown."""
  lines = [
    '| part | what | median | quartiles | CPU time | goal | detail |',
    '|---|---|---|---|---|---|---|',
  ]
  for part, found in results.items():
    for r in found:
      cpu = '' if r.cpu is None else f'{r.cpu:.3g}'
      lines.append(
        f'| {part} | {r.what} | {r.value:.3g} {r.unit} |'
        f' {r.low:.3g} to {r.high:.3g} | {cpu} | {r.goal} | {r.detail} |'
      )
  return '\n'.join(lines)


def main() -> None:
  parser = argparse.ArgumentParser(
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
    epilog='\n'.join(f'{name}: {what}' for name, what in PARTS.items()),
  )
  parser.add_argument('--only', default=','.join(PARTS), help='parts to run')
  parser.add_argument(
    '--scale', type=float, default=1.0, help='of rounds and steps'
  )
  parser.add_argument('--output', default=timing.FOLDER, type=pathlib.Path)
  options = parser.parse_args()
  names = options.only.split(',')
  if set(names) - set(PARTS):
    parser.error(f'unknown part in {names}; there are {list(PARTS)}')
  results = {}
  for name in names:
    print(f'{name}: {PARTS[name]}', flush=True)
    results[name] = []
    for row in rows(name, options.scale):
      results[name].append(row)
      found = [r._asdict() for r in results[name]]
      timing.write(
        options.output / f'{name}.json',
        {**timing.setting(), 'scale': options.scale, 'rows': found},
      )
  setting = timing.setting()
  print('\n' + ', '.join(f'{key} {value}' for key, value in setting.items()))
  print(f'scale {options.scale}\n\n{table(results)}')


if __name__ == '__main__':
  main()
