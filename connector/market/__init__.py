"""Keeping books true: the venue's numbered rules, subscriptions, resync."""
