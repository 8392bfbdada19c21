"""Modules of somebody's own, which add to the registries.

    BVAE_IMPORT=mine bvae report runs/first

imports `mine` from the path of Python before any command looks a name up. It is
inherited by the processes that launchers start. No run names code to import:
what is read of a folder cannot run any.
"""

import importlib
import os
import sys

from bvae_jax import catalogue

VARIABLE = 'BVAE_IMPORT'
HINT = (
  f'what is your own is known once its module is named in {VARIABLE} '
  '(docs/extending.md)'
)


def load() -> None:
  """Imports the modules that BVAE_IMPORT names, with commas between them.

  A command (`python -m bvae_jax.main`) ends in one line where it cannot.

  Raises:
    ImportError: there is no such module, or its code failed.
  """
  for name in filter(None, os.environ.get(VARIABLE, '').split(',')):
    try:
      importlib.import_module(name.strip())
    except Exception as error:
      told = (
        f'{VARIABLE} names {name.strip()!r}, which cannot be imported '
        f'({type(error).__name__}: {error}); mend it, or put its folder into '
        'PYTHONPATH'
      )
      if catalogue.is_command():
        sys.exit(f'error: {told}')
      raise ImportError(told) from error
