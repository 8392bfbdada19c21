"""Milliseconds an image that the decoder of explorer.html takes in a browser.

`python -m benchmarks.explorer [PAGE ...]`: of pages, or of one untrained member
of each decoder on 64x64 grey images. The page itself takes the time, in
chromium: means of ten images each, the least and the median of twenty.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import jax

from bvae_jax import config as config_lib
from bvae_jax import explore, models
from bvae_jax.training import experiment as experiment_lib
from bvae_jax.training import step

_SCRIPT = """<script>addEventListener('load', () => {
  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random()))
    * Math.cos(2 * Math.PI * Math.random());
  const block = () => {
    const start = performance.now();
    for (let i = 0; i < 10; i++) decoded(model(), model().kl.map(normal));
    return (performance.now() - start) / 10;
  };
  for (let i = 0; i < 5; i++) block();
  const found = Array.from({length: 20}, block).sort((a, b) => a - b);
  document.body.append(make('pre', {
    id: 'timed', textContent: `${found[0]} ${found[10]}`}));
});</script>"""


def milliseconds(page: pathlib.Path) -> tuple[float, float]:
  """The least and the median of a page's decoder.

  Raises:
    OSError: there is no chromium.
    ValueError: the page does not answer.
  """
  browser = shutil.which('chromium') or shutil.which('google-chrome')
  if not browser:
    raise OSError('needs chromium or google-chrome')
  with tempfile.TemporaryDirectory() as folder:
    timed = pathlib.Path(folder) / 'timed.html'
    timed.write_text(page.read_text().replace('</body>', f'{_SCRIPT}</body>'))
    done = subprocess.run(
      [browser, '--headless=new', '--no-sandbox', '--disable-gpu',
       '--dump-dom', f'file://{timed}'],
      capture_output=True, text=True, timeout=600,
    )  # fmt: skip
  found = re.findall(r'<pre id="timed">(\S+) (\S+)</pre>', done.stdout)
  if not found:
    raise ValueError(f'{page} does not answer; is it an explorer.html?')
  least, median = map(float, found[0])
  return least, median


def untrained(decoder: str) -> str:
  """The page of a member that was never trained."""
  config = config_lib.default_config('vae')
  config.decoder = decoder
  experiment = experiment_lib.build(config)
  params = step.init(experiment, jax.random.key(0)).params
  return explore.render(decoder, experiment, [(0, params)], None)


def pages(given: list[str], folder: pathlib.Path) -> Iterator[pathlib.Path]:
  """The pages that are given, or one of each decoder."""
  yield from map(pathlib.Path, given)
  for decoder in () if given else models.DECODERS:
    path = folder / f'{decoder}.html'
    path.write_text(untrained(decoder))
    yield path


def main() -> None:
  with tempfile.TemporaryDirectory() as folder:
    for page in pages(sys.argv[1:], pathlib.Path(folder)):
      least, median = milliseconds(page)
      print(f'{page.stem}: {least:.1f} ms an image (median {median:.1f})')


if __name__ == '__main__':
  main()
