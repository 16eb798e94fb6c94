"""Checkpoints on the disk: reading, laying out, rewriting and storing them."""
