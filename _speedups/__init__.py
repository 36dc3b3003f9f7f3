"""The compiled kernels of the two data paths; imports nothing of ``connector``."""
