"""Decode exchangeInfo in pieces: a megabyte at once would hold everything else up for milliseconds.

The symbols are cut out of the answer first; what is left is small and decoded as ever, and then
each symbol by itself. ``instruments.instruments`` decodes the whole and is the oracle."""

import msgspec

from connector.model.instrument import Instrument
from connector.protocol.cutting import cut
from connector.venues.binance_usdm import instruments, limits
from connector.venues.contract import Listing, Pieces


def pieces(body: bytes) -> Pieces:
    """The instruments and limits of an exchangeInfo answer; raises ValueError when it is none."""
    symbols: list[msgspec.Raw] = []
    try:
        rest = yield from cut(body, {"symbols": symbols})
    except ValueError as error:
        raise ValueError(f"exchangeInfo: {error}") from None
    info = instruments.exchange_info(rest)
    left = iter(symbols)
    found: dict[str, Instrument] = {}
    faults = []
    for index, element in enumerate(info.symbols):
        yield
        raw = next(left, element) if bytes(element) == b"{}" else element
        fault = instruments.take(raw, index, found)
        if fault:
            faults.append(fault)
    listing = Listing(list(found.values()), faults, instruments.server_ns(info))
    return listing, limits.pools(info.rate_limits)
