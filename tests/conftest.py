"""Eight virtual CPU devices for the whole suite; jit still uses the first.

Compilation takes most of the time, so most of the compiler's passes are off.
"""

import pathlib
import sys

import jax

jax.config.update('jax_num_cpu_devices', 8)
jax.config.update('jax_disable_most_optimizations', True)
_HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE.parent)]  # helpers, configs
