"""Sans-I/O machines any venue may use: bytes and time in, bytes and events out."""
