"""The simulated venue: serves the venues' own protocols from the same tables."""
