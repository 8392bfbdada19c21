"""Charts: each a function from tidy rows to an `alt.Chart`.

A row is a dict; `member` names the model it is of, `group` its entry in the
legend and `role` is 'best', 'median' or ''. A click on a point, a line or an
entry of the legend singles it out. In a notebook:

    from bvae_jax.report import charts
    charts.scatter([{'member': 'seed=0', 'x': 3.0, 'y': 0.2}], title='MIG')
"""

from bvae_jax.report.charts.colours import FILL, NEUTRAL, UP
from bvae_jax.report.charts.maps import bars, graph, heat_map, intervals
from bvae_jax.report.charts.members import (
  curves,
  distribution,
  latents,
  scatter,
  strip,
)
from bvae_jax.report.charts.parts import Rows, domain, rounded, svg
