"""Prints the table of a finished study, for a page.

    python -m docs.tables runs/methods_quick

A row a setting: the median of each score over its seeds, and the smallest and
largest. Where a method has several settings, that which
`bvae_jax.evaluation.selection.choose` takes stands in bold.
"""

import argparse
import json
import pathlib
from collections.abc import Iterator

from bvae_jax.evaluation import selection
from bvae_jax.evaluation.results import Results

_SCORES = {
  'mig': ('MIG', 2),
  'factor_vae_score': ('FactorVAE score', 2),
  'dci': ('DCI', 2),
  'sap': ('SAP', 2),
  'udr': ('UDR', 2),
  'elbo': ('ELBO', 1),
}


def _cell(setting: selection.Setting, score: str) -> str:
  """`0.20 (0.12 to 0.23)`."""
  places = _SCORES[score][1]
  values = [m.scores[score] for m in setting.members if m.ok]
  known = [v for v in values if v is not None]
  if not known:
    return '-'
  median = setting.median(score)
  shown = '-' if median is None else f'{median:.{places}f}'
  return f'{shown} ({min(known):.{places}f} to {max(known):.{places}f})'


def rows(results: dict[str, Results]) -> Iterator[list[str]]:
  """The head, then a row a setting of each unit."""
  have = {name for r in results.values() for m in r.ok for name in m.scores}
  scores = [name for name in _SCORES if name in have]
  yield ['unit', 'setting', *(_SCORES[name][0] for name in scores)]
  for unit, result in results.items():
    chosen = selection.choose(result.members)
    settings = selection.settings(result.members)
    for setting in settings:
      names = result.varying if len(settings) > 1 else ()
      words = ', '.join(f'{k} {setting.hparams[k]:g}' for k in names)
      if words and setting == chosen:
        words = f'**{words}**'
      yield [unit, words, *(_cell(setting, name) for name in scores)]


def markdown(table: list[list[str]]) -> str:
  """A table's text; a column that is empty throughout is left out."""
  kept = [i for i in range(len(table[0])) if any(row[i] for row in table[1:])]
  lines = ['| ' + ' | '.join(row[i] for i in kept) + ' |' for row in table]
  return '\n'.join([lines[0], '|' + '---|' * len(kept), *lines[1:]])


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('study', type=pathlib.Path, help="the study's folder")
  found = json.loads((parser.parse_args().study / 'results.json').read_text())
  results = {unit: Results.from_json(r) for unit, r in found.items()}
  print(markdown(list(rows(results))))


if __name__ == '__main__':
  main()
