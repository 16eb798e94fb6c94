"""Changes made to InvarLock 0.3.7 inside the process of a run: how it loads, copies and compares a model."""
