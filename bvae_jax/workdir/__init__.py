"""A run's folder: its config, its log of metrics, its results.

    config.json  metrics.jsonl  checkpoints/  traversals/  results.json
    results.csv  report.html  explorer.html  traversals.gif  manifest.json
    groups.json  training.json  images.json

Files that are rewritten are replaced in one step, so that a kill or a full disk
never leaves half a file where a whole one was.
"""

from bvae_jax.workdir.files import (
  WorkdirError,
  check_replaceable,
  json_text,
  read_json,
  remedy,
  replace_file,
  replace_files,
  sweep,
)
from bvae_jax.workdir.folder import FAILURE, MANIFEST, PLAN, Folder, failure
from bvae_jax.workdir.run import Workdir
