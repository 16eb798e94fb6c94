"""How a process computes: determinism, attention, where a model lies."""
