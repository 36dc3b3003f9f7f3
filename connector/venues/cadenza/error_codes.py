"""The venue's error codes and what each proves about the request, as data (section 4.2 of the
reference; the venue has numbers and words, the names are ours)."""

from enum import Enum

from msgspec import Struct


class Proof(Enum):
    """What a code says of the request it answers."""

    UNKNOWN = "UK"
    """It may have been executed: find out."""
    LIMIT = "RL"
    """A rate limit, here or at the venue behind; not executed."""
    KEY = "AF"
    """The token, the key of the venue behind, or the right to do it: not executed."""
    REFUSED = "RJ"
    """Final."""


class Row(Struct, frozen=True):
    """One code."""

    code: int
    name: str
    proof: Proof
    reconcile: bool = False
    """Final for the request, but order or position may not be what we think: query."""


# Five digits: two of the module (18 venue connector, 19 web, 22 use case, 26 authentication), three
# of the fault. The published list ends in the middle of the module 22 and has nothing of 26.
# q: reconcile.
TABLE = """
18000 UK  CONNECTOR_UNKNOWN
18001 RJ  ORDER_TYPE_UNSUPPORTED
18002 RJ  ORDER_SIDE_UNSUPPORTED
18003 RJ  TIME_IN_FORCE_UNSUPPORTED
18004 UK  EXCHANGE_ERROR
18005 AF  VENUE_AUTHENTICATION
18006 RJq INSUFFICIENT_FUNDS
18007 RJ  INVALID_ORDER
18008 RJ  BAD_REQUEST
18009 UK  NETWORK_ERROR
18010 UK  DDOS_PROTECTION
18011 RL  VENUE_RATE_LIMIT
18012 UK  VENUE_UNAVAILABLE
18013 UK  VENUE_MAINTENANCE
18015 UK  REQUEST_TIMEOUT
18016 RJ  NOT_SUPPORTED
18017 RJ  SYMBOL_NOT_FOUND
18018 UK  ORDER_NOT_FOUND
18019 UK  POSITION_NOT_FOUND
18020 UK  BALANCE_NOT_FOUND
18022 AF  INVALID_API_KEY
18025 RJ  ORDER_REJECTED
19000 UK  WEB_GENERIC
19001 RJ  BAD_SYNTAX
19002 AF  UNAUTHORIZED
19003 RJ  NO_SUCH_ROUTE
19004 RJ  FORM_VALIDATION
19005 RJ  MALFORMED_JSON
19006 UK  SERVICE_UNAVAILABLE
22000 UK  USE_CASE_UNKNOWN
22014 UK  LOCK_NOT_ACQUIRED
22015 RJ  INVALID_ARGUMENT
22016 RJq NOT_FOUND
22017 UK  CONFLICT
"""


def _rows(table: str) -> dict[int, Row]:
    found = {}
    for line in table.strip().splitlines():
        code, kind, name = line.split()
        row = Row(int(code), name, Proof(kind[:2]), kind[2:] == "q")
        assert row.code not in found
        found[row.code] = row
    return found


ROWS = _rows(TABLE)
"""By code without its sign. A code that is not here proves nothing about an order, except that one
of the module 26 speaks of the token."""

AUTHENTICATION = 26
"""The module whose codes are about the token; none of them is published."""
BEHIND = 18
"""The module whose codes are about a venue behind this one: 18005 and 18022 come with HTTP 401 and
mean the key that one trading account has there."""
