"""Parts of a unit, trained by jobs of their own, become its run folder."""

import json
import os
import pathlib
import shutil

from bvae_jax import workdir as workdir_lib


def merge(folder: pathlib.Path, parts: list[pathlib.Path]) -> None:
  """Moves checkpoints and logs of trained parts where an unsplit run has them.

  A part is one program of the population, so that the folder then holds a run
  that is trained and not yet scored. Called again, it goes on.

  Args:
    folder: the unit's.
    parts: those of its parts, in order.
  """
  (folder / 'checkpoints').mkdir(parents=True, exist_ok=True)
  for part in parts:
    for group in sorted(part.glob('checkpoints/group_*')):
      os.replace(group, folder / 'checkpoints' / group.name)
  if (parts[0] / 'traversals').is_dir():
    shutil.copytree(
      parts[0] / 'traversals', folder / 'traversals', dirs_exist_ok=True
    )
  logs = [(part / 'metrics.jsonl').read_text() for part in parts]
  workdir_lib.replace_file(folder / 'metrics.jsonl', ''.join(logs))
  notes = [workdir_lib.read_json(part / 'training.json') for part in parts]
  seconds = 'seconds_from_first_to_last_line'
  total = round(sum(note[seconds] or 0 for note in notes), 1)
  text = json.dumps({**notes[0], seconds: total})
  workdir_lib.replace_file(folder / 'training.json', text + '\n')
