"""The kinds of cells, one module each: `run(job)` does the work that a job file names."""
