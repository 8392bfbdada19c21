"""PNG and GIF: other decoders find the very pixels."""

import io
import struct
import zlib

import numpy as np
import pytest

from bvae_jax.report import images


def random_pixels(*shape, levels=256, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, levels, shape).astype(np.uint8)


def decode_png(raw):
  """An independent decoder of unfiltered 8-bit PNG files; checks each CRC."""
  assert raw[:8] == b'\x89PNG\r\n\x1a\n'
  at, body, header = 8, b'', None
  while at < len(raw):
    size, kind = struct.unpack('>I4s', raw[at : at + 8])
    content = raw[at + 8 : at + 8 + size]
    check = struct.unpack('>I', raw[at + 8 + size : at + 12 + size])[0]
    assert zlib.crc32(kind + content) == check
    if kind == b'IHDR':
      header = struct.unpack('>IIBB', content[:10])
    body += content * (kind == b'IDAT')
    at += 12 + size
  width, height, depth, colour_type = header
  assert depth == 8
  channels = {0: 1, 2: 3}[colour_type]
  lines = np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, -1)
  assert not lines[:, 0].any()
  return lines[:, 1:].reshape(height, width, channels)


def decode_lzw(data, bits):
  """An independent, slow decoder, after the GIF89a specification."""
  clear, end = 1 << bits, (1 << bits) + 1
  stream = ''.join(f'{byte:08b}'[::-1] for byte in data)
  at, width, out = 0, bits + 1, []
  table, last = {}, None
  while True:
    code = int(stream[at : at + width][::-1], 2)
    at += width
    if code == clear:
      table = {i: [i] for i in range(clear)} | {clear: None, end: None}
      width, last = bits + 1, None
      continue
    if code == end:
      return out
    word = table[code] if code in table else last + [last[0]]
    if last is not None and len(table) < 4096:
      table[len(table)] = last + [word[0]]
      if len(table) == 1 << width and width < 12:
        width += 1
    out += word
    last = word


def decode_gif(raw):
  """Frames uint8 [T, H, W, 3] of a GIF with a global table of colours."""
  assert raw[:6] == b'GIF89a' and raw[-1] == 0x3B
  width, height, flags = struct.unpack('<HHB', raw[6:11])
  entries = 2 << (flags & 7)
  colours = np.frombuffer(raw[13 : 13 + 3 * entries], np.uint8).reshape(-1, 3)
  at, frames = 13 + 3 * entries, []

  def blocks(at):
    body = b''
    while raw[at]:
      body += raw[at + 1 : at + 1 + raw[at]]
      at += raw[at] + 1
    return body, at + 1

  while raw[at] != 0x3B:
    if raw[at] == 0x21:
      _, at = blocks(at + 2)
    else:
      body, after = blocks(at + 11)
      frame = colours[decode_lzw(body, raw[at + 10])]
      frames.append(frame.reshape(height, width, 3))
      at = after
  return np.stack(frames)


def as_rgb(pixels):
  return np.broadcast_to(pixels, (*pixels.shape[:-1], 3))


PNG_SHAPES = [(1, 1, 1), (7, 5, 1), (4, 9, 3)]


@pytest.mark.parametrize('shape', PNG_SHAPES)
def test_png_holds_the_pixels(shape):
  pixels = random_pixels(*shape)
  np.testing.assert_array_equal(decode_png(images.png(pixels)), pixels)


@pytest.mark.parametrize(
  'frames',
  [
    random_pixels(1, 90, 90, 1),  # the table of codes fills up and is cleared
    random_pixels(2, 60, 70, 1, levels=2),
    np.zeros((2, 40, 40, 1), np.uint8),
    random_pixels(2, 30, 30, 3, levels=6),  # 216 colours
    random_pixels(1, 1, 1, 3),
  ],
  ids=['noise', 'binary', 'constant', 'colours', 'pixel'],
)
def test_gif_holds_the_pixels_of_up_to_256_colours(frames):
  np.testing.assert_array_equal(decode_gif(images.gif(frames)), as_rgb(frames))


def test_gif_ends_well_after_any_number_of_pixels():
  noise = random_pixels(1, 1, 700, 1, levels=4)
  for width in range(1, 700, 3):
    frames = noise[:, :, :width]
    np.testing.assert_array_equal(
      decode_gif(images.gif(frames)), as_rgb(frames)
    )


def test_gif_reduces_more_colours_with_a_small_error():
  y, x = np.mgrid[:48, :48]
  frame = np.stack([5 * x, 5 * y, 2 * (x + y)], -1).astype(np.uint8)
  found = decode_gif(images.gif(frame[None]))[0].astype(float)
  assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 2000
  assert np.abs(found - frame).mean() < 6.0


def test_pillow_reads_both():
  image = pytest.importorskip('PIL.Image')
  pixels = random_pixels(20, 30, 3, levels=5)
  read = np.asarray(image.open(io.BytesIO(images.png(pixels))))
  np.testing.assert_array_equal(read, pixels)
  frames = random_pixels(3, 20, 30, 3, levels=5)
  moving = image.open(io.BytesIO(images.gif(frames, milliseconds=80)))
  assert (moving.n_frames, moving.info['duration']) == (3, 80)
  assert moving.info['loop'] == 0
  for t, frame in enumerate(frames):
    moving.seek(t)
    np.testing.assert_array_equal(np.asarray(moving.convert('RGB')), frame)


def test_to_uint8_rounds_and_clips():
  values = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, np.nan])[:, None]
  np.testing.assert_array_equal(
    images.to_uint8(values)[:, 0], [0, 0, 128, 255, 255, 0]
  )


@pytest.mark.parametrize(
  'pixels',
  [np.zeros((2, 2, 1)), random_pixels(2, 2), random_pixels(2, 2, 4)],
  ids=['float', 'rank', 'channels'],
)
def test_wrong_pixels_are_refused_by_shape(pixels):
  with pytest.raises(ValueError, match=str(pixels.shape[-1])):
    images.png(pixels)
