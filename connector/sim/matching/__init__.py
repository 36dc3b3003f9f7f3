"""The matching engine of the simulated venue: pure, exact, deterministic, venue-neutral.

No clock, no I/O: every call is told the time. `api.Matching` is what a venue's face uses.
"""
