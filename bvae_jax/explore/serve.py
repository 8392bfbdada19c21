"""One file, served on the loopback interface alone."""

import contextlib
import http.server
import pathlib


def server(path: pathlib.Path, port: int) -> http.server.HTTPServer:
  """A server of one file on 127.0.0.1; other paths are not found.

  Requests under another host's name are refused: a page of anybody's could
  otherwise have its own name lead here, and read the file.

  Args:
    path: the file, of HTML; read anew for each request.
    port: to listen on; 0 takes a free one.

  Raises:
    OSError: the port is in use.
  """

  class Handler(http.server.BaseHTTPRequestHandler):
    """Answers / and /NAME with the file."""

    def do_GET(self) -> None:
      with contextlib.suppress(ConnectionError):  # of a reader that went away
        self._answer()

    def _answer(self) -> None:
      host = self.headers.get('Host', '').partition(':')[0]
      if host not in ('', '127.0.0.1', 'localhost'):  # some site's own name
        self.send_error(403, 'ask for 127.0.0.1')
        return
      if self.path.partition('?')[0] not in ('/', f'/{path.name}'):
        self.send_error(404)
        return
      try:
        body = path.read_bytes()
      except OSError as error:
        self.send_error(404, str(error.strerror))
        return
      self.send_response(200)
      self.send_header('Content-Type', 'text/html; charset=utf-8')
      self.send_header('Content-Length', str(len(body)))
      self.end_headers()
      self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
      del format, args

  try:
    return http.server.ThreadingHTTPServer(('127.0.0.1', port), Handler)
  except OSError as error:
    raise OSError(
      f'port {port} cannot be used ({error.strerror}); choose another --port'
    ) from None


def forever(path: pathlib.Path, port: int) -> None:
  """Serves until interrupted."""
  with server(path, port) as running:
    address = f'http://127.0.0.1:{running.server_port}/'
    print(f'{address}  (Ctrl-C ends it)', flush=True)
    with contextlib.suppress(KeyboardInterrupt):
      running.serve_forever()
