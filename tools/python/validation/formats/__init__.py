"""Quantized checkpoints: which formats there are, and what numbers their packed tensors stand for."""
