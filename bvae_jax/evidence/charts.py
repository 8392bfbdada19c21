"""Charts of evidence: each a function from tidy rows to an `alt.Chart`."""

from typing import Any

import altair as alt

from bvae_jax.report.charts import FILL, NEUTRAL, UP, Rows, parts


def labelled_map(rows: Rows, *, title: str) -> Any:
  """Words in cells, the deeper blue the nearer `share` is to 1.

  A cell without a share is left grey. Rows: row, column, words, share.
  """
  base = alt.Chart().encode(
    x=alt.X('column:N', sort=None, title=None,
            axis=alt.Axis(orient='top', labelAngle=-45, labelLimit=200)),
    y=alt.Y('row:N', sort=None, title=None, axis=alt.Axis(labelLimit=260)),
    tooltip=['row:N', 'column:N', 'words:N', 'share:Q'],
  )  # fmt: skip
  known = alt.when('isValid(datum.share)')
  scale = alt.Scale(domain=[0, 1], range=FILL)
  cells = base.mark_rect(invalid='show').encode(
    color=known.then(alt.value(UP)).otherwise(alt.value(NEUTRAL)),
    opacity=known.then(
      alt.Opacity('share:Q', scale=scale, legend=None)
    ).otherwise(alt.value(0.5)),
  )
  words = base.mark_text(fontSize=11).encode(text='words:N')
  step = alt.Step
  return parts.whole(title, rows, cells, words, width=step(44), height=step(24))


def band(rows: Rows, *, title: str, x_title: str) -> Any:
  """A line of means with its interval; rows: x, value, low, high."""
  axis = alt.Axis(tickCount=6, grid=False)
  base = alt.Chart().encode(x=alt.X('x:Q', title=x_title, axis=axis))
  scale = alt.Scale(zero=True)
  y = lambda key: alt.Y(f'{key}:Q', title=None, scale=scale)
  area = base.mark_area(opacity=0.25, color=UP).encode(y=y('low'), y2='high:Q')
  tips = ['x:Q', 'value:Q', 'low:Q', 'high:Q']
  line = base.mark_line(color=UP, point=True).encode(y=y('value'), tooltip=tips)
  spread = any(row['low'] is not None for row in rows)  # one seed has none
  return parts.whole(title, rows, *([area] if spread else []), line)
