"""House rules of the package's own code."""

import ast
import collections
import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent
READERS = ('bvae_jax', 'configs', 'docs', 'colabs', 'benchmarks', 'launch')
FILES = sorted((ROOT / 'bvae_jax').rglob('*.py'))


def test_files_are_short():
  long = {
    path.relative_to(ROOT).as_posix(): count
    for path in FILES
    if (count := len(path.read_text().splitlines())) > 250
  }
  assert not long, f'over 250 lines: {long}; split them by what they do'


def names(tree):
  """What a module and its classes define, less what Python calls itself."""
  for node in tree.body:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
      if not node.decorator_list or isinstance(node, ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
      found = node.targets if isinstance(node, ast.Assign) else [node.target]
      yield from (name.id for name in found if isinstance(name, ast.Name))
    if isinstance(node, ast.ClassDef):
      methods = (n for n in node.body if isinstance(n, ast.FunctionDef))
      yield from (method.name for method in methods)


def test_nothing_is_defined_that_nobody_uses():
  """A name that stands once in all that is shipped is its definition alone."""
  count = collections.Counter()
  for path in (p for folder in READERS for p in (ROOT / folder).rglob('*.*')):
    if path.suffix in ('.py', '.md', '.ipynb', '.html', '.js'):
      count.update(re.findall(r'\w+', path.read_text()))
  called = re.compile(r'__\w+__|do_GET|handleError')
  dead = [
    f'{path.relative_to(ROOT)}: {name}'
    for path in FILES
    for name in names(ast.parse(path.read_text()))
    if count[name] == 1 and not called.fullmatch(name)
  ]
  assert not dead


def test_keys_are_made_in_one_place():
  """So that no flag of JAX changes what a seed draws."""
  made = [
    f'{path.relative_to(ROOT)}:{node.lineno}'
    for path in FILES
    if path.name != 'draws.py'
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.Attribute)
    and ast.unparse(node)
    in ('jax.random.key', 'jax.random.PRNGKey', 'jax.random.wrap_key_data')
  ]
  assert not made
