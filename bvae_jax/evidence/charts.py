"""Charts of evidence: each a function from tidy rows to an `alt.Chart`."""

from typing import Any

import altair as alt

from bvae_jax.report.charts import FILL, NEUTRAL, UP, Rows, parts


def labelled_map(rows: Rows, *, title: str) -> Any:
  """Words in cells, the deeper blue the nearer `share` is to 1.

  A cell without a share is left grey. Rows: row, column, words, share.
  """
  order = lambda key: list(dict.fromkeys(row[key] for row in rows))
  base = alt.Chart().encode(
    x=alt.X('column:N', sort=order('column'), title=None,
            axis=alt.Axis(orient='top', labelAngle=-45, labelLimit=200)),
    y=alt.Y('row:N', sort=order('row'), title=None,
            axis=alt.Axis(labelLimit=260)),
    tooltip=[
      alt.Tooltip('row:N', title='codes'),
      alt.Tooltip('column:N', title='score'),
      alt.Tooltip('words:N', title='mean'),
      *parts.tips(share='share of the way to random codes'),
    ],
  )  # fmt: skip
  known = 'isValid(datum.share)'
  scale = alt.Scale(domain=[0, 1], range=FILL)
  shade = alt.Opacity('share:Q', scale=scale, legend=None)
  told = base.transform_filter(known).mark_rect(color=UP).encode(opacity=shade)
  untold = base.transform_filter(f'!{known}')  # a scale would make it pale
  grey = untold.mark_rect(color=NEUTRAL, opacity=0.5)
  words = base.mark_text(fontSize=11).encode(text='words:N')
  step = alt.Step
  return parts.whole(
    title, rows, told, grey, words, width=step(44), height=step(24)
  )


def band(rows: Rows, *, title: str, x_title: str) -> Any:
  """A line of means with its interval; rows: x, value, low, high."""
  axis = parts.ticks([row['x'] for row in rows])
  base = alt.Chart().encode(x=alt.X('x:Q', title=x_title, axis=axis))
  scale = alt.Scale(zero=True)
  y = lambda key: alt.Y(f'{key}:Q', title=None, scale=scale)
  area = base.mark_area(opacity=0.25, color=UP).encode(y=y('low'), y2='high:Q')
  tips = parts.tips(x=x_title, value=title, low='95 % from', high='to')
  line = base.mark_line(color=UP, point=True).encode(y=y('value'), tooltip=tips)
  spread = any(row['low'] is not None for row in rows)  # one seed has none
  return parts.whole(title, rows, *([area] if spread else []), line)
