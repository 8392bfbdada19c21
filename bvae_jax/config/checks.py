"""Checks of one value each: they pass, or end in one line that says why."""

import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import ml_collections
import numpy as np

_LEAST = float(np.finfo(np.float32).tiny)
_MOST = float(np.finfo(np.float32).max)
MOST_IMAGES = 10_000_000  # in a batch, labelled, or scored


class ConfigError(ValueError):
  """A config that cannot be run; the message says what to change."""


def require(condition: bool, message: str) -> None:
  if not condition:
    raise ConfigError(' '.join(message.split()))


def choice(key: str, value: str, valid: Iterable[str]) -> None:
  require(
    isinstance(value, str) and value in valid,
    f'{key}={value!r} is unknown; valid: {", ".join(sorted(valid))}',
  )


def finite(key: str, value: Any, signed: bool = True) -> None:
  number = isinstance(value, numbers.Real) and not isinstance(value, bool)
  known = number and (isinstance(value, int) or math.isfinite(value))
  require(known, f'{key}={value!r} must be a finite number')
  size: Any = abs(value)
  require(
    size == 0 or _LEAST <= size <= _MOST,
    f'{key}={value} is beyond float32; give 0, or a number from '
    f'{_LEAST:.0e} to {_MOST:.0e}',
  )
  require(signed or float(value) >= 0, f'{key}={value} must not be negative')


def positive(key: str, value) -> None:
  finite(key, value)
  require(value > 0, f'{key}={value} must be positive')


def share(key: str, value) -> None:
  finite(key, value)
  require(0 <= value < 1, f'{key}={value} must be 0 (off) or more, below 1')


def integer(key: str, value, least: int, most: int = 2**31 - 1) -> None:
  whole = isinstance(value, int) and not isinstance(value, bool)
  require(whole, f'{key}={value!r} must be an integer, {least} or more')
  least_told = f'be at least {least}' if least else 'not be negative'
  require(value >= least, f'{key}={value} must {least_told}')
  require(value <= most, f'{key}={value} must be at most {most:,}')


def resamples(key: str, value) -> None:
  integer(key, value, 0)
  require(value != 1, f'{key}={value} must be 0 (off) or at least 2')


def flag(key: str, value) -> None:
  require(isinstance(value, bool), f'{key}={value!r} must be True or False')


def names(key: str, values, valid: Iterable[str] | None = None) -> None:
  require(
    isinstance(values, tuple | list)
    and all(isinstance(v, str) for v in values),
    f'{key}={values!r} must be a tuple of names',
  )
  require(len(set(values)) == len(values), f'{key}={values} repeats a name')
  if valid is not None:
    subset(key, values, valid)


def fields(key: str, value) -> None:
  mapping = isinstance(value, Mapping | ml_collections.ConfigDict)
  # Its repr, which takes YAML milliseconds, is asked for by an error alone.
  if not (mapping and all(isinstance(k, str) for k in value)):
    require(False, f'{key}={value!r} must be a dict from names to values')


def subset(key: str, names: Iterable[str], valid: Iterable[str]) -> None:
  unknown = sorted(set(names) - set(valid))
  joined = next((name for name in unknown if ',' in name), '')
  require(
    not joined,
    f'{key}={joined!r} is one name; write {key}='
    f'"{tuple(joined.split(","))}" for several',
  )
  require(
    not unknown,
    f'{key} names {", ".join(unknown)}, unknown here; valid: '
    f'{", ".join(sorted(valid)) or "none"}',
  )
