"""InvarLock: its configuration, runs, guards, certificates and failures."""
