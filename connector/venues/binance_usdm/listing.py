"""Decode exchangeInfo in pieces: a megabyte at once would hold everything else up for milliseconds.

The symbols are cut out of the answer first; what is left is small and decoded as ever, and then
each symbol by itself. ``instruments.instruments`` decodes the whole and is the oracle."""

import re
from collections.abc import Generator

import msgspec

from connector.model.instrument import Instrument
from connector.venues.binance_usdm import instruments, limits
from connector.venues.contract import Listing, Pieces

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]"]', re.S)
_COLON = re.compile(rb"\s*:")
TOKENS = 64
"""Looked at between two pauses."""


def pieces(body: bytes) -> Pieces:
    """The instruments and limits of an exchangeInfo answer; raises ValueError when it is none."""
    rest, symbols = yield from _cut(body)
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


def _cut(body: bytes) -> Generator[None, None, tuple[bytes, list[msgspec.Raw]]]:
    """The answer with ``{}`` in place of each object of the list ``symbols``, and those objects."""
    rest: list[bytes] = []
    symbols: list[msgspec.Raw] = []
    depth = done = start = 0
    key, inside = b"", False
    for count, token in enumerate(_TOKEN.finditer(body)):
        if not count % TOKENS:
            yield
        text = token[0]
        if text in (b"{", b"["):
            depth += 1
            if depth == 2 and text == b"[" and key == b'"symbols"':
                inside = True
                symbols.clear()  # of a key that is there twice, the last counts
            elif depth == 3 and text == b"{" and inside:
                start = token.start()
        elif text in (b"}", b"]"):
            depth -= 1
            if depth == 2 and text == b"}" and inside:
                rest += (body[done:start], b"{}")
                done = token.end()
                symbols.append(msgspec.Raw(body[start:done]))
            elif depth == 1:
                inside = False
        elif text == b'"':
            raise ValueError("exchangeInfo: a string without an end")
        elif depth == 1 and _COLON.match(body, token.end()):
            key = text
    rest.append(body[done:])
    return b"".join(rest), symbols
