"""The numeric set-up of a process: determinism, attention, and the devices that hold a model."""
