"""The sections of a study, or of several runs: each of a `Study`."""
