"""The page: a template, its sections in order, and one copy of the charts."""

import functools
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import markupsafe
import vl_convert

from bvae_jax.report import (
  curves,
  dataset,
  facts,
  markup,
  pictures,
  scores,
)
from bvae_jax.report import view as view_lib

# The sections of a run's page in the order in which a reader asks: a title, and
# functions of the run and its pictures to markup. A section without content is
# left out.
Draw = Callable[[view_lib.View, pictures.Pictures], str]
_of_view = lambda draw: lambda view, _: draw(view)
SECTIONS: tuple[tuple[str, tuple[Draw, ...]], ...] = (
  (
    'Scores',
    tuple(
      map(
        _of_view,
        (
          scores.summary,
          scores.strips,
          scores.members,
          scores.floors,
          scores.every_score,
        ),
      )
    ),
  ),
  ('Reconstructions', (pictures.reconstructions,)),
  ('Traversals', (pictures.traversal_figures,)),
  ('Latents', (_of_view(curves.latents), _of_view(curves.matrices))),
  ('Hyperparameters', (_of_view(curves.sweep), _of_view(scores.settings))),
  ('Agreement of the metrics', (_of_view(scores.correlations),)),
  ('Training', (_of_view(curves.training),)),
  ('Data', (lambda _, drawn: dataset.figures(drawn.data),)),
)


class Head(NamedTuple):
  """What stands above the sections; all of it text, but for the lede.

  Attributes:
    title: of the page.
    lede: markup of a paragraph.
    warnings: a line each.
    facts: (name, text) pairs.
  """

  title: str
  lede: str
  warnings: Sequence[str]
  facts: Sequence[tuple[str, str]]


@functools.cache
def _vega() -> str:
  """The one script that draws all charts: Vega, Vega-Lite and their embedder.

  Kept apart from the page by a function, and safe within a <script>.
  """
  bundle = vl_convert.javascript_bundle('window.vegaEmbed = vegaEmbed;')
  return '(() => {' + bundle.replace('</script', '<\\/script') + '})();'


def document(
  head: Head, sections: Sequence[tuple[str, str]], config: dict[str, Any]
) -> str:
  """A whole HTML file; it asks for no other.

  Args:
    head: what stands above the sections.
    sections: titles (text) and contents (markup); empty ones are left out.
    config: shown whole in the last section, if there is any.
  """
  source = lambda name: markup.environment().get_template(name).render()
  shown = [
    {
      'title': title,
      'anchor': re.sub(r'\W+', '-', title.lower()),
      'content': markupsafe.Markup(content),
    }
    for title, content in sections
    if content
  ]
  return (
    markup.environment()
    .get_template('page.html')
    .render(
      title=head.title,
      lede=markupsafe.Markup(head.lede),
      warnings=head.warnings,
      facts=head.facts,
      sections=shown,
      config=json.dumps(config, indent=2) if config else '',
      charts=any('class="chart"' in content for _, content in sections),
      style=source('style.css'),
      script=source('page.js'),
      vega=_vega(),
    )
  )


def assemble(view: view_lib.View, drawn: pictures.Pictures) -> str:
  """The page of a run.

  Args:
    view: the run.
    drawn: what its networks make of images.
  """
  head = Head(
    facts.title(view),
    facts.lede(view),
    facts.warnings(view),
    facts.rows(view),
  )
  sections = [
    (title, ''.join(draw(view, drawn) for draw in draws))
    for title, draws in SECTIONS
  ]
  return document(head, sections, view.config)
