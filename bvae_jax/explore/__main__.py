"""Writes explorer.html of a run anew, for chosen members.

`python -m bvae_jax.explore --workdir=RUN [--members=best,median]
[--images=FOLDER] [--serve]`
"""

import dataclasses
import pathlib
import sys

import numpy as np
from absl import app, flags

from bvae_jax import cli, explore, trained, workdir
from bvae_jax.data import decode
from bvae_jax.explore import serve, shown

_MEMBERS = flags.DEFINE_list(
  'members',
  ['best', 'median'],
  'Which models: places from 0, best, median or udr; the first is shown.',
)
_IMAGES = flags.DEFINE_string(
  'images', None, 'Folder of pictures to show in place of the data set.'
)
_SERVE = flags.DEFINE_bool(
  'serve', False, 'Serve the page on this machine until interrupted.'
)
_PORT = flags.DEFINE_integer('port', 8000, 'Of --serve.', 0, 65535)


def _own_images(folder: str, image_shape: tuple[int, int, int]) -> np.ndarray:
  """The first pictures of a folder, uint8 [N, H, W, C].

  Raises:
    ValueError: no folder, no picture, one that cannot be read, or a model of
      images that pictures cannot be made into.
  """
  height, width, channels = image_shape
  if height != width or channels not in (1, 3):
    raise ValueError(
      f'--images needs a model of square grey or RGB images, not {image_shape}'
    )
  pictures = pathlib.Path(folder).expanduser()
  if not pictures.is_dir():
    raise ValueError(f'--images={folder} is no folder; give one of pictures')
  paths = sorted(
    path for path in pictures.iterdir() if decode.is_picture(path.name)
  )[: shown.affordable(shown.NUM_IMAGES, image_shape)]
  if not paths:
    raise ValueError(
      f'--images={folder} holds no picture; known are '
      f'{", ".join(decode.SUFFIXES)}'
    )
  found, ends = [], decode.ends_of(paths)
  for path in paths:
    try:
      found.append(decode.read(path, height, channels, 'crop', ends))
    except Exception as error:  # noqa: BLE001 (a decoder raises anything)
      raise ValueError(
        f'{path} cannot be read as a picture ({error}); mend it or take it away'
      ) from None
  return np.stack(found)


def _write(path: str) -> None:
  folder = workdir.Workdir(path)
  folder.check_writable()
  scores = explore.scores(folder)
  models = trained.load_all(folder.path, _MEMBERS.value)
  members = {model.member: model for model in models}
  first = models[0]
  given = _IMAGES.value
  own = _own_images(given, first.image_shape) if given else None
  text = explore.render(
    folder.path.resolve().name,
    dataclasses.replace(first.experiment, dataset=first.dataset),
    [(m, model.params) for m, model in members.items()],
    first.results,
    own,
  )
  target = explore.put(folder, text, scores)
  print(f'{target}: open it in a browser')
  if _SERVE.value:
    serve.forever(target, _PORT.value)


def parse(argv: list[str]) -> list[str]:
  """Flags; a port is of no use to a page that is not served."""
  rest = cli.parse(argv, {'workdir': 'RUN'})
  if flags.FLAGS['port'].present and not _SERVE.value:
    sys.exit('error: --port is that of --serve; give --serve too')
  return rest


def main(argv: list[str]) -> None:
  del argv
  cli.call(_write, cli.WORKDIR.value)


if __name__ == '__main__':
  app.run(main, flags_parser=parse)
