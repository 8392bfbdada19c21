"""What the units of a study are: their methods, and their data sets."""

from collections.abc import Callable, Mapping

from bvae_jax import config as config_lib
from bvae_jax.report.charts import colours as colour_lib
from bvae_jax.training import optimizer

# Of a data set: what a method is trained on. It is scored on all images.
SHIFTS = ('correlated', 'sigma', 'holdout', 'holdout_where')
Named = Callable[[Mapping[str, dict]], Mapping[str, str]]
# What may differ between two units of one method.
_SWEPT = ('hparams', 'grid', 'seeds', *optimizer.RATES)


def methods(units: Mapping[str, dict]) -> dict[str, str]:
  """The method of each unit: its objective, where that names it.

  Units that differ only in seeds and hyperparameters are one method. Two
  methods with one objective are called by their first units.
  """
  kinds = {
    unit: {k: v for k, v in config.items() if k not in _SWEPT}
    for unit, config in units.items()
  }
  first = {u: next(o for o in units if kinds[o] == kinds[u]) for u in units}
  heads = set(first.values())

  def name(head: str) -> str:
    objective, others = units[head]['objective'], heads - {head}
    taken = others | {units[other]['objective'] for other in others}
    return head if objective in taken else objective

  return {unit: name(head) for unit, head in first.items()}


def data_sets(units: Mapping[str, dict]) -> dict[str, str]:
  """The data set that each unit is scored on, in words.

  Its name, and where sets of one name differ, how: `dsprites, image_size 16`.
  """
  known = {
    unit: {
      key: value
      for key, value in config['dataset'].items()
      if key not in SHIFTS and f'dataset.{key}' not in config_lib.FREE_KEYS
    }
    for unit, config in units.items()
  }
  found = {}
  for unit, own in known.items():
    like = [other for other in known.values() if other['name'] == own['name']]
    apart = [k for k in own if any(o.get(k) != own[k] for o in like)]
    found[unit] = ', '.join([own['name'], *(f'{k} {own[k]!r}' for k in apart)])
  return found


def uncorrelated(units: Mapping[str, dict]) -> dict[str, dict]:
  """The units as if no factors of their data went together."""
  unmoved = {'correlated': (), 'sigma': 0.0}
  return {
    unit: {**config, 'dataset': {**config['dataset'], **unmoved}}
    for unit, config in units.items()
  }


def colours(units: Mapping[str, dict], named: Named) -> dict[str, str]:
  """The colour of each unit: methods of one name have one, on all data sets.

  A method has one also whatever factors are correlated where it is trained.

  Args:
    units: the configs of all that a page may show.
    named: the method of each unit of a data set, from their configs.
  """
  data, of, units = data_sets(units), {}, uncorrelated(units)
  for name in dict.fromkeys(data.values()):
    of |= named({unit: units[unit] for unit in units if data[unit] == name})
  found = colour_lib.apart(of.values())
  return {unit: found[method] for unit, method in of.items()}
