"""Runs one unit of a plan.

    python -m launch.unit --workdir=DIR --unit=NAME

Exit status 0 when the unit is done. SIGTERM makes it write a checkpoint and
end with 1; the same command resumes.
"""

from absl import flags

from bvae_jax import cli
from bvae_jax.studies import unit
from launch import common

_UNIT = flags.DEFINE_string('unit', None, 'Name of the unit in plan.json.')


def main() -> None:
  cli.call(unit.run_unit, cli.WORKDIR.value, _UNIT.value)


if __name__ == '__main__':
  common.start(main, {'workdir': 'DIR', 'unit': 'NAME'})
