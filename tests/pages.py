"""Reads pages: their elements, their words and the rows of their charts."""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

_BROWSER = shutil.which('chromium') or shutil.which('google-chrome')
in_browser = pytest.mark.skipif(not _BROWSER, reason='needs chromium')


def written(address, mark, milliseconds):
  """What the scripts of a file's page leave, as JSON in the <pre> of an id."""
  command = [
    _BROWSER, '--headless=new', '--no-sandbox', '--disable-gpu', '--dump-dom',
    f'--virtual-time-budget={milliseconds}', f'file://{address}',
  ]  # fmt: skip
  done = subprocess.run(command, capture_output=True, text=True, timeout=120)
  (found,) = re.findall(f'<pre id="{mark}">(.*?)</pre>', done.stdout)
  return json.loads(found)


def without_scripts(page):
  return re.sub(r'<(script|style)>.*?</\1>', '', page, flags=re.DOTALL)


def tree(page):
  """The elements of a page, well-formed but for its scripts and styles."""
  return ET.fromstring(without_scripts(page).removeprefix('<!doctype html>'))


def _rows(columns):
  unpacked = {
    name: [column[0][i] for i in column[1]] if len(column) == 2 else column[0]
    for name, column in columns.items()
  }
  return [dict(zip(unpacked, row)) for row in zip(*unpacked.values())]


def charts(found):
  """{title: rows} of the charts of a page's tree."""
  titled = {}
  for box in found.iter('div'):
    if box.get('class') == 'chart':
      spec = json.loads(box.get('data-spec'))
      parts = [spec, *spec['layer']]
      titled[box.get('aria-label')] = [
        row for part in parts if 'data' in part for row in _rows(part['data'])
      ]
  return titled


def keys(found):
  """(colour, group) of each entry of the legends of a page, its charts’ too."""
  for key in found.iter('button'):
    if key.get('class') == 'key':
      yield key[0].get('style').removeprefix('--c:'), key[0].tail
  for box in found.iter('div'):
    if box.get('class') == 'chart':
      for colours in _scales(json.loads(box.get('data-spec'))):
        yield from zip(colours['range'], colours['domain'])


def _scales(spec):
  if isinstance(spec, dict):
    if isinstance(found := spec.get('color'), dict) and 'scale' in found:
      yield found['scale']
    spec = list(spec.values())
  if isinstance(spec, list):
    for part in spec:
      yield from _scales(part)
