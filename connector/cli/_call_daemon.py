"""A call of an endpoint through the running daemon, as a strategy makes it."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

import connector
from connector.errors import ConfigError
from connector.transport.calls import Called
from connector.venues.contract import Endpoint, Outcome


class Asked(Struct, frozen=True):
    """What a call names beside its endpoint."""

    venue: str
    account: str
    timeout_s: float


def through(
    strategy: str, runtime_dir: str, row: Endpoint, asked: Asked, params: Mapping[str, Any]
) -> Called:
    """Make it as that strategy; raises ConnectorError where the daemon refuses."""
    if row.changes:  # takes the strategy's place, which must be free
        session: connector.Session = connector.attach(strategy, runtime_dir or None, trading=True)
    else:
        session = connector.attach(strategy, runtime_dir or None)
    with session:
        try:
            answer = session.call(
                asked.venue, row.name, params, account=asked.account, timeout=asked.timeout_s
            )
        except ValueError as error:  # the daemon's table is another version's
            raise ConfigError(str(error)) from None
    return Called(
        endpoint=answer.endpoint,
        outcome=Outcome(answer.outcome),
        status=answer.status,
        code=answer.code,
        message=answer.message,
        retry_ns=answer.retry_ns,
        body=answer.body,
    )
