"""Training of a population: experiment, step, batches, program, loop, hooks."""
