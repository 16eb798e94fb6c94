"""What only Python can tell of a host."""
