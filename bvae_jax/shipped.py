"""Which names of a config still mean what the package ships under them."""

from collections.abc import Mapping
from typing import Any

_kept: dict[int, dict[str, Any]] = {}  # by the identity of a registry


def keep(registry: Mapping[str, Any]) -> None:
  """Notes the entries of a registry, before anybody adds to it."""
  _kept[id(registry)] = dict(registry)


def is_shipped(registry: Mapping[str, Any], name: str) -> bool:
  """Whether nobody has put an entry of their own under this name."""
  return registry.get(name) is _kept[id(registry)].get(name)
