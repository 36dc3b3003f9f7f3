from typing import Final

from connector.model.instrument import Instrument

ROOM: Final[int]

class OrderEncoder:
    def add(self, index: int, instrument: Instrument) -> None: ...
    def remove(self, index: int) -> None: ...
    def encode(self, command: bytes, venue_ns: int, room: int = ...) -> bytes | None: ...
