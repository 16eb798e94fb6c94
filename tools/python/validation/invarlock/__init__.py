"""InvarLock 0.3.7: its configuration, runs, guards, certificates and failures."""
