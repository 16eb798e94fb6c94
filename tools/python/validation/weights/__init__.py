"""Checkpoints on disk: reading, laying out, rewriting and storing them, and the matrices in them."""
