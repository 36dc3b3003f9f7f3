"""What everything else talks about: instruments, records, states, counters; no I/O, no clock."""
