"""Studies: plans of runs, and their execution."""
