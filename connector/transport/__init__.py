"""The I/O shell: sockets, TLS, reconnecting; knows a venue only through its contract."""
