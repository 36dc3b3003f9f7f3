"""The error tree, sorted by what the caller does next."""


class ConnectorError(Exception):
    """Root of everything the connector raises on purpose."""


class ConfigError(ConnectorError):
    """The configuration is wrong: mend the file; every fault found is named."""


class VenueError(ConnectorError):
    """A request to a venue did not give what was asked."""


class Rejected(VenueError):
    """The venue said no; nothing happened there."""


class Unknown(VenueError):
    """No answer, or one that proves nothing; ask the venue before acting."""


class Throttled(VenueError):
    """Nothing was done; try again at ``retry_ns`` (CLOCK_MONOTONIC)."""

    def __init__(self, message: str, retry_ns: int) -> None:
        super().__init__(message)
        self.retry_ns = retry_ns


class NotSent(VenueError):
    """Nothing left this machine; trying again is safe."""


class ProtocolError(ConnectorError):
    """The peer broke its protocol; the connection is of no more use."""


class AttachError(ConnectorError):
    """The daemon cannot be attached to; the message says why."""


class EpochChanged(ConnectorError):
    """The daemon was restarted: attach again."""


class Stalled(ConnectorError):
    """The daemon stopped writing half-way (it is stopped or hung): do not trust the market."""


class Full(ConnectorError):
    """The command ring is full: nothing was written; the daemon is behind or gone."""


class AlreadyRunning(ConnectorError):
    """Another daemon holds the runtime or the state directory."""
