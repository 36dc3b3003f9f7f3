"""Paper accounts: orders that never leave, matched against the market data the daemon receives.

    strategy → desk → account ─(latency)→ exchange ┐
    market ring → market ──────────────────────────┴→ matching engine → desk → reports

`exchange` is pure and deterministic: the same records and commands give the same fills. `market`
reads the daemon's own ring as any strategy does. `state` is what survives a kill. docs/paper.md
says what the model claims and what it cannot know.
"""
