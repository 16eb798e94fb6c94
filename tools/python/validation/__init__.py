"""The Python side of the validation suite: runs one cell (unit of work) for each job file."""
