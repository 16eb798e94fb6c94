"""Cells of the validation suite: one module a kind of cell, each a function of a job file."""
