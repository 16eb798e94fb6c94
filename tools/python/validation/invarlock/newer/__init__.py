"""Later InvarLocks, which are other products: each in a process of its own, from a directory of its own."""
