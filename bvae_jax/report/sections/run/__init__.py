"""The sections of a run: each of a `View`."""
