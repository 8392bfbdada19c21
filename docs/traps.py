"""Draws the figures of docs/traps.md from a trial of the scores.

    python -m docs.traps --scores=runs/scores

`runs/scores` comes from the command in docs/traps.md.
"""

import argparse
import json
import pathlib

import altair

from bvae_jax.evaluation.results import Results
from bvae_jax.evidence import trial, trial_page

FIGURES = pathlib.Path(__file__).parent / 'figures'


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--scores', type=pathlib.Path, default='runs/scores')
  args = parser.parse_args()
  found = json.loads((args.scores / 'results.json').read_text())
  cells = trial.cells({k: Results.from_json(v) for k, v in found.items()})
  trial_page.what_sees_what(cells).save(FIGURES / 'what_sees_what.svg')
  panels = trial_page.curves(cells, 'rotated')
  panels = [panel.properties(width=170, height=100) for panel in panels]
  altair.concat(*panels, columns=4).save(FIGURES / 'angle.svg')


if __name__ == '__main__':
  main()
