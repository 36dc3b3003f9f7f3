"""Other projects on the same frames, in an environment of their own."""
