"""The daemon's instruments, as its sessions find them."""

from collections.abc import Iterator, Mapping
from typing import Any

from connector._speedups.events import Instrument
from connector._speedups.reader import MarketReader


class Instruments(Mapping[Any, Instrument]):
    """The daemon's instruments: by index, (exchange, symbol), or symbol when one exchange has it.

    Grows while one polls; symbols are case-sensitive, exchange names are not.
    """

    def __init__(self, reader: MarketReader) -> None:
        self._reader = reader

    def __getitem__(self, key: int | str | tuple[str, str]) -> Instrument:
        listed = self._reader.listed_now()
        if isinstance(key, int):
            if not 0 <= key < len(listed):
                raise KeyError(key)
            return listed[key]
        exchange, symbol = key if isinstance(key, tuple) else (None, key)
        found = [
            instrument
            for instrument in listed
            if instrument.symbol == symbol
            and (exchange is None or instrument.exchange.lower() == exchange.lower())
        ]
        if len(found) > 1:
            names = ", ".join(instrument.exchange for instrument in found)
            raise KeyError(f"{symbol} is listed by {names}: ask for (exchange, symbol)")
        if not found:
            raise KeyError(key)
        return found[0]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter([(i.exchange, i.symbol) for i in self._reader.listed_now()])

    def __len__(self) -> int:
        return len(self._reader.listed_now())
