from typing import Final

from connector._speedups.desk import Command
from connector.model.instrument import Instrument

ROOM: Final[int]

class OrderEncoder:
    number: int
    """The next request's, where a venue's requests have one."""
    def add(self, index: int, instrument: Instrument) -> None: ...
    def remove(self, index: int) -> None: ...
    def request(
        self,
        command: Command,
        client_order_id: str,
        order_id: int | None,
        venue_order_id: str,
        side: int,
        position_side: int,
        price_e: int | None,
        qty_e: int | None,
        venue_ns: int,
    ) -> bytes | None: ...
    def encode(self, command: bytes, venue_ns: int, room: int = ...) -> bytes | None: ...
