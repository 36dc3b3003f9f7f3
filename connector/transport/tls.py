"""TLS contexts, made once at start: building one costs 18 ms, which no connection should pay."""

import ssl
from pathlib import Path

from connector.errors import ConfigError


def client_context(ca_file: str = "") -> ssl.SSLContext:
    """A verifying client context; ``ca_file`` replaces the system's authorities. ConfigError names
    a bad file."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"ca_file {Path(ca_file)}: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The WebSocket handshake and our REST client both speak HTTP/1.1 only.
    context.set_alpn_protocols(["http/1.1"])
    return context
