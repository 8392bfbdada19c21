"""`bvae COMMAND ...`, or `python -m bvae_jax COMMAND ...`: the commands of all.

    bvae main --config=tcvae:quick
    bvae launch local --config=study_2019:quick --workdir=runs/study

`bvae COMMAND` is `python -m` of the command's module, from any folder.
"""

import os
import runpy
import sys

from bvae_jax import catalogue, interrupts, usage


def _split(argv: list[str]) -> tuple[str, list[str]]:
  """The command and its arguments; `launch` is followed by another word.

  Raises:
    SystemExit: there is no such command.
  """
  known = catalogue.commands()
  words = 2 if argv[0] == 'launch' else 1
  name = ' '.join(argv[:words])
  if name not in known:
    launch = [n.partition(' ')[2] for n in known if n.startswith('launch ')]
    if words == 2:
      near = catalogue.did_you_mean(''.join(argv[1:2]), launch)
      sys.exit(
        f'error: launch is followed by one of: {", ".join(launch)}{near}'
      )
    near = catalogue.did_you_mean(name, [n.split()[0] for n in known])
    sys.exit(f'error: no command {name!r}{near or "; see bvae --help"}')
  return name, argv[words:]


def _share_root() -> None:
  """configs/ and launch/ are found here, and by the processes started here."""
  root = str(catalogue.ROOT)
  sys.path.insert(0, root)
  old = os.environ.get('PYTHONPATH')
  os.environ['PYTHONPATH'] = os.pathsep.join([root, old] if old else [root])


def main() -> None:
  """Runs the command that `sys.argv` names."""
  try:
    with usage.printed():
      _run(sys.argv[1:])
  except KeyboardInterrupt:  # of a module that takes signals into its own hands
    interrupts.end()
  except ImportError as error:  # of the script `bvae`: what is one's own
    sys.exit(f'error: {error}')


def _run(argv: list[str]) -> None:
  if not argv or argv[0] in ('-h', '--help', 'help'):
    print(usage.front_page())
  elif argv[0] in ('--version', 'version'):
    print(usage.version())
  else:
    name, rest = _split(argv)
    if name.startswith('launch '):
      _share_root()
    sys.argv = [f'bvae {name}', *rest]
    runpy.run_module(
      catalogue.commands()[name], run_name='__main__', alter_sys=True
    )


if __name__ == '__main__':
  main()
