"""The page: its style, and its sections in order."""

from collections.abc import Sequence

from bvae_jax.report import curves, facts, markup, pictures, scores
from bvae_jax.report import view as view_lib
from bvae_jax.report.markup import tag, text

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2127;
  --muted: #5d6772; --rule: #dde1e6; --accent: #2166ac; --warm: #b4530a;
  --on: #fff; --note: #fdf3e4; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e4e7eb;
  --muted: #9ba5b0; --rule: #333a42; --accent: #2d6ea8; --warm: #b96a26;
  --on: #fff; --note: #2c2418; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 1100px;
  background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, 'Segoe UI', sans-serif;
  font-variant-numeric: tabular-nums; counter-reset: figure; }
h1 { font-size: 1.75rem; line-height: 1.2; font-weight: 650; margin: 0 0 .5rem;
  letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; font-weight: 650; margin: 3rem 0 1rem;
  padding-top: .9rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; font-weight: 600; margin: 1.2rem 0 .3rem; }
small { display: block; color: var(--muted); }
.lede { max-width: 46rem; font-size: 1.05rem; margin: 0 0 1.25rem; }
dl { display: grid; grid-template-columns: 9.5rem 1fr; gap: .2rem 1rem;
  margin: 0; font-size: .9rem; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
.warning { background: var(--note); border-left: 3px solid var(--warm);
  padding: .7rem 1rem .7rem 2rem; margin: 0 0 1.25rem; max-width: 46rem; }
figure { margin: 0 0 2rem; }
figcaption { color: var(--muted); font-size: .87rem; max-width: 46rem;
  margin-top: .6rem; counter-increment: figure; }
figcaption::before { content: 'Figure ' counter(figure) '. '; font-weight: 600;
  color: var(--ink); }
.scroll { overflow: auto; max-height: 34rem; }
.scroll svg { min-width: var(--width, 560px); }
.maps { display: flex; flex-wrap: wrap; gap: 1.2rem 2.5rem; }
.maps > * { max-width: 100%; }
table { border-collapse: collapse; font-size: .87rem; white-space: nowrap; }
th, td { padding: .28rem .75rem; text-align: right; font-weight: 400; }
th:first-child { text-align: left; padding-left: .2rem; }
thead th { white-space: normal; max-width: 9rem; position: sticky; top: 0;
  background: var(--paper); color: var(--muted);
  box-shadow: inset 0 -1px var(--rule);
  vertical-align: bottom; }
tbody tr + tr > * { border-top: 1px solid var(--rule); }
tr.bad > :last-child { color: var(--warm); font-weight: 600; }
.panels { display: grid; gap: 1.1rem 1.4rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); }
.legend { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; margin: 0 0 .8rem;
  font-size: .87rem; }
i { display: inline-block; width: .7em; height: .7em; border-radius: 50%;
  background: var(--c); margin-right: .45em; }
i.best, i.median { outline: 2px solid var(--ink); outline-offset: 1px; }
i.median { outline-style: dotted; }
svg { display: block; font: 11px system-ui, -apple-system, sans-serif;
  overflow: visible; }
svg text { fill: var(--muted); }
svg .title { fill: var(--ink); font-size: 12.5px; font-weight: 600; }
svg .mid { text-anchor: middle; } svg .end { text-anchor: end; }
svg .strong, svg .note { fill: var(--ink); } svg .on { fill: var(--on); }
.grid { stroke: var(--rule); } .axis { stroke: var(--muted); }
.rule { stroke: var(--muted); stroke-dasharray: 2 3; }
.bar { fill: var(--rule); }
.cell { fill: var(--accent); } .below { fill: var(--warm); }
.line { fill: none; stroke-width: 1.4; stroke-linejoin: round;
  stroke-linecap: round; }
.crowd .line { opacity: .45; stroke-width: 1; }
.line.best { stroke-width: 2.6; }
.line.median { stroke-width: 2.2; stroke-dasharray: 5 4; }
.crowd .best, .crowd .median { opacity: 1; stroke-width: 1.8; }
.dot { stroke: var(--paper); stroke-width: 1; fill-opacity: .85; }
.dot.best, .dot.median { stroke: var(--ink); stroke-width: 1.6; }
.dot.median { stroke-dasharray: 2 2; }
.crowd .dot { r: 2.5px; stroke-width: .5; }
.crowd .dot.best, .crowd .dot.median { r: 4px; stroke-width: 1.4; }
.row { display: grid; grid-template-columns: 9.5rem minmax(0, 1fr);
  gap: 0 1rem; align-items: center; margin-bottom: 3px; font-size: .87rem; }
.row > img, .ends { width: 100%; max-width: 760px; height: auto; }
.row small { font-size: 1em; }
.idle span { color: var(--muted); }
.ends { display: flex; justify-content: space-between; color: var(--muted); }
.ends em { font-style: normal; width: calc(100% / 11); text-align: center; }
img { image-rendering: pixelated; vertical-align: middle; max-width: 100%; }
.inline { height: 2rem; width: auto; border: 1px solid var(--rule); }
.moving { width: 660px; }
.wide { grid-template-columns:
  repeat(auto-fill, minmax(min(100%, 460px), 1fr)); }
.panels img { width: 100%; height: auto; }
details { margin: 0 0 1.5rem; } summary { cursor: pointer; }
pre, code { font: 12.5px/1.5 ui-monospace, Menlo, Consolas, monospace; }
pre { overflow: auto; }
@media (max-width: 640px) {
  body { padding: 1.25rem 1rem 3rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  .row { grid-template-columns: 1fr; margin-bottom: 9px; }
  .row small { display: inline; margin-left: .5em; }
}
"""


def document(title: str, header: str, sections: Sequence[str]) -> str:
  """A whole HTML file from its title (text), header and sections (markup)."""
  head = [
    tag('meta', charset='utf-8'),
    tag('meta', name='viewport', content='width=device-width'),
    tag('title', text(title)),
    tag('style', _STYLE),
  ]
  body = tag('body', tag('header', header), tag('main', *sections))
  return '<!doctype html>\n' + tag('html', tag('head', *head), body, lang='en')


def assemble(view: view_lib.View, drawn: pictures.Pictures) -> str:
  """The whole document, in the order in which a reader asks.

  Args:
    view: the run.
    drawn: what its networks make of images.
  """
  sections = [
    markup.section(
      'Scores',
      scores.summary(view),
      scores.strips(view),
      scores.members(view),
      scores.every_score(view),
    ),
    markup.section('Reconstructions', pictures.reconstructions(view, drawn)),
    markup.section('Traversals', pictures.traversal_figures(view, drawn)),
    markup.section('Latents', curves.latents(view), curves.matrices(view)),
    markup.section(
      'Hyperparameters', curves.sweep(view), scores.settings(view)
    ),
    markup.section('Agreement of the metrics', scores.correlations(view)),
    markup.section('Training', curves.training(view)),
    facts.config_section(view.config),
  ]
  return document(facts.title(view), facts.head(view), sections)
