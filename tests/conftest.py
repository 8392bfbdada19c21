"""Eight virtual CPU devices for the whole suite; jit still uses the first."""

import pathlib
import sys

import jax

jax.config.update('jax_num_cpu_devices', 8)
sys.path.insert(0, str(pathlib.Path(__file__).parent))
