"""Eight virtual CPU devices for the whole suite; jit still uses the first."""

import jax

jax.config.update('jax_num_cpu_devices', 8)
