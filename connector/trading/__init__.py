"""Orders after they left: what became of each, what must be asked, what is reported."""
