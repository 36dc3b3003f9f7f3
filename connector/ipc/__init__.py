"""Shared memory: segments, the attach server and the strategy's side."""
