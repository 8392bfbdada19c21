"""Lets the tests of this folder import `benchmarks`, which is not installed."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
