"""The folder of one run: its config, its log, its results."""

import json
import logging
import os
from collections.abc import Sequence

import ml_collections

from bvae_jax import config as config_lib
from bvae_jax import parallel, population
from bvae_jax.config import own
from bvae_jax.workdir import files, folder, groups, metrics_log

_LOG = logging.getLogger(__name__)
_GROWING = ('num_steps: ', 'seeds: ', 'grid.')
_MORE = (
  ' (a larger --config.num_steps, or further --config.seeds or values in '
  '--config.grid beside its own, continues it)'
)


class Workdir(folder.Folder):
  """The files of one run.

  Raises:
    WorkdirError: as `Folder` does; `open` refuses a folder of another run.
  """

  def __init__(self, path: str | os.PathLike):
    super().__init__(path)
    self.results_path = self.path / 'results.json'
    self.log_path = self.path / 'metrics.jsonl'

  def check(
    self,
    config: ml_collections.ConfigDict,
    free: tuple[str, ...] = config_lib.FREE_KEYS,
  ) -> dict | None:
    """The config of the run in the folder, if any; writes nothing.

    Args:
      config: of the run to come.
      free: keys that may differ from those of the run in the folder.

    Raises:
      WorkdirError: the folder holds another run.
    """
    if not self.started:
      return None
    old = self._kept()
    new = config_lib.complete(config_lib.plain(config.to_dict()))
    changed = config_lib.differing_keys(old, new, free)
    if changed:
      less = all(one.startswith(_GROWING) for one in changed)
      more = _MORE if less else ''
      raise files.WorkdirError(
        f'workdir {self.path} holds a run with another config '
        f'({"; ".join(changed)}); choose another --workdir, or give its config'
        f'{more}'
      )
    return old

  def open(
    self,
    config: ml_collections.ConfigDict,
    free: tuple[str, ...] = config_lib.FREE_KEYS,
  ) -> None:
    """Makes the folder, or checks that it holds this very run.

    More steps, seeds or settings than the run in the folder has continue it.

    Args:
      config: of the run.
      free: top-level keys that may differ from those of the run in the folder.
    """
    self._make()
    new = config_lib.plain(config.to_dict())
    old, grown = self._kept(), self.grown(config)
    if grown:
      self.check(config, (*free, *grown))
      self._extend(old, grown)
    elif old:
      self.check(config, free)
    # The scores that a later command asks for are in results.json alone.
    new |= {key: old[key] for key in config_lib.SCORE_KEYS if key in old}
    if old != new:
      self.replace('config.json', files.json_text(new))
      self.seal(['config.json'])

  def grown(self, config: ml_collections.ConfigDict) -> tuple[str, ...]:
    """What a config asks for more of than the run here has; writes nothing."""
    new = config_lib.plain(config.to_dict())
    return config_lib.grown_keys(self._kept(), new)

  def moved(self, config: ml_collections.ConfigDict) -> tuple[str, ...]:
    """The key of another place of images, where images.json tells them."""
    key, new = 'dataset.path', config.dataset.path
    old = config_lib.flat(self._kept()).get(key, new)
    return (key,) if old != new and (self.path / 'images.json').exists() else ()

  def _extend(self, old: dict, grown: tuple[str, ...]) -> None:
    """Keeps a smaller run's results beside those of the run to come."""
    config = config_lib.as_config(old)
    settings = config_lib.settings(config)
    what, count = 'settings', len(settings)
    if 'num_steps' in grown:
      what, count = 'steps', old['num_steps']
    elif 'seeds' in grown:
      what, count = 'seeds', len(old['seeds'])
    _LOG.info('a run of %d %s lies here; it is continued', count, what)
    cohorts = self.cohorts(config)
    if {'seeds', 'grid'} & {*grown}:
      cohorts = groups.before(cohorts, self.path, old['seeds'])
    if 'grid' in grown:  # what were all settings are some of them
      all_of = lambda cohort: cohort.settings or tuple(settings)
      cohorts = [c._replace(settings=all_of(c)) for c in cohorts]
    self.keep_cohorts(cohorts)
    self.discard(folder.MANIFEST)
    self.discard('training.json')
    if self.results_path.exists() and parallel.is_first_host():
      os.replace(self.results_path, self.path / f'results_{count}_{what}.json')

  def cohorts(
    self, config: ml_collections.ConfigDict
  ) -> list[population.Cohort]:
    """Which members of a run train together; see `groups.read`."""
    return groups.read(self.path, config)

  def keep_cohorts(self, cohorts: list[population.Cohort]) -> None:
    """Writes groups.json."""
    short = [c if c.settings else c[:2] for c in cohorts]
    self.replace(groups.FILE, json.dumps({'cohorts': short}) + '\n')

  @property
  def started(self) -> bool:
    """Whether the folder holds a run."""
    return (self.path / 'config.json').exists()

  def require_free(self, names: Sequence[str]) -> None:
    """Refuses, before any work, a folder that files could not be written to.

    Raises:
      WorkdirError: it holds a run or a study, or is closed to this user.
    """
    if self.started or self.holds_study:
      what = 'a run' if self.started else 'a study'
      raise files.WorkdirError(f'{self.path} holds {what}; give another folder')
    self.check_writable()
    files.check_replaceable(*(self.path / name for name in names))

  @property
  def is_export(self) -> bool:
    """Whether it holds a config.json that `bvae_jax.export` wrote."""
    return self.started and 'format' in files.read_json(
      self.path / 'config.json'
    )

  def _kept(self) -> dict:
    """config.json with all keys of today, empty where there is none."""
    if not self.started:
      return {}
    return config_lib.complete(files.read_json(self.path / 'config.json'))

  def config(self) -> ml_collections.ConfigDict:
    """The config of the run that lies here.

    Raises:
      WorkdirError: there is none, it is damaged, or of another version.
    """
    if not self.started:
      what = 'the folder of one (it holds config.json)'
      if self.holds_study:
        what = 'that of a unit of this study, units/NAME'
      raise files.WorkdirError(f'{self.path} holds no run; name {what}')
    if self.is_export:
      raise files.WorkdirError(
        f'{self.path} holds an export; name the folder of its run'
      )
    found = self._kept()
    if 'objective' not in found or self.changed('config.json'):
      raise files.WorkdirError(
        f'{self.path / "config.json"} is damaged; name the config of the run '
        'with --config'
      )
    config = config_lib.as_config(found)
    try:
      config_lib.validate(config)
    except config_lib.ConfigError as error:
      raise files.WorkdirError(
        f'{self.path / "config.json"} is not of this version: {error}; use the '
        f'version that wrote it; {own.HINT}'
      ) from None
    return config

  def read_log(self) -> list[dict]:
    """The log, a line a step with all members, whatever their program."""
    kept = self._kept()
    members = population.members(config_lib.as_config(kept)) if kept else []
    return metrics_log.merged(metrics_log.lines(self.log_path), members)

  def rewind_log(self, step: int, group: int, last: int = 0) -> int:
    """Drops a group's lines after `step`, which it will write again.

    Args:
      step: that the group has reached.
      group: which of the programs.
      last: step of the group's last line before; a warning where it is gone.

    Returns: the step of the last line that the group had, 0 for none.
    """
    lines = metrics_log.lines(self.log_path)
    if last and not any(x['step'] == last for x in lines):
      _LOG.warning(
        '%s has lost its line of step %d; the curves lack it',
        self.log_path,
        last,
      )
    if self.log_path.exists():
      kept = [x for x in lines if x['group'] != group or x['step'] <= step]
      self.replace('metrics.jsonl', ''.join(map(metrics_log.text, kept)))
    return max((x['step'] for x in lines if x['group'] == group), default=0)

  def log(self, line: dict) -> None:
    """Appends a line to metrics.jsonl; of several hosts, the first one does."""
    if not parallel.is_first_host():
      return
    try:
      with self.log_path.open('a') as file:
        file.write(metrics_log.text(config_lib.plain(line)))
    except OSError as error:
      raise files.WorkdirError(
        f'cannot write {self.log_path} ({error.strerror}); '
        f'{files.remedy(str(error))}, then run the same command again to '
        'resume from the last checkpoint'
      ) from error
