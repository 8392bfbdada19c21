"""Downloads from a server of the test's own: resumed, checked, in one line."""

import fcntl
import hashlib
import http.server
import threading

import numpy as np
import pytest

from bvae_jax.data import checksum, download, prepare, sets
from bvae_jax.data.sets import spec

CONTENT = bytes(range(256)) * 4096


class Handler(http.server.BaseHTTPRequestHandler):
  """Serves CONTENT, in ranges too; /short ends early; /html is a page."""

  def do_GET(self):  # noqa: N802
    body = CONTENT
    if self.path == '/html':
      body = b'<!DOCTYPE html><html>quota exceeded</html>'
    first = 0
    if value := self.headers.get('Range'):
      first = int(value.removeprefix('bytes=').removesuffix('-'))
      self.server.ranges.append(first)
    self.send_response(206 if first else 200)
    self.send_header('Content-Length', str(len(body) - first))
    self.end_headers()
    end = len(body) // 2 if self.path == '/short' and not first else None
    self.wfile.write(body[first:end])

  def log_message(self, *_):
    pass


@pytest.fixture(scope='module')
def server():
  with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as found:
    found.ranges = []
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    found.url = f'http://127.0.0.1:{found.server_port}'
    yield found
    found.shutdown()


def remote(url) -> spec.Remote:
  return spec.Remote('file.bin', url)


def test_goes_on_where_it_stopped(server, tmp_path):
  with pytest.raises(OSError, match='524,288 of 1,048,576 bytes') as caught:
    download.fetch(remote(f'{server.url}/short'), tmp_path, 'PAGE')
  message = str(caught.value)
  assert f'get file.bin from PAGE and put it into {tmp_path}' in message
  assert '--from' in message and '\n' not in message
  assert [p.name for p in tmp_path.iterdir()] == ['file.bin.part']
  with (tmp_path / 'file.bin.part').open('ab') as other:  # of another command
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(OSError, match='another command fetches it; wait'):
      download.fetch(remote(f'{server.url}/short'), tmp_path, 'PAGE')
  path = download.fetch(remote(f'{server.url}/short'), tmp_path, 'PAGE')
  assert server.ranges == [len(CONTENT) // 2]
  assert path.read_bytes() == CONTENT
  assert download.fetch(remote('http://nowhere'), tmp_path, '') == path


def test_a_page_in_place_of_a_file(server, tmp_path):
  with pytest.raises(ValueError, match='gave an HTML page'):
    download.fetch(remote(f'{server.url}/html'), tmp_path, 'PAGE')
  assert not list(tmp_path.iterdir())


def test_no_network_and_no_address(tmp_path):
  with pytest.raises(
    OSError, match='cannot be fetched .*refused.* put it into'
  ):
    download.fetch(remote('http://127.0.0.1:9/x'), tmp_path, 'PAGE')
  with pytest.raises(OSError, match='with a browser: get file.bin from PAGE'):
    download.fetch(remote(''), tmp_path, 'PAGE')


def test_checksums(tmp_path):
  path = tmp_path / 'a'
  path.write_bytes(b'hello\n')  # git hash-object says so:
  git = 'git:ce013625030ba8dba906f756967f9e9ca394464a'
  assert checksum.of(path, 'git') == git
  md5 = 'md5:' + hashlib.md5(b'hello\n').hexdigest()
  assert checksum.difference(path, md5, 6) == ''
  told = checksum.difference(path, 'md5:0', 7)
  assert (
    told == f'6 bytes where 7 were published, {md5} where md5:0 was published'
  )


def test_a_set_is_fetched_checked_and_prepared(server, tmp_path, monkeypatch):
  lit = np.random.default_rng(0).integers(0, 2, (2, 64, 64)).astype(np.uint8)
  np.savez(tmp_path / 'a.npz', imgs=lit, latents_classes=np.zeros((2, 6), int))
  content = (tmp_path / 'a.npz').read_bytes()
  monkeypatch.setitem(globals(), 'CONTENT', content)
  digest = hashlib.sha256(content).hexdigest()
  real = sets.SETS['dsprites']

  def published(checksum):
    file = spec.Remote('d.npz', f'{server.url}/d', checksum, len(content))
    monkeypatch.setitem(sets.SETS, 'dsprites', real._replace(files=(file,)))

  published('sha256:bad')
  with pytest.raises(ValueError, match='sha256:bad was published: delete it'):
    prepare.prepare('dsprites', str(tmp_path / 'home'))
  published(f'sha256:{digest}')
  folder = prepare.prepare('dsprites', str(tmp_path / 'home'))
  assert '(the published files)' in (folder / 'facts.json').read_text()
