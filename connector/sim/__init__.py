"""The simulated venue: its own protocols, synthetic flow or recordings, faults on command."""
