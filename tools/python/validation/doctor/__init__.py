"""The doctor's checks of a host that need Python: packages, CUDA, hub access, windows."""
