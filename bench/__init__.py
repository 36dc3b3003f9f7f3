"""Benches: what the hot path costs on this machine, beside a baseline measured in the same run.

``python -m bench [kernels|path|ipc]...`` measures ours, ``python -m bench.peers`` ours and other
projects' on the same frames. Absolute figures are the machine's; the ratios are what to compare.
"""
